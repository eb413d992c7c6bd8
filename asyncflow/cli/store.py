"""`db`: looking after a store: its schema, its soundness, its size."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import anyio
import click

from asyncflow.app.stores import open_store, upgrade_store
from asyncflow.cli.console import print_json, talk_console
from asyncflow.cli.environment import in_loop, settings_of
from asyncflow.cli.exits import Exit
from asyncflow.cli.group import say
from asyncflow.cli.logs import logs_on
from asyncflow.cli.options import Output, Where
from asyncflow.cli.views import refuse_what_is_not_there
from asyncflow.dispatcher.reports import find_run
from asyncflow.errors import Severity, StoreError
from asyncflow.model.finding import Finding
from asyncflow.model.names import Json, RunId
from asyncflow.model.phrases import counted
from asyncflow.model.run import Status
from asyncflow.model.run_filter import RunFilter
from asyncflow.ports import Store

_REMOVED_AT_ONCE = 500
"""Runs in one transaction: others get their turn between two."""
_ALL = 2**31 - 1


def upgrade(where: Where, output: Output) -> int:
    """The body of `asyncflow db upgrade`."""
    url = settings_of(where).store_url
    if url.startswith("memory:"):
        refuse_what_is_not_there(url)
    with logs_on(talk_console(), output):
        applied = in_loop(lambda: upgrade_store(url))
    if output.json:
        print_json({"applied": applied})
    elif not output.quiet:
        say(f"applied {', '.join(applied)}" if applied else "the schema is up to date")
    return Exit.OK


def check(where: Where, output: Output) -> int:
    """The body of `asyncflow db check`."""
    url = _url(where)

    async def main() -> Sequence[Finding]:
        async with open_store(url, readonly=True) as store:
            return await store.check()

    with logs_on(talk_console(), output):
        found = in_loop(main)
    if output.json:
        print_json({"findings": [_as_json(one) for one in found]})
    else:
        for one in found:
            click.echo(f"{one.severity.value}: {one.message}{f' (run {one.run_id})' if one.run_id else ''}")
        if not output.quiet:
            say(f"{counted(len(found), 'finding')}" if found else "nothing is wrong")
    return Exit.FAILED if any(one.severity is Severity.ERROR for one in found) else Exit.OK


def _as_json(finding: Finding) -> Json:
    return {"severity": finding.severity.value, "message": finding.message, "run_id": finding.run_id}


def export(runs: tuple[str, ...], file: Path | None, where: Where, output: Output) -> int:
    """The body of `asyncflow db export`."""
    url = _url(where)

    async def main() -> int:
        async with open_store(url, readonly=True) as store:
            ids = [await find_run(store, RunId(run)) for run in runs] if runs else None
            return await _write(store, ids, file)

    with logs_on(talk_console(), output):
        written = in_loop(main)
    if not output.quiet:
        say(f"exported {counted(written, 'run')}{f' to {file}' if file else ''}")
    return Exit.OK


async def _write(store: Store, ids: Sequence[RunId] | None, file: Path | None) -> int:
    """How many runs were written. The file is made when the first line is there."""
    written = 0
    lines = store.export(ids)
    first = await anext(lines)
    with _opened(file) as out:
        out.write(first)
        async for line in lines:
            written += line.startswith(b'{"kind":"run"')
            out.write(line)
        out.flush()
    return written


def _opened(file: Path | None) -> nullcontext[BinaryIO] | BinaryIO:
    if file is None:
        return nullcontext(sys.stdout.buffer)
    try:
        return file.open("wb")
    except OSError as exc:
        raise StoreError(f"{file} cannot be written: {(exc.strerror or str(exc)).lower()}") from exc


def clean(keep: float, dry_run: bool, where: Where, output: Output) -> int:
    """The body of `asyncflow db clean`."""
    url = _url(where)
    before = time.time() - keep

    async def main() -> int:
        async with open_store(url, readonly=dry_run) as store:
            return await _ended(store, before) if dry_run else await _remove(store, before)

    with logs_on(talk_console(), output):
        number = in_loop(main)
    if output.json:
        print_json({"removed": 0 if dry_run else number, **({"would_remove": number} if dry_run else {})})
    elif not output.quiet:
        when = datetime.fromtimestamp(before).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        what = counted(number, "run")
        if dry_run:
            say(f"would remove {what} that ended before {when}, with their sub-flows")
        else:
            say(f"removed {what} that ended before {when}, sub-flows counted")
    return Exit.OK


async def _ended(store: Store, before: float) -> int:
    """Runs that would go: those with an attempt or a sub-flow that is not over yet stay, and are counted here."""
    over = tuple(status for status in Status if status.is_terminal)
    headers = await store.headers(RunFilter(statuses=over, limit=_ALL))
    return sum(header.ended_at is not None and header.ended_at < before for header in headers)


async def _remove(store: Store, before: float) -> int:
    removed = 0
    while number := await store.remove_ended(before, _REMOVED_AT_ONCE):
        removed += number
        await anyio.lowlevel.checkpoint()
    return removed


def _url(where: Where) -> str:
    """Raises StoreError where there is nothing to look after."""
    url = settings_of(where).store_url
    refuse_what_is_not_there(url)
    return url
