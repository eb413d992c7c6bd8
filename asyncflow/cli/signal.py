"""`signal`: tell a run of an external event."""

from __future__ import annotations

import click

from asyncflow.app import connecting
from asyncflow.cli.console import print_json, talk_console
from asyncflow.cli.environment import in_loop, settings_with_broker
from asyncflow.cli.exits import Exit
from asyncflow.cli.logs import logs_on
from asyncflow.cli.node_args import read_json
from asyncflow.cli.options import Output, Sending, Where
from asyncflow.errors import InvalidNodeArgsError, InvalidPayloadError
from asyncflow.model.names import Json


def signal(run: str, event: str, sending: Sending, where: Where, output: Output) -> int:
    """The body of `asyncflow signal`."""
    payload = _payload(sending.payload)
    settings = settings_with_broker(where, "signal", "give the run one: `asyncflow serve`, or `asyncflow dev`")

    async def main() -> dict[str, Json]:
        async with connecting(settings) as client:
            run_id = (await client.run(run).digest(0))["run_id"]  # a beginning of an id must fit one run
            told = await client.run(run_id).signal(event, payload, id=sending.id, node=sending.node)
            return {"run_id": run_id, "signal": dict(told)}

    with logs_on(talk_console(), output):
        told = in_loop(main)
    if output.json:
        print_json(told)
    elif not output.quiet:
        click.echo(_sentence(event, told["signal"], told["run_id"]), err=True)
    return Exit.OK


def _payload(given: str | None) -> Json:
    try:
        return None if given is None else read_json(given, "--payload")
    except InvalidNodeArgsError as exc:
        raise InvalidPayloadError(str(exc)) from exc


def _sentence(event: str, told: dict[str, Json], run_id: str) -> str:
    match told["state"]:
        case "taken":
            where = "" if told["run_id"] == run_id else f" in sub-flow run {told['run_id']}"
            return f"signal {event} has released {told['node']} ({told['id']}){where}"
        case "kept":
            return f"signal {event} is kept for the next node of run {run_id} that waits for it"
    return f"signal {event} has come before under this id, and counts once"
