"""`run`, `start` and `watch`: a run begins, and is watched to its end."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import click

from asyncflow.app import Settings, connecting
from asyncflow.cli.console import print_json, talk_console
from asyncflow.cli.each import start_each
from asyncflow.cli.environment import in_loop, settings_of, settings_with_broker, terminated_as_interrupted
from asyncflow.cli.exits import Exit
from asyncflow.cli.group import say
from asyncflow.cli.logs import logs_on
from asyncflow.cli.node_args import read_node_args
from asyncflow.cli.options import Embedded, Manner, Output, Where, Wish, retyped
from asyncflow.cli.progress import progress_on
from asyncflow.cli.summary import exit_of_run, summarize
from asyncflow.cli.watch import watch
from asyncflow.cli.words import short
from asyncflow.client import Client, RunHandle
from asyncflow.model.names import Json


def run(flow: str, where: Where, wish: Wish, embedded: Embedded, output: Output) -> int:
    """The body of `asyncflow run`."""
    session = Session(settings_of(where, embedded), where, output)
    return session.watch(Start.of(flow, wish))


def start(flow: str, where: Where, wish: Wish, manner: Manner, output: Output) -> int:
    """The body of `asyncflow start`."""
    settings = settings_with_broker(where, "start", "`asyncflow run` runs a flow in this process")
    if manner.each:
        if manner.wait:
            raise click.UsageError("--wait watches one run, and --each starts many")
        return start_each(settings, flow, manner.each, wish, output)
    session = Session(settings, where, output)
    begun = Start.of(flow, wish)
    return session.watch(begun, announce=not output.json) if manner.wait else session.start(begun)


def watch_run(run: str, where: Where, output: Output) -> int:
    """The body of `asyncflow watch`."""
    settings = settings_with_broker(where, "watch", "`asyncflow show` reads the store of a run without one")
    return Session(settings, where, output).watch(Known(run_id=run))


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What to start, understood: under an id that is drawn here, so that it can be named when all is interrupted."""

    flow: str
    run_id: str
    node_args: Json
    wish: Wish

    @classmethod
    def of(cls, flow: str, wish: Wish) -> Start:
        """Raises InvalidNodeArgsError."""
        if not wish.only and (wish.follow_subflows or wish.run_subsequent):
            raise click.UsageError("--follow-subflows and --run-subsequent go with --only TASK")
        run_id = wish.run_id or str(uuid.uuid4())
        return cls(flow=flow, run_id=run_id, node_args=read_node_args(wish.node_args), wish=wish)

    async def ask(self, client: Client) -> RunHandle:
        return await client.start(
            self.flow,
            self.node_args,
            run_id=self.run_id,
            labels=self.wish.label,
            only=self.wish.only,
            follow_subflows=self.wish.follow_subflows,
            run_subsequent=self.wish.run_subsequent,
            priority=self.wish.priority,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A run that was started before, by its id or a beginning of it."""

    run_id: str

    async def ask(self, client: Client) -> RunHandle:
        return client.run(self.run_id)


class Asked(Protocol):
    """What is asked for, under the id of the run that comes of it."""

    @property
    def run_id(self) -> str: ...

    async def ask(self, client: Client) -> RunHandle: ...


class Session:
    """One command's conversation about one run."""

    def __init__(self, settings: Settings, where: Where, output: Output) -> None:
        self._settings = settings
        self._where = where
        self._output = output
        self._console = talk_console()
        self._begun = False

    def start(self, start: Start) -> int:
        """Start only."""

        async def main() -> None:
            async with connecting(self._settings) as client:
                await start.ask(client)

        with logs_on(self._console, self._output):
            in_loop(main)
        if self._output.json:
            print_json({"run_id": start.run_id})
        else:
            click.echo(start.run_id)
        return Exit.OK

    def watch(self, what: Asked, *, announce: bool = False) -> int:
        """Start it if need be, watch, and tell the end."""
        progress = progress_on(self._console, quiet=self._output.quiet)

        async def main() -> Mapping[str, Json]:
            async with connecting(self._settings) as client:
                handle = await what.ask(client)
                self._begun = True
                if announce:
                    click.echo(handle.id)
                return await watch(handle, progress)

        try:
            with terminated_as_interrupted(), logs_on(self._console, self._output), progress:
                report = in_loop(main)
        except KeyboardInterrupt:
            return self._interrupted(what)
        if self._output.json:
            print_json(report)
        if not self._output.quiet:
            summarize(
                report,
                self._console,
                next_command=self._status(report["run_id"]),
                traceback=self._output.verbose > 0,
            )
        return exit_of_run(report)

    def _interrupted(self, what: Asked) -> int:
        run_id = what.run_id
        if not self._begun:
            said = "interrupted before the run began"
        elif self._settings.broker_url or not isinstance(what, Start):
            said = f"interrupted: run {run_id} goes on\nhint: to look at it: {self._status(run_id)}"
        else:
            again = f"asyncflow run {shlex.quote(what.flow)} --run-id {shlex.quote(run_id)}"
            again += retyped(self._where, "config", "store")
            said = f"interrupted: run {run_id} is open, and stands still\nhint: to go on with it: {again}"
        say(said)
        return Exit.INTERRUPTED

    def _status(self, run_id: str) -> str:
        return f"asyncflow show {shlex.quote(short(run_id))}{retyped(self._where, 'broker', 'store')}"
