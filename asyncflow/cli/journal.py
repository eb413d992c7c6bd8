"""`logs`: what was decided about a run and its sub-flows, line by line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from asyncflow.app import connecting
from asyncflow.cli.console import talk_console
from asyncflow.cli.environment import in_loop, settings_with_broker, terminated_as_interrupted
from asyncflow.cli.exits import Exit
from asyncflow.cli.logs import logs_on
from asyncflow.cli.options import Output, Where
from asyncflow.cli.sentences import Narrator, clock
from asyncflow.cli.views import looking
from asyncflow.model import facts as f
from asyncflow.model import journal, jsontext
from asyncflow.model.facts import Fact
from asyncflow.model.names import Json
from asyncflow.model.run import NodeKind

_PAGE = 500

_Read = Callable[[str, int, int], Awaitable[Sequence[Any]]]


def logs(run: str, follow: bool, where: Where, output: Output) -> int:
    """The body of `asyncflow logs`."""
    log = _Log(as_json=output.json)
    main = _following(run, where, log) if follow else _reading(run, where, log)
    with terminated_as_interrupted(), logs_on(talk_console(), output):
        in_loop(main)
    return Exit.OK


def _reading(run: str, where: Where, log: _Log) -> Callable[[], Awaitable[None]]:
    async def main() -> None:
        async with looking(where) as view:
            await log.catch_up((await view.report(run))["run_id"], view.journal)

    return main


def _following(run: str, where: Where, log: _Log) -> Callable[[], Awaitable[None]]:
    """What is pushed only says that there is more: the journal has it in order, and whole."""
    settings = settings_with_broker(where, "logs --follow", "without --follow the store is read")

    async def main() -> None:
        async with connecting(settings) as client:
            run_id = (await client.run(run).digest(0))["run_id"]

            def read(one: str, after: int, limit: int) -> Awaitable[Sequence[Any]]:
                return client.run(one).journal(after, limit)

            async with client.run(run_id).changes(0) as messages:
                await log.catch_up(run_id, read)
                async for message in messages:
                    await log.catch_up(run_id, read)
                    if message.get("ended"):
                        return

    return main


@dataclass(slots=True)
class _Place:
    """How far a run was told."""

    path: str
    narrator: Narrator
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    at: float
    run_id: str
    fact: Fact
    raw: Json


class _Log:
    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._places: dict[str, _Place] = {}

    async def catch_up(self, root: str, read: _Read) -> None:
        """Write what the journals of a run and of its sub-flows got since the last time, in the order of its time."""
        self._places.setdefault(root, _Place("", Narrator()))
        told: list[_Told] = []
        unread = list(self._places)
        while unread:
            run_id = unread.pop()
            found = await self._read(run_id, read)
            told += found
            unread += self._meet(run_id, found)
        told.sort(key=lambda one: one.at)
        for one in told:
            self._write(one)

    async def _read(self, run_id: str, read: _Read) -> list[_Told]:
        place, told = self._places[run_id], list[_Told]()
        while entries := await read(run_id, place.version, _PAGE):
            place.version = entries[-1]["version"]
            for entry in entries:
                at = datetime.fromisoformat(entry["at"]).timestamp()
                raws = [(name, dict(members)) for name, members in entry["facts"]]
                for raw, fact in zip(raws, journal.from_json(entry["facts"]), strict=True):
                    told.append(_Told(at=at, run_id=run_id, fact=fact, raw=raw))
            if len(entries) < _PAGE:
                break
        return told

    def _meet(self, run_id: str, found: Sequence[_Told]) -> list[str]:
        """Sub-flows that came up."""
        path = self._places[run_id].path
        new = []
        for one in found:
            if isinstance(one.fact, f.NodeStarted) and one.fact.kind is NodeKind.FLOW:
                self._places[one.fact.id] = _Place(f"{path}{one.fact.name}/", Narrator())
                new.append(str(one.fact.id))
        return new

    def _write(self, one: _Told) -> None:
        place = self._places[one.run_id]
        if self._as_json:
            kind, members = one.raw
            line = {"at": one.at, "run_id": one.run_id, "path": place.path, "fact": kind, **members}
            click.echo(jsontext.dumps(line).strip())
        elif sentence := place.narrator.sentence(one.fact, one.at):
            where = f"{place.path.rstrip('/')}: " if place.path else ""
            click.echo(f"{clock(one.at)}  {where}{sentence}")
