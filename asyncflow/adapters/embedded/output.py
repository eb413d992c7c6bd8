"""Where the prints and logs of an embedded worker go: to standard error, so that standard output stays the program's.

As with `celery worker`, whose log on standard error takes what tasks print.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from asyncflow.adapters.embedded.session import runs_task


class _Outlet:
    """Stands for standard output; in threads that run tasks it is standard error."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr if runs_task() else self._stdout, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stdout)


@contextmanager
def tasks_print_to_stderr() -> Iterator[None]:
    before = sys.stdout
    outlet = cast("TextIO", _Outlet(before))
    sys.stdout = outlet
    try:
        yield
    finally:
        if sys.stdout is outlet:  # otherwise someone has put theirs in its place, and will take it away
            sys.stdout = before


@contextmanager
def celery_logs() -> Iterator[None]:
    """Keep Celery's log to warnings and worse, unless the program has given its logger a level.

    Loggers of tasks stay as they are. Where the program has set up no logging, messages go to standard error: Celery's
    loggers would else keep silent.
    """
    ours, tasks = logging.getLogger("celery"), logging.getLogger("celery.task")
    before = ours.level, tasks.level
    if ours.level == logging.NOTSET:
        tasks.setLevel(tasks.getEffectiveLevel())
        ours.setLevel(logging.WARNING)
    handler = logging.NullHandler() if logging.getLogger().handlers else _stderr_handler()
    ours.addHandler(handler)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.setLevel(before[0])
        tasks.setLevel(before[1])


def _stderr_handler() -> logging.Handler:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    return handler
