"""`show` and `list`: looking at runs, through a dispatcher or straight in its store."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from asyncflow.cli.board import Board
from asyncflow.cli.console import data_console, print_json, talk_console
from asyncflow.cli.environment import in_loop
from asyncflow.cli.exits import Exit
from asyncflow.cli.logs import logs_on
from asyncflow.cli.options import Output, Where, Which
from asyncflow.cli.story import short_json, tell_nodes, tell_verdicts
from asyncflow.cli.tree import drawn, mark, rows_of
from asyncflow.cli.views import looking
from asyncflow.cli.words import duration, of_error, one_line, short
from asyncflow.model.names import FlowName, Json
from asyncflow.model.requests import ListRuns
from asyncflow.model.run import Status


def show(run: str, where: Where, output: Output) -> int:
    """The body of `asyncflow show`."""

    async def main() -> Mapping[str, Json]:
        async with looking(where) as view:
            return await view.report(run)

    with logs_on(talk_console(), output):
        report = in_loop(main)
    if output.json:
        print_json(report)
    else:
        _print_run(report, data_console(), verbose=output.verbose > 0)
    return Exit.OK


def list_runs(which: Which, where: Where, output: Output) -> int:
    """The body of `asyncflow list`."""
    request = ListRuns(
        flow=None if which.flow is None else FlowName(which.flow),
        state=which.state,
        labels=which.label,
        since=which.since,
        until=which.until,
        search=which.search,
        limit=which.limit,
    )

    async def main() -> Sequence[Mapping[str, Json]]:
        async with looking(where) as view:
            return await view.list(request)

    with logs_on(talk_console(), output):
        runs = in_loop(main)
    if output.json:
        print_json({"runs": list(runs)})
    else:
        _print_list(runs, data_console())
    return Exit.OK


# --- For eyes ---------------------------------------------------------------------------------------------------------


def _print_run(report: Mapping[str, Json], console: Console, *, verbose: bool) -> None:
    board = Board(report)
    head = Text.assemble(mark(board.state.value), " ", (one_line(board.flow), "bold"), f"  {board.state.value}")
    ended = board.ended_at if board.ended_at is not None else time.time()
    head.append(f"  {duration(ended - board.started_at)}").append(f"  run {board.run_id}", "dim")
    console.print(head)
    if report["node_args"] is not None:
        console.print(f"  node args: {short_json(report['node_args'])}", style="dim")
    for name, value in report["labels"].items():
        console.print(f"  {one_line(name)}={one_line(value)}", style="dim")
    if board.error is not None:
        console.print(Text.assemble("  error: ", (of_error(board.error), "red")), soft_wrap=True)
    for line in drawn(rows_of(board, time.time(), depth=1), console.width):
        console.print(line, soft_wrap=True)
    tell_verdicts(report, console, everything=verbose)
    if verbose:
        tell_nodes(report, console)
    elif console.is_terminal:
        _say_next(board, console)


def _say_next(board: Board, console: Console) -> None:
    run = short(board.run_id)
    console.print(f"\nmore: asyncflow show {run} -v, asyncflow logs {run}", style="dim")
    if board.state in (Status.FAILED, Status.CANCELLED):
        console.print(f"next: asyncflow retry {run} --dry-run", style="dim")


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
