"""`start --each`: a run for each line of JSON."""

from __future__ import annotations

import re
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from asyncflow.app import Settings, connecting
from asyncflow.cli.console import print_json, talk_console
from asyncflow.cli.environment import in_loop
from asyncflow.cli.exits import Exit
from asyncflow.cli.logs import logs_on
from asyncflow.cli.node_args import parse_json
from asyncflow.cli.options import Output, Wish
from asyncflow.client import TOGETHER, Client
from asyncflow.errors import InvalidNodeArgsError
from asyncflow.model.names import Json

_REFUSED = re.compile(r"start (?P<place>\d+): (?P<why>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    number: int
    node_args: Json
    run_id: str


def start_each(settings: Settings, flow: str, source: str, wish: Wish, output: Output) -> int:
    """Start them all, and print their ids as they become durable."""
    if wish.node_args is not None or wish.only or wish.follow_subflows or wish.run_subsequent:
        raise click.UsageError("--each has the node args of every run, and starts whole flows")
    lines = lines_of(source, wish.run_id)
    started: list[str] = []

    def tell(ids: Sequence[str]) -> None:
        started.extend(ids)
        if not output.json:
            click.echo("".join(f"{id}\n" for id in ids), nl=False)

    async def main() -> None:
        async with connecting(settings) as client:
            await begin_each(client, flow, lines, wish, tell)

    with logs_on(talk_console(), output):
        in_loop(main)
    if output.json:
        print_json({"run_ids": started})
    return Exit.OK


def lines_of(source: str, prefix: str | None) -> list[Line]:
    """The lines of a file, or with - of standard input; empty ones are left out. Raises InvalidNodeArgsError.

    All of it is read before anything is started, so that a mistake on the last line starts nothing. With a prefix the
    ids follow from it and from the lines: the same file again starts nothing twice.
    """
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as exc:
        raise InvalidNodeArgsError(f"--each: {source} cannot be read: {(exc.strerror or str(exc)).lower()}") from exc
    except UnicodeDecodeError as exc:
        raise InvalidNodeArgsError(f"--each: {source} is not UTF-8 (byte {exc.start})") from exc
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            run_id = f"{prefix}-{number}" if prefix else str(uuid.uuid4())
            node_args = parse_json(line, _place(source, number))
            found.append(Line(number=number, node_args=node_args, run_id=run_id))
    return found


async def begin_each(
    client: Client, flow: str, lines: Sequence[Line], wish: Wish, tell: Callable[[Sequence[str]], None]
) -> None:
    """As many at a time as travel together; `tell` gets the ids of those that are durable. Raises as `start_many` does."""
    for first in range(0, len(lines), TOGETHER):
        together = lines[first : first + TOGETHER]
        try:
            await client.start_many(
                flow,
                [line.node_args for line in together],
                run_ids=[line.run_id for line in together],
                labels=wish.label,
                priority=wish.priority,
            )
        except InvalidNodeArgsError as exc:
            refused = _REFUSED.fullmatch(str(exc))
            if refused is None:
                raise
            number = together[int(refused["place"]) - 1].number
            begun = f"{first} runs of the lines before were started" if first else "nothing was started"
            raise InvalidNodeArgsError(f"line {number}: {refused['why']}\n{begun}") from exc
        tell([line.run_id for line in together])


def _place(source: str, number: int) -> str:
    return f"line {number} of {'standard input' if source == '-' else source}"
