"""The last words on a run: how it ended, what failed and why, and what to type next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.text import Text

from asyncflow.cli.board import Board, Branch
from asyncflow.cli.exits import Exit
from asyncflow.cli.tree import mark
from asyncflow.cli.words import counted, duration, of_error, one_line, short
from asyncflow.model.history import NodeView
from asyncflow.model.names import Json
from asyncflow.model.run import NodeKind, Status

MOST_FAILURES = 5


def summarize(report: Mapping[str, Json], console: Console, *, next_command: str, traceback: bool = False) -> None:
    """Write the summary of a run that is over."""
    board = Board(report)
    console.print(_headline(board))
    failures = [(branch, node) for branch, node in board.everywhere() if _is_cause(node)]
    open_failures = [(branch, node) for branch, node in failures if not node.handled]
    for branch, node in open_failures[:MOST_FAILURES]:
        _tell_failure(branch, node, console, traceback=traceback)
    if len(open_failures) > MOST_FAILURES:
        console.print(f"  and {counted(len(open_failures) - MOST_FAILURES, 'more failure')}")
    if board.state is Status.FAILED and not open_failures and board.error is not None:
        console.print(f"  {of_error(board.error)}", soft_wrap=True)
    if len(failures) > len(open_failures):
        handled = ", ".join(dict.fromkeys(one_line(node.name) for _, node in failures if node.handled))
        console.print(f"  handled by a fallback: {handled}", style="dim")
    if board.state is not Status.SUCCEEDED:
        console.print(f"  next: {next_command}", soft_wrap=True)


def exit_of_run(report: Mapping[str, Json]) -> Exit:
    return Exit.OK if report["state"] == Status.SUCCEEDED.value else Exit.FAILED


def _headline(board: Board) -> Text:
    state = board.state.value
    told = Text.assemble(mark(state), " ", (one_line(board.flow), "bold"), f" {state}")
    if board.ended_at is not None:
        told.append(f" in {duration(board.ended_at - board.started_at)}")
    return told.append(f": {', '.join(_tallied(board))}  run {short(board.run_id)}", "dim")


def _tallied(board: Board) -> Iterator[str]:
    """2 tasks failed, 7 succeeded."""
    counts: dict[str, int] = {}
    for _, node in board.everywhere():
        if node.kind is NodeKind.TASK:
            counts[node.state] = counts.get(node.state, 0) + 1
    first = True
    for state, number in counts.items():
        yield f"{counted(number, 'task') if first else format(number, ',')} {state}"
        first = False
    if first:
        yield "no task was started"


def _is_cause(node: NodeView) -> bool:
    """A sub-flow fails for what failed in it, which is told itself."""
    return node.state == "failed" and (node.kind is NodeKind.TASK or node.handled)


def _tell_failure(branch: Branch, node: NodeView, console: Console, *, traceback: bool) -> None:
    where = "/".join(map(one_line, (*branch.path, node.name)))
    tries = f" (attempt {node.attempt})" if node.attempt > 1 else ""
    console.print(Text.assemble("  ", (where, "red"), f"{tries}: {of_error(node.error)}"), soft_wrap=True)
    if traceback and node.error is not None and node.error.traceback:
        for line in node.error.traceback.splitlines():
            console.print(f"    {one_line(line) if line.strip() else ''}", style="dim", soft_wrap=True)
