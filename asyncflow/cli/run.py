"""`run` and `start`: a run begins, and is watched to its end."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import click

from asyncflow.app import Settings, connecting
from asyncflow.cli.console import print_json, talk_console
from asyncflow.cli.environment import in_loop, settings_of, settings_with_broker, terminated_as_interrupted
from asyncflow.cli.exits import Exit
from asyncflow.cli.logs import logs_on
from asyncflow.cli.node_args import read_node_args
from asyncflow.cli.options import Output, Where, Wish, retyped
from asyncflow.cli.progress import progress_on
from asyncflow.cli.summary import exit_of_run, summarize
from asyncflow.cli.watch import watch
from asyncflow.cli.words import short
from asyncflow.client import Client, RunHandle
from asyncflow.model.names import Json


def run(flow: str, where: Where, wish: Wish, app: str, output: Output) -> int:
    """The body of `asyncflow run`."""
    settings = settings_of(where, celery_app=app)
    return Session(settings, where, Start.of(flow, wish), output).run()


def start(flow: str, where: Where, wish: Wish, wait: bool, output: Output) -> int:
    """The body of `asyncflow start`."""
    settings = settings_with_broker(where, "start", "`asyncflow run` runs a flow in this process")
    session = Session(settings, where, Start.of(flow, wish), output)
    return session.run(announce=not output.json) if wait else session.start()


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
        )


class Session:
    """One command's run."""

    def __init__(self, settings: Settings, where: Where, start: Start, output: Output) -> None:
        self._settings = settings
        self._where = where
        self._start = start
        self._output = output
        self._console = talk_console()
        self._started = False

    def start(self) -> int:
        """Start only."""

        async def main() -> None:
            async with connecting(self._settings) as client:
                await self._start.ask(client)

        with logs_on(self._console, self._output):
            in_loop(main)
        self._announce()
        return Exit.OK

    def run(self, *, announce: bool = False) -> int:
        """Start, watch, and tell the end."""
        progress = progress_on(self._console, quiet=self._output.quiet)

        async def main() -> Mapping[str, Json]:
            async with connecting(self._settings) as client:
                handle = await self._start.ask(client)
                self._started = True
                if announce:
                    self._announce()
                return await watch(handle, progress)

        try:
            with terminated_as_interrupted(), logs_on(self._console, self._output), progress:
                report = in_loop(main)
        except KeyboardInterrupt:
            return self._interrupted()
        if self._output.json:
            print_json(report)
        if not self._output.quiet:
            next_command = f"asyncflow status {short(self._start.run_id)}{retyped(self._where, 'broker', 'store')}"
            summarize(report, self._console, next_command=next_command, traceback=self._output.verbose > 0)
        return exit_of_run(report)

    def _announce(self) -> None:
        if self._output.json:
            print_json({"run_id": self._start.run_id})
        else:
            click.echo(self._start.run_id)

    def _interrupted(self) -> int:
        if not self._started:
            click.echo("interrupted before the run began", err=True)
            return Exit.INTERRUPTED
        run_id = self._start.run_id
        status = f"asyncflow status {short(run_id)}{retyped(self._where, 'broker', 'store')}"
        if self._settings.broker_url:
            said = f"interrupted: run {run_id} goes on\nhint: to look at it: {status}"
        else:
            again = f"asyncflow run {shlex.quote(self._start.flow)} --run-id {run_id}"
            again += retyped(self._where, "config", "store")
            said = f"interrupted: run {run_id} is open, and stands still\nhint: to go on with it: {again}"
        click.echo(said, err=True)
        return Exit.INTERRUPTED
