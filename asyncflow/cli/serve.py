"""`serve`: the dispatcher as a daemon."""

from __future__ import annotations

from dataclasses import replace

from asyncflow import app
from asyncflow.cli.environment import in_loop, settings_with_broker
from asyncflow.cli.exits import Exit
from asyncflow.cli.logs import daemon_logs
from asyncflow.cli.options import Output, Where
from asyncflow.cli.reporting import Reporting


def serve(where: Where, reporting: Reporting, log_format: str, metrics_port: int | None, output: Output) -> int:
    """The body of `asyncflow serve`."""
    settings = replace(settings_with_broker(where, "serve", "`asyncflow run` needs none"), metrics_port=metrics_port)
    settings = replace(settings, **reporting.given)
    with daemon_logs(log_format, output):
        in_loop(lambda: app.serve(settings))
    return Exit.OK
