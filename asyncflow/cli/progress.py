"""Telling how a run goes: a live tree on a terminal, one line for each change elsewhere, or nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.console import Group as Lines
from rich.live import Live
from rich.text import Text

from asyncflow.cli.board import Board, Change
from asyncflow.cli.board import Group as Instances
from asyncflow.cli.tree import MOST_INSTANCES, detail_of, drawn, mark, of_waiting, rows_of, tally, time_of
from asyncflow.cli.words import duration, of_progress, one_line, short
from asyncflow.model.names import TaskId
from asyncflow.model.run import HowFar

_HOLD, _SHOW = "\x1b[?2026h", "\x1b[?2026l"
"""Between them a terminal shows nothing of a picture until it is whole; one that does not know them passes over them."""
_TALLY_EVERY = 1.0
_PROGRESS_EVERY = 10.0


class Progress(Protocol):
    """Used as a context manager around the whole run."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def moved(self, board: Board, changes: Iterable[Change]) -> None:
        """Something has changed."""

    def tick(self) -> None:
        """Some time has passed."""


def progress_on(console: Console, *, quiet: bool) -> Progress:
    """What fits a console: one without colours is no place for a picture that moves either."""
    if quiet:
        return Silence()
    lively = console.is_terminal and not console.is_dumb_terminal and console.color_system is not None
    return LiveTree(console) if lively else PlainLines(console)


class Silence:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def moved(self, board: Board, changes: Iterable[Change]) -> None:
        pass

    def tick(self) -> None:
        pass


class LiveTree:
    """Redraws the tree in place. In the end it leaves the whole tree on the screen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._board: Board | None = None
        # No thread of rich's: it would read the board while it changes. Standard output is left to data.
        self._live = Live(
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            get_renderable=self._picture,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        if self._board is not None:
            rows = rows_of(self._board, time.time(), depth=1)  # where it stood while it moved
            self._console.print(Lines(*drawn(rows, self._console.width)), highlight=False)

    def moved(self, board: Board, changes: Iterable[Change]) -> None:
        self._board = board
        self._live.start()

    def tick(self) -> None:
        if self._board is not None:
            out = self._console.file
            out.write(_HOLD)
            self._live.refresh()
            out.write(_SHOW)
            out.flush()

    def _picture(self) -> Lines:
        board = self._board
        if board is None:
            return Lines()
        now, width, room = time.time(), self._console.width, self._console.height - 2
        rows = rows_of(board, now, depth=1)
        if len(rows) > room:
            rows = rows_of(board, now, depth=1, fold=True)
        lines = drawn(rows, width)
        if len(lines) > room:
            hidden = len(lines) - room + 1
            lines = [Text(f"… {hidden} lines above", "dim"), *lines[hidden:]]
        return Lines(_title(board, now), *lines)


def _title(board: Board, now: float) -> Text:
    title = Text.assemble(mark(board.state.value), " ", (one_line(board.flow), "bold"))
    title.append(f"  {board.state.value}  {duration((board.ended_at or now) - board.started_at)}")
    if board.attempt > 1:
        title.append(f"  attempt {board.attempt}", "yellow")
    return title.append(f"  run {short(board.run_id)}", "dim")


class PlainLines:
    """One line for each node that moves. Of wide fan-outs only failures have lines, and a count now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: dict[int, float] = {}
        """By fan-out: when its count was told last."""
        self._pending: dict[int, tuple[str, Instances]] = {}
        self._waits: set[tuple[str, str]] = set()
        """Names and queues of which it was said that they wait."""
        self._got_on: dict[TaskId, float] = {}
        """By attempt: when it was last told how far it is."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tell_counts(at_once=True)

    def moved(self, board: Board, changes: Iterable[Change]) -> None:
        for change in changes:
            node, group = change.node, change.branch.groups[change.node.name]
            name = "/".join(map(one_line, (*change.branch.path, node.name)))
            if change.waits_for:
                self._tell_waiting(name, change.waits_for)
                continue
            if change.how_far is not None:
                if len(group) <= MOST_INSTANCES:
                    self._tell_progress(name, node.id, change.how_far)
                continue
            if len(group) > MOST_INSTANCES:
                self._pending[id(group)] = (name, group)
            if len(group) <= MOST_INSTANCES or node.state == "failed":
                self._tell(change, name)
        self._tell_counts()

    def tick(self) -> None:
        self._tell_counts()

    def _tell(self, change: Change, name: str) -> None:
        node = change.node
        if node.handled and change.before is not None and not change.before.handled:
            self._write(f"{'handled':<9}  {name}")
            return
        state = "started" if node.state == "running" else node.state
        told = [f"{state:<9}", name, "" if state == "started" else time_of(node, time.time()), detail_of(node)]
        self._write("  ".join(part for part in told if part))

    def _tell_waiting(self, name: str, queue: str) -> None:
        if (name, queue) not in self._waits:
            self._waits.add((name, queue))
            self._write(f"{'waits':<9}  {name}  {of_waiting(queue).removeprefix('waits: ')}")

    def _tell_progress(self, name: str, id: TaskId, how_far: HowFar) -> None:
        now = time.monotonic()
        if now - self._got_on.get(id, float("-inf")) >= _PROGRESS_EVERY:
            self._got_on[id] = now
            self._write(f"{'so far':<9}  {name}  {of_progress(how_far)}")

    def _tell_counts(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        for key, (name, group) in list(self._pending.items()):
            if at_once or group.over == len(group) or now - self._told.get(key, 0.0) >= _TALLY_EVERY:
                self._told[key] = now
                del self._pending[key]
                self._write(f"{name} x{len(group)}: {tally(group)}")

    def _write(self, line: str) -> None:
        self._console.out(line, highlight=False)
