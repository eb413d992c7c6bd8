"""`completion`: the shell's script, and what it offers for flows, tasks and runs.

What cannot be known at once is not offered: a shell waits for it while somebody types. Nothing here tells of an error.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
import click
from click.shell_completion import CompletionItem, get_completion_class

from asyncflow import config
from asyncflow.cli.environment import in_loop
from asyncflow.cli.exits import Exit
from asyncflow.cli.options import Where
from asyncflow.cli.views import looking
from asyncflow.errors import AsyncflowError
from asyncflow.model.flow import Configuration
from asyncflow.model.requests import ListRuns
from asyncflow.predicates import BUILT_INS, SELINON_1_4

_PATIENCE = 1.0
"""Seconds that a store or a dispatcher may take."""
_MOST_RUNS = 100


def completion(shell: str) -> int:
    """The body of `asyncflow completion`."""
    kind = get_completion_class(shell)
    assert kind is not None, "the choice of shells is click's"
    root = click.get_current_context().find_root().command
    click.echo(kind(root, {}, "asyncflow", "_ASYNCFLOW_COMPLETE").source())
    return Exit.OK


def flows(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """The flows of the configuration."""
    found = _configuration(ctx.params)
    return _offered(dict.fromkeys(found.flows, "") if found else {}, incomplete)


def tasks(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """The tasks of the configuration."""
    found = _configuration(ctx.params)
    return _offered(dict.fromkeys(found.tasks, "") if found else {}, incomplete)


def runs(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """The runs that the command would see, newest first, with their flow and state."""
    seen: dict[str, str] = {}

    async def main() -> None:
        with anyio.move_on_after(_PATIENCE):
            where = Where(broker=ctx.params.get("broker") or "", store=ctx.params.get("store") or "")
            async with looking(where) as view:
                for run in await view.list(ListRuns(limit=_MOST_RUNS)):
                    seen[run["run_id"]] = f"{run['flow']} {run['state']}"

    with _quietly():
        in_loop(main)
    return _offered(seen, incomplete)


def _configuration(params: Mapping[str, object]) -> Configuration | None:
    typed = params.get("config") or ()
    paths = [Path(str(path)) for path in typed] if isinstance(typed, tuple) else []
    paths = paths or [Path(part) for part in os.environ.get("ASYNCFLOW_CONFIG", "").split(os.pathsep) if part]
    found: config.Loaded | None = None
    with _quietly():
        found = config.check(paths, builtins=BUILT_INS, selinon_builtins=SELINON_1_4, environ=os.environ).loaded
    return None if found is None else found.configuration


@contextmanager
def _quietly() -> Iterator[None]:
    """Errors offer nothing, and logs go nowhere: without a handler Python would write them into the shell's line."""
    nowhere = logging.NullHandler()
    logging.getLogger().addHandler(nowhere)
    try:
        with suppress(AsyncflowError, BaseExceptionGroup, OSError):
            yield
    finally:
        logging.getLogger().removeHandler(nowhere)


def _offered(known: Mapping[str, str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name, help=told or None) for name, told in known.items() if name.startswith(incomplete)]
