"""Task messages from templates: what is the same for every attempt at a task is built and checked once.

A template is made of a message that has passed `check_envelope`. Filling it in checks what varies, and gives up where
that takes more than a glance: the long way then decides, and has the same result for everything that a template takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asyncflow.model import jsontext
from asyncflow.model.commands import PublishTask
from asyncflow.model.flow import Task
from asyncflow.model.names import Json
from asyncflow.ports import CommonHeaders, Headers, Message
from asyncflow_celery.control import RUN_STAMP
from asyncflow_celery.envelope import short_repr

PLACE = "asyncflow-task-id-goes-here"
"""Stands for the id in the embedded options that a template is made with."""

_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,200}")
"""Ids that are the same in JSON and in headers, and not too long for either."""

_OWN = frozenset({"id", "root_id", "parent_id", "argsrepr", "kwargsrepr", "stamps"})
"""The headers that each message has for itself."""

_SHALLOW = 100
"""Brackets that cannot nest too deep, however they stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where workers report to."""

    reply_to: str
    exchange: str
    routing_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Messages for attempts at `task` that are reported to `address`; `embed` are the options, cut where the id goes."""

    task: Task
    address: Address
    model: Message
    common: CommonHeaders
    embed: tuple[bytes, ...]
    largest: int

    @staticmethod
    def of(task: Task, address: Address, model: Message, embed: Sequence[bytes], largest: int) -> Template:
        common = {name: value for name, value in model.headers.items() if name not in _OWN}
        return Template(
            task=task,
            address=address,
            model=model,
            common=CommonHeaders(common),
            embed=tuple(embed),
            largest=largest,
        )

    def filled(self, command: PublishTask, args: Sequence[Json], kwargs: Mapping[str, Json]) -> Message | None:
        """The message for another attempt, or None: it must be built and checked the long way."""
        id, run_id, root_id = command.id, command.run_id, command.root_id
        if not (_PLAIN.fullmatch(id) and _PLAIN.fullmatch(run_id) and _PLAIN.fullmatch(root_id)):
            return None
        call = _written(args, kwargs)
        if call is None:
            return None
        body = b"[%b,%b]" % (call, id.encode().join(self.embed))
        if len(body) > self.largest:
            return None
        own: dict[str, Json] = {
            "id": id,
            "root_id": root_id,
            "parent_id": run_id,
            "argsrepr": short_repr(tuple(args)) if args else "()",
            "kwargsrepr": short_repr(kwargs) if kwargs else "{}",
            "stamps": {RUN_STAMP: root_id},
        }
        model = self.model
        return Message(
            routing_key=model.routing_key,
            body=body,
            exchange=model.exchange,
            headers=Headers(self.common, own),
            correlation_id=id,
            reply_to=model.reply_to,
            priority=model.priority,
        )


def _written(args: Sequence[Json], kwargs: Mapping[str, Json]) -> bytes | None:
    """The call as JSON, unless there is something in it that must be looked at closely."""
    if not args and not kwargs:
        return b"[],{}"
    try:
        parts = jsontext.dumps(args), jsontext.dumps(kwargs)
    except TypeError:
        return None
    if any(part.startswith(b" ") for part in parts):  # not all of it is what any JSON reader takes
        return None
    call = b",".join(parts)
    if b'"__type__"' in call or call.count(b"[") + call.count(b"{") > _SHALLOW:
        return None
    return call
