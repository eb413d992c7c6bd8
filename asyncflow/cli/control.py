"""`cancel`, `pause`, `resume` and `retry`: what people do to runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import click

from asyncflow.app import connecting
from asyncflow.cli.console import print_json, talk_console
from asyncflow.cli.environment import in_loop, settings_with_broker
from asyncflow.cli.exits import Exit, exit_of
from asyncflow.cli.group import tell
from asyncflow.cli.logs import logs_on
from asyncflow.cli.options import Output, Where
from asyncflow.client import Client, RunHandle
from asyncflow.errors import RequestError
from asyncflow.model.names import Json
from asyncflow.model.run import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is done to a run, and the state in which that leaves it."""

    verb: str
    done: str
    state: Status
    ask: Callable[[RunHandle], Awaitable[None]]


def cancel(runs: tuple[str, ...], reason: str, where: Where, output: Output) -> int:
    """The body of `asyncflow cancel`."""
    change = Change(verb="cancel", done="cancelled", state=Status.CANCELLED, ask=lambda run: run.cancel(reason))
    return _control(change, runs, where, output)


def pause(runs: tuple[str, ...], where: Where, output: Output) -> int:
    """The body of `asyncflow pause`."""
    return _control(Change(verb="pause", done="paused", state=Status.PAUSED, ask=RunHandle.pause), runs, where, output)


def resume(runs: tuple[str, ...], where: Where, output: Output) -> int:
    """The body of `asyncflow resume`."""
    change = Change(verb="resume", done="resumed", state=Status.RUNNING, ask=RunHandle.resume)
    return _control(change, runs, where, output)


def _control(change: Change, runs: tuple[str, ...], where: Where, output: Output) -> int:
    """Every run is tried, and the first failure gives the exit code."""
    settings = settings_with_broker(where, change.verb, "a run without one ends with its process, by Ctrl-C")
    refused: list[RequestError] = []
    told: list[_Told] = []

    async def main() -> None:
        async with connecting(settings) as client:
            for run in runs:
                try:
                    told.append(await _change(client, run, change))
                except RequestError as exc:
                    refused.append(exc)

    with logs_on(talk_console(), output):
        in_loop(main)
    if output.json:
        print_json({"runs": [one.as_json() for one in told]})
    elif not output.quiet:
        for one in told:
            click.echo(one.sentence(change), err=True)
    for error in refused:
        tell(error)
    return exit_of(refused[0]) if refused else Exit.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    run_id: str
    flow: str
    state: Status
    changed: bool

    def as_json(self) -> Json:
        return {"run_id": self.run_id, "flow": self.flow, "state": self.state.value}

    def sentence(self, change: Change) -> str:
        run = f"run {self.run_id} of flow {self.flow}"
        if self.changed:
            return f"{change.done} {run}"
        return f"{run} {f'has {self.state.value}' if self.state.is_terminal else f'is {self.state.value}'} already"


async def _change(client: Client, run: str, change: Change) -> _Told:
    """Beginnings of ids are looked up first: what is changed must be one run."""
    found = await client.run(run).status()
    changes = not found.state.is_terminal and found.state is not change.state
    if changes:
        await change.ask(client.run(found.run_id))
    return _Told(run_id=found.run_id, flow=found.flow, state=change.state if changes else found.state, changed=changes)
