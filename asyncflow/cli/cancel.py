"""`cancel`: ending runs before their time."""

from __future__ import annotations

import click

from asyncflow.app import connecting
from asyncflow.cli.console import print_json, talk_console
from asyncflow.cli.environment import in_loop, settings_with_broker
from asyncflow.cli.exits import Exit, exit_of
from asyncflow.cli.group import tell
from asyncflow.cli.logs import logs_on
from asyncflow.cli.options import Output, Where
from asyncflow.client import Client
from asyncflow.errors import RequestError
from asyncflow.model.names import Json


def cancel(runs: tuple[str, ...], reason: str, where: Where, output: Output) -> int:
    """The body of `asyncflow cancel`: every run is tried, and the first failure gives the exit code."""
    settings = settings_with_broker(where, "cancel", "a run without one ends with its process, by Ctrl-C")
    refused: list[RequestError] = []
    told: list[Json] = []

    async def main() -> None:
        async with connecting(settings) as client:
            for run in runs:
                try:
                    told.append(await _cancel(client, run, reason))
                except RequestError as exc:
                    refused.append(exc)

    with logs_on(talk_console(), output):
        in_loop(main)
    if output.json:
        print_json({"runs": told})
    elif not output.quiet:
        for run_told in told:
            click.echo(_sentence(run_told), err=True)
    for error in refused:
        tell(error)
    return exit_of(refused[0]) if refused else Exit.OK


async def _cancel(client: Client, run: str, reason: str) -> Json:
    """Beginnings of ids are looked up first: what is cancelled must be one run."""
    found = await client.run(run).status()
    over = found.state.is_terminal
    if not over:
        await client.run(found.run_id).cancel(reason)
    return {"run_id": found.run_id, "flow": found.flow, "state": found.state.value if over else "cancelled"}


def _sentence(told: Json) -> str:
    if told["state"] == "cancelled":
        return f"cancelled run {told['run_id']} of flow {told['flow']}"
    return f"run {told['run_id']} of flow {told['flow']} has {told['state']} already"
