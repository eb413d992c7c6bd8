"""Telling nodes files and flow files apart by their keys, and putting together what they declare."""

from __future__ import annotations

from dataclasses import dataclass, field

from asyncflow.config.fields import Fields, read_fields, tables_in, words_for
from asyncflow.config.flow_sections import FLOW
from asyncflow.config.kinds import IDENTIFIER
from asyncflow.config.report import Report, did_you_mean
from asyncflow.config.scope import Scope
from asyncflow.config.sections import FILE, SCHEDULE, STORAGE, TASK, Section
from asyncflow.config.tree import Merged, Series, Table, place_of_file
from asyncflow.errors import Place
from asyncflow.model.names import Json


@dataclass(slots=True)
class Parts:
    """What all files declare, unread."""

    tasks: list[Table] = field(default_factory=list)
    storages: list[Table] = field(default_factory=list)
    flows: list[Table] = field(default_factory=list)
    schedules: list[Table] = field(default_factory=list)
    flow_names: dict[str, Place] = field(default_factory=dict)
    lists_flows: bool = False
    globals: list[Table] = field(default_factory=list)


def gather(files: dict[str, Json], report: Report) -> Parts:
    parts = Parts()
    for file, value in files.items():
        if isinstance(value, Table):
            _gather_file(value, parts, report)
        else:
            place = value.place if isinstance(value, Series) else place_of_file(file)
            hint = "a file holds `tasks`, `flows`, `storages`, `schedules`, `global` or `flow-definitions`"
            report.add("F112", f"the file holds {words_for(value)}, and must hold a table", place, hint=hint)
    if len(parts.globals) > 1:
        parts.globals = [_merged(parts.globals, report)]
    return parts


def _merged(tables: list[Table], report: Report) -> Table:
    """`global` may be spread over files, so that each can add what others need not know."""
    merged = Merged(tables[0])
    for table in tables:
        for key in table:
            if key in merged:
                related = (merged.key_place(key), "first given here")
                message = f"`{key}` of `global` is given twice"
                report.contrast("F223", message, table.key_place(key), hint="keep one of them", related=related)
            else:
                merged.take(key, table)
    return merged


def declare(parts: Parts, scope: Scope) -> None:
    """Note every name in the scope; names that are given twice are reported."""
    for table in parts.storages:
        _declare(STORAGE, table, scope.storages, scope)
    for table in parts.schedules:
        _declare(SCHEDULE, table, scope.schedules, scope)
    for table in parts.tasks:
        _declare(TASK, table, scope.tasks, scope)
    for table in parts.flows:
        name: Json = table.get("name")
        if isinstance(name, str) and name in scope.tasks:
            related = (scope.tasks[name], "the task")
            hint = "tasks and flows share their names in edges; rename one"
            message = f"`{name}` is a task and a flow"
            scope.report.contrast("F204", message, table.place_at("name"), hint=hint, related=related)
        _declare(FLOW, table, scope.flows, scope)
    if parts.lists_flows:
        _compare_flows(parts, scope)


def _declare(section: Section, table: Table, names: dict[str, Place], scope: Scope) -> None:
    name = table.get("name")
    if not isinstance(name, str):
        return
    if name in names:
        related = (names[name], "first defined here")
        message = f"a second {section.title} is named `{name}`"
        scope.report.contrast("F204", message, table.place_at("name"), hint="rename one of them", related=related)
    else:
        names[name] = table.place_at("name")


def _compare_flows(parts: Parts, scope: Scope) -> None:
    """`flows` lists the names; definitions and names must match."""
    for name, place in scope.flows.items():
        if name not in parts.flow_names:
            hint = did_you_mean(name, set(parts.flow_names) - set(scope.flows)) or f"add `- {name}` there"
            scope.report.add("F301", f"the flow `{name}` is not listed under `flows`", place, hint=hint)
    for name, place in parts.flow_names.items():
        if name not in scope.flows:
            hint = did_you_mean(name, set(scope.flows) - set(parts.flow_names)) or "add it under `flow-definitions`"
            scope.report.add("F302", f"the flow `{name}` has no definition", place, hint=hint)
            scope.flows[name] = place


def _gather_file(table: Table, parts: Parts, report: Report) -> None:
    known = Table(table.file, table.span)
    for key, value in table.items():
        if key in FILE.spellings:
            known.put(key, value, table.spans[key])
        elif not key.startswith("x-"):
            hint = did_you_mean(key, FILE.spellings) or "name it x-... if it only holds anchors"
            report.add("F115", f"`{key}` is not a part of a configuration", table.key_place(key), hint=hint)
    fields = read_fields(FILE, known, report)
    parts.tasks += tables_in(TASK, fields.get("tasks"), report)
    parts.storages += tables_in(STORAGE, fields.get("storages"), report)
    parts.schedules += tables_in(SCHEDULE, fields.get("schedules"), report)
    parts.flows += tables_in(FLOW, fields.get("flow-definitions"), report)
    if isinstance(fields.get("global"), Table):
        parts.globals.append(fields.get("global"))
    if "flows" in fields:
        parts.lists_flows = True
        _gather_names(fields, parts, report)


def _gather_names(fields: Fields, parts: Parts, report: Report) -> None:
    for name, place in fields.named("flows"):
        if not IDENTIFIER.fullmatch(name):
            message = f"`{name}` cannot be the name of a flow"
            report.add("F203", message, place, hint="take letters, digits and underscores, no digit first")
        elif name in parts.flow_names:
            related = (parts.flow_names[name], "first listed here")
            report.contrast("F303", f"the flow `{name}` is listed twice", place, hint="remove one", related=related)
        else:
            parts.flow_names[name] = place
