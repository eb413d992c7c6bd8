"""`schedules`: when runs are started by the clock, as a dispatcher says, or as the configuration does."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rich.table import Table

from asyncflow.app import load_configuration
from asyncflow.cli.console import data_console, print_json, talk_console
from asyncflow.cli.environment import in_loop, settings_of
from asyncflow.cli.exits import Exit
from asyncflow.cli.group import found, say
from asyncflow.cli.logs import logs_on
from asyncflow.cli.options import Output, Where
from asyncflow.cli.words import moment, one_line
from asyncflow.dispatcher.schedules import schedule_json
from asyncflow.model.durations import text_of
from asyncflow.model.names import Json


def list_schedules(where: Where, output: Output) -> int:
    """The body of `asyncflow schedules`."""
    settings = settings_of(where)

    async def main() -> Sequence[Mapping[str, Json]]:
        if settings.broker_url:
            async with found("asyncflow.app.clients:connecting")(settings) as client:
                asked: Sequence[Mapping[str, Json]] = await client.schedules()
                return asked
        schedules = load_configuration(settings).configuration.schedules
        return [schedule_json(one, time.time()) for one in schedules.values()]

    with logs_on(talk_console(), output):
        schedules = in_loop(main)
    if output.json:
        print_json({"schedules": list(schedules)})
    elif schedules:
        data_console().print(_table(schedules))
    elif not output.quiet:
        say("no schedules")
    return Exit.OK


def _table(schedules: Iterable[Mapping[str, Json]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("schedule", "flow", "when", "done until", "next"):
        table.add_column(title, no_wrap=title != "when")
    for one in schedules:
        coming = [_local(tick) for tick in one["next"][:1]]
        table.add_row(
            one_line(one["name"]),
            one_line(one["flow"]),
            _when(one),
            _local(one["last"]) if one.get("last") else "",
            *(coming or ["disabled" if not one["enabled"] else "never"]),
        )
    return table


def _when(one: Mapping[str, Json]) -> str:
    if one["every"] is not None:
        return f"every {text_of(one['every'])}"
    return f"{one_line(one['cron'])} {one_line(one['timezone'])}"


def _local(instant: str) -> str:
    return moment(datetime.fromisoformat(instant).timestamp())
