"""The last words on a run: how it ended, what failed and why, and what to type next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from asyncflow.cli.board import Board
from asyncflow.cli.exits import Exit
from asyncflow.cli.tree import is_cause, mark
from asyncflow.cli.words import duration, of_error, of_whereabouts, one_line, printable, short
from asyncflow.model.history import NodeView
from asyncflow.model.names import Json
from asyncflow.model.phrases import counted
from asyncflow.model.run import NodeKind, Status

MOST_CAUSES = 5


def summarize(report: Mapping[str, Json], console: Console, *, next_command: str = "", traceback: bool = False) -> None:
    """Write the summary of a run that is over."""
    board = Board(report)
    console.print(_headline(board))
    causes = _causes(board)
    for cause in causes[:MOST_CAUSES]:
        _tell_cause(cause, console, traceback=traceback)
    if len(causes) > MOST_CAUSES:
        console.print(f"  and {counted(len(causes) - MOST_CAUSES, 'other task')} failed")
    if board.state is Status.FAILED and not causes and board.error is not None:
        _indented(Text(of_error(board.error), "red"), 2, console)
    handled = dict.fromkeys(one_line(node.name) for _, node in board.everywhere() if node.handled)
    if handled:
        console.print(f"  handled by a fallback: {', '.join(handled)}", style="dim")
    if next_command and board.state is not Status.SUCCEEDED:
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


@dataclass(slots=True)
class _Cause:
    """A task that failed and was not handled, once or often: the first instance stands for all."""

    where: str
    node: NodeView
    times: int = 0


def _causes(board: Board) -> list[_Cause]:
    found: dict[str, _Cause] = {}
    for branch, node in board.everywhere():
        if is_cause(node) and not node.handled:
            where = "/".join(map(one_line, (*branch.path, node.name)))
            found.setdefault(where, _Cause(where, node)).times += 1
    return list(found.values())


def _tell_cause(cause: _Cause, console: Console, *, traceback: bool) -> None:
    node = cause.node
    told = Text.assemble((cause.where, "bold red"))
    if cause.times > 1:
        told.append(f" {cause.times} times, first")
    if node.attempt > 1:
        told.append(f" on attempt {node.attempt}")
    told.append(f": {of_error(node.error)}")
    where = of_whereabouts(node.where.worker, node.queue)
    if where:
        told.append(f"  ({where})", "dim")
    _indented(told, 2, console)
    if traceback and node.error is not None and node.error.traceback:
        for line in node.error.traceback.splitlines():
            _indented(Text(printable(line), "dim"), 4, console)


def _indented(text: Text, indent: int, console: Console) -> None:
    """All of a text, over as many lines as it takes."""
    for line in text.wrap(console, max(20, console.width - indent)):
        console.print(" " * indent, line, sep="")
