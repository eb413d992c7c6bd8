"""Waits and delays, as the nodes file declares them among the tasks."""

from __future__ import annotations

from collections.abc import Callable

import fastjsonschema

from asyncflow.config.fields import Fields, read_fields, words_for
from asyncflow.config.schemas import check_schema, read_schema
from asyncflow.config.scope import Scope
from asyncflow.config.sections import DELAY, WAIT, WAITING
from asyncflow.config.templates import TemplateReader
from asyncflow.config.tree import Table
from asyncflow.model.durations import seconds_of
from asyncflow.model.flow import Delay, Literal, Wait
from asyncflow.model.names import Json, NodeName


def read_wait(table: Table, scope: Scope) -> None:
    """Adds the wait to the scope."""
    fields = read_fields(WAIT, table, scope.report)
    name, told = _name_of(fields, scope), fields.get("wait")
    if name is None or not isinstance(told, Table):
        return
    waiting = read_fields(WAITING, told, scope.report)
    schema = _schema(waiting, scope)
    scope.made_waits[name] = Wait(
        name=name,
        event=waiting.get("event", ""),
        timeout=seconds_of(waiting.get("timeout")),
        schema=schema,
        complaint=complaint_of(schema),
    )


def read_delay(table: Table, scope: Scope) -> None:
    """Adds the delay to the scope, together with what its template reads."""
    fields = read_fields(DELAY, table, scope.report)
    name = _name_of(fields, scope)
    if name is None or "delay" not in fields:
        return
    written, place = fields.get("delay"), fields.place("delay")
    reader = TemplateReader(scope.report)
    template = Literal(written) if seconds_of(written) is not None else reader.read(written, place)
    if template is None:
        return
    if isinstance(template, Literal) and seconds_of(template.value) is None:
        message = "`delay` must be a duration, or a template of one"
        scope.report.add("F203", message, place, label=f"this is {words_for(template.value)}")
    scope.made_waits[name] = Delay(name=name, duration=template)
    if reader.reads:
        scope.task_reads[name] = tuple(reader.reads)


def _name_of(fields: Fields, scope: Scope) -> NodeName | None:
    """None without a name, and for a second node of that name: reported already."""
    name: NodeName | None = fields.get("name")
    return None if name is None or scope.tasks.get(name) != fields.place("name") else name


def _schema(fields: Fields, scope: Scope) -> Json:
    found = fields.get("schema")
    if found is None:
        return None
    if isinstance(found, str):
        return read_schema(found, fields.place("schema"), scope.report)
    return check_schema(found, fields.key_place("schema"), scope.report)


def complaint_of(schema: Json) -> Callable[[Json], str]:
    """What is wrong with a payload, by its schema; empty when it fits."""
    if schema is None:
        return _none
    validate = fastjsonschema.compile(schema, use_default=False)

    def complaint(payload: Json) -> str:
        try:
            validate(payload)
        except fastjsonschema.JsonSchemaValueException as exc:
            return str(exc.message).replace("data", "payload", 1)
        return ""

    return complaint


def _none(payload: Json) -> str:
    return ""
