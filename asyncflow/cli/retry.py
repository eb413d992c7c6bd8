"""`retry`: what has not succeeded in a run runs again, in a new one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import click

from asyncflow.app import connecting
from asyncflow.cli.console import print_json, talk_console
from asyncflow.cli.environment import in_loop, settings_of
from asyncflow.cli.exits import Exit
from asyncflow.cli.group import say
from asyncflow.cli.logs import logs_on
from asyncflow.cli.options import Again, Embedded, Output, Where, retyped
from asyncflow.cli.run import Session
from asyncflow.cli.words import one_line
from asyncflow.client import Client, RunHandle
from asyncflow.model.names import RunId
from asyncflow.model.outcome import Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """A retry, under an id that is drawn here, so that it can be named when all is interrupted."""

    of: str
    nodes: tuple[str, ...]
    run_id: str

    async def ask(self, client: Client) -> RunHandle:
        return await client.run(self.of).retry(from_=self.nodes, run_id=self.run_id)


def retry(run: str, again: Again, where: Where, embedded: Embedded, output: Output) -> int:
    """The body of `asyncflow retry`."""
    settings = settings_of(where, embedded)
    found: list[Retry] = []

    async def main() -> None:
        async with connecting(settings) as client:
            preview = await client.run(run).preview_retry(from_=again.nodes)
            found.append(preview)
            if not again.dry_run and settings.broker_url and not again.wait:
                await Attempted(of=preview.run_id, nodes=again.nodes, run_id=new_id).ask(client)

    new_id = again.run_id or str(uuid.uuid4())
    with logs_on(talk_console(), output):
        in_loop(main)
    [preview] = found
    if again.dry_run:
        return _tell_preview(preview, output)
    if not output.quiet:
        _say_preview(preview)
    if again.wait or not settings.broker_url:
        attempted = Attempted(of=preview.run_id, nodes=again.nodes, run_id=new_id)
        return Session(settings, where, output).watch(attempted, announce=again.wait and not output.json)
    if output.json:
        print_json({"run_id": new_id})
    else:
        click.echo(new_id)
        if not output.quiet:
            say(f"next: asyncflow watch {new_id[:8] if again.run_id is None else new_id}{retyped(where, 'broker')}")
    return Exit.OK


def _tell_preview(preview: Retry, output: Output) -> int:
    if output.json:
        print_json(asdict(preview))
    else:
        click.echo("\n".join(_lines(preview)))
    return Exit.OK


def _say_preview(preview: Retry) -> None:
    for line in _lines(preview):
        say(line)


def _lines(preview: Retry) -> list[str]:
    lines = [
        f"retry of run {RunId(preview.run_id)} of flow {one_line(preview.flow)}",
        f"  runs again: {_counted(preview.again) or 'what was never started'}",
        f"  is reused:  {_counted(preview.reused) or 'nothing'}",
    ]
    if preview.flow_has_changed:
        lines.append("  the flow has changed since; what still fits is reused")
    return lines


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(
        one_line(path) if number == 1 else f"{one_line(path)} x{number:,}" for path, number in counts.items()
    )
