"""`serve`: the dispatcher as a daemon. `dev`: everything in one process, with the page."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import webbrowser
from dataclasses import replace
from pathlib import Path

import anyio
import click

from asyncflow import app
from asyncflow.app import scaffold
from asyncflow.cli.environment import in_loop, settings_of, settings_with_broker
from asyncflow.cli.exits import Exit
from asyncflow.cli.group import say
from asyncflow.cli.logs import daemon_logs
from asyncflow.cli.options import Embedded, Output, Site, Where
from asyncflow.cli.reporting import Reporting
from asyncflow.errors import RequestError


def serve(where: Where, site: Site, reporting: Reporting, log_format: str, output: Output) -> int:
    """The body of `asyncflow serve`."""
    settings = settings_with_broker(where, "serve", "`asyncflow run` needs none")
    settings = replace(settings, metrics_port=site.metrics_port, keep=site.keep, **reporting.given)
    with daemon_logs(log_format, output):
        in_loop(lambda: app.serve(settings, http=_http(site) if site.http else None), lasting=True)
    return Exit.OK


def dev(where: Where, embedded: Embedded, site: Site, output: Output) -> int:
    """The body of `asyncflow dev`."""
    settings = settings_of(where, embedded)
    if settings.broker_url:
        raise RequestError(
            "dev brings a broker of its own; leave ASYNCFLOW_BROKER_URL, or use `asyncflow serve --http`"
        )

    is_demo = not settings.config
    if is_demo:
        settings = _demonstration(settings)

    async def main() -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async with (
                app.embedded(settings, keeps_schedules=True) as client,
                app.serving_http(settings, _http(site), client) as url,
            ):
                if not output.quiet:
                    click.echo(f"asyncflow is at {url}  (Ctrl-C ends it)", err=True)
                if is_demo:
                    await client.start("dinner", {"guests": 4})
                if sys.stdout.isatty():
                    _open(url)
                async for _ in signals:
                    return

    with daemon_logs("plain", output):
        in_loop(main)
    return Exit.OK


def _demonstration(settings: app.Settings) -> app.Settings:
    folder = Path(tempfile.mkdtemp(prefix="asyncflow-demo-"))
    scaffold.write(scaffold.demonstration(), folder, force=False)
    say(f"there are no flows here: a demonstration is served from {folder}")
    say("next: `asyncflow init FOLDER` makes a project of your own")
    return replace(settings, config=(folder,), store_url=f"sqlite:///{folder / 'asyncflow.db'}")


def _open(url: str) -> None:
    """Where there is a desktop: a browser in the terminal would take it over."""
    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)


def _http(site: Site) -> app.Http:
    return app.Http(address=site.http, hosts=site.http_host)
