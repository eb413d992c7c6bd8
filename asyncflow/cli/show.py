"""`status` and `list`: looking at runs, through a dispatcher or straight in its store."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.text import Text

from asyncflow.app import connecting, open_store
from asyncflow.cli.board import Board
from asyncflow.cli.console import data_console, print_json, talk_console
from asyncflow.cli.environment import in_loop, settings_of
from asyncflow.cli.exits import Exit
from asyncflow.cli.logs import logs_on
from asyncflow.cli.options import Output, Where
from asyncflow.cli.tree import drawn, mark, rows_of
from asyncflow.cli.words import duration, of_error, one_line, printable, short
from asyncflow.client import Client
from asyncflow.dispatcher.front import find_run, header_as_json, run_as_json
from asyncflow.errors import StoreError
from asyncflow.model import jsontext
from asyncflow.model.names import FlowName, Json, RunId, TaskId
from asyncflow.model.run import Status
from asyncflow.ports import RunFilter, Store


def status(run: str, where: Where, output: Output) -> int:
    """The body of `asyncflow status`."""

    async def main() -> Mapping[str, Json]:
        async with _looking(where) as view:
            return await view.report(run)

    with logs_on(talk_console(), output):
        report = in_loop(main)
    if output.json:
        print_json(report)
    else:
        _print_run(report, data_console(), verbose=output.verbose > 0)
    return Exit.OK


def list_runs(flow: str | None, state: str | None, limit: int, where: Where, output: Output) -> int:
    """The body of `asyncflow list`."""

    async def main() -> Sequence[Mapping[str, Json]]:
        async with _looking(where) as view:
            return await view.list(flow, state, limit)

    with logs_on(talk_console(), output):
        runs = in_loop(main)
    if output.json:
        print_json({"runs": list(runs)})
    else:
        _print_list(runs, data_console())
    return Exit.OK


# --- Where runs are seen ----------------------------------------------------------------------------------------------


class _View(Protocol):
    async def report(self, run: str) -> Mapping[str, Json]: ...

    async def list(self, flow: str | None, state: str | None, limit: int) -> Sequence[Mapping[str, Json]]: ...


@asynccontextmanager
async def _looking(where: Where) -> AsyncIterator[_View]:
    """A dispatcher where a broker is named; else the store, which may be in use by another process.

    A store that was typed wins over a broker that the environment names.
    """
    settings = settings_of(where)
    if settings.broker_url and (where.broker or not where.store):
        async with connecting(settings) as client:
            yield _ByDispatcher(client)
        return
    _refuse_what_is_not_there(settings.store_url)
    async with open_store(settings.store_url, readonly=True) as store:
        yield _InStore(store)


class _ByDispatcher:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def report(self, run: str) -> Mapping[str, Json]:
        return (await self._client.run(run).status()).report

    async def list(self, flow: str | None, state: str | None, limit: int) -> Sequence[Mapping[str, Json]]:
        return await self._client.list(flow=flow, state=state, limit=limit)


class _InStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def report(self, run: str) -> Mapping[str, Json]:
        return await run_as_json(self._store, self._results, await find_run(self._store, RunId(run)))

    async def list(self, flow: str | None, state: str | None, limit: int) -> Sequence[Mapping[str, Json]]:
        which = RunFilter(
            flow=None if flow is None else FlowName(flow), status=None if state is None else Status(state), limit=limit
        )
        return [header_as_json(header) for header in await self._store.headers(which)]

    async def _results(self, ids: Sequence[TaskId]) -> dict[TaskId, Json]:
        return {id: jsontext.loads(text) for id, text in (await self._store.results(ids)).items()}


def _refuse_what_is_not_there(url: str) -> None:
    """Raises StoreError: reading would else say only that a file cannot be opened."""
    if url.startswith("memory:"):
        raise StoreError("a store in memory ends with its process; nothing of it can be looked at")
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not path.exists():
        raise StoreError(
            f"there is no store at {path}; runs are looked for where they were run, "
            "or elsewhere with --store sqlite:///PATH, or at a dispatcher with --broker URL"
        )


# --- For eyes ---------------------------------------------------------------------------------------------------------


def _print_run(report: Mapping[str, Json], console: Console, *, verbose: bool) -> None:
    board = Board(report)
    head = Text.assemble(mark(board.state.value), " ", (one_line(board.flow), "bold"), f"  {board.state.value}")
    ended = board.ended_at if board.ended_at is not None else time.time()
    head.append(f"  {duration(ended - board.started_at)}").append(f"  run {board.run_id}", "dim")
    console.print(head)
    for name, value in report["labels"].items():
        console.print(f"  {one_line(name)}={one_line(value)}", style="dim")
    if board.error is not None:
        console.print(Text.assemble("  error: ", (of_error(board.error), "red")), soft_wrap=True)
    for line in drawn(rows_of(board, time.time(), depth=1), console.width):
        console.print(line, soft_wrap=True)
    if verbose:
        for branch, node in board.everywhere():
            if node.error is not None and node.error.traceback:
                console.print(f"\n{'/'.join((*branch.path, node.name))}:", style="red")
                console.print("\n".join(map(printable, node.error.traceback.splitlines())), style="dim", soft_wrap=True)


def _print_list(runs: Sequence[Mapping[str, Json]], console: Console) -> None:
    if not runs:
        if console.is_terminal:
            console.print("no runs")
        return
    titles = ("run", "flow", "state", "started", "took", "error" if any(run["error"] for run in runs) else "")
    lines = [[Text(title, "dim") for title in titles], *(_cells(run, console) for run in runs)]
    widths = [max(cell.cell_len for cell in column) for column in zip(*lines, strict=True)]
    widths[1] = min(widths[1], max(12, console.width // 4))
    for cells in lines:
        for cell, width in zip(cells[:-1], widths, strict=False):
            cell.truncate(width, overflow="ellipsis", pad=True)
        line = Text("  ").join(cells)
        line.truncate(console.width, overflow="ellipsis")
        line.rstrip()
        console.print(line, soft_wrap=True)


def _cells(run: Mapping[str, Json], console: Console) -> list[Text]:
    error = run["error"]
    return [
        Text(short(run["run_id"]) if console.is_terminal else run["run_id"]),
        Text(one_line(run["flow"]), "bold"),
        Text.assemble(mark(run["state"]), f" {run['state']}"),
        Text(_when(run["started_at"])),
        Text(_took(run)),
        Text("" if error is None else one_line(f"{error['type']}: {error['message']}"), "red"),
    ]


def _when(instant: str) -> str:
    """In local time; --json has it exactly."""
    return datetime.fromisoformat(instant).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _took(run: Mapping[str, Json]) -> str:
    ended = datetime.now(UTC) if run["ended_at"] is None else datetime.fromisoformat(run["ended_at"])
    return duration((ended - datetime.fromisoformat(run["started_at"])).total_seconds())
