"""Where logs go: standard error, the event first; or JSON, one object a line."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from asyncflow.cli.log_lines import formatter_of
from asyncflow.cli.options import Output


@contextmanager
def logs_on(console: Console, output: Output) -> Iterator[None]:
    """Tell of logs above a live display, as short as it gets: warnings and worse, more with -v."""
    handler = _ConsoleHandler(console)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    if not output.verbose:
        handler.addFilter(_is_told_nowhere_else)
    with _root_logs(handler, level_of(output, logging.WARNING)):
        yield


def _is_told_nowhere_else(record: logging.LogRecord) -> bool:
    """Failures of tasks stand in the progress and the summary, those of connections in our own words."""
    return record.name != "celery.app.trace" and not record.name.startswith(("aio_pika", "aiormq"))


@contextmanager
def daemon_logs(style: str, output: Output) -> Iterator[None]:
    """The log of a daemon: what it does, one line an event."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter_of(style))
    if not output.verbose:
        handler.addFilter(_is_told_nowhere_else)
    with _root_logs(handler, level_of(output, logging.INFO)):
        yield


def level_of(output: Output, usual: int) -> int:
    if output.quiet:
        return logging.ERROR
    return max(logging.DEBUG, usual - 10 * output.verbose)


class _ConsoleHandler(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        style = "red" if record.levelno >= logging.ERROR else "yellow" if record.levelno >= logging.WARNING else "dim"
        self._console.print(self.format(record), style=style, soft_wrap=True)


@contextmanager
def _root_logs(handler: logging.Handler, level: int) -> Iterator[None]:
    """Ours from `level` on, others' from warnings on."""
    root, ours = logging.getLogger(), logging.getLogger("asyncflow")
    before = root.level, ours.level
    root.addHandler(handler)
    root.setLevel(max(level, logging.WARNING))
    ours.setLevel(level)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before[0])
        ours.setLevel(before[1])
