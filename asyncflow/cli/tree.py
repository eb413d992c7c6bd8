"""A board as lines: a tree of nodes with state, duration and what went wrong, wide fan-outs in one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.text import Text

from asyncflow.cli.board import OVER, Board, Branch, Group
from asyncflow.cli.words import duration, moment, of_error, of_progress, one_line
from asyncflow.model.history import NodeView
from asyncflow.model.names import NodeName, TaskId
from asyncflow.model.run import HowFar, NodeKind

MOST_INSTANCES = 20
"""More instances of one name than that are told in one line."""

QUEUED_LONG = 0.5
"""Seconds in a queue that are worth a word."""

_MARKS = {
    "running": ("●", "cyan"),
    "waiting": ("◷", "yellow"),
    "retrying": ("↻", "yellow"),
    "succeeded": ("✓", "green"),
    "failed": ("✗", "red"),
    "cancelled": ("-", "yellow"),
    "reused": ("=", "green"),
    "paused": ("‖", "yellow"),
}
_BAR = 16
_TIME = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line, before it is fitted into a width."""

    depth: int
    state: str
    name: str
    time: str
    detail: Text
    over: bool


def rows_of(board: Board, now: float, *, depth: int = 0, fold: bool = False) -> list[Row]:
    """The lines of a board; `fold` leaves out what stands in sub-flows that have succeeded."""
    look = _Look(now=now, fold=fold, depth=depth, waiting=board.waiting, progress=board.progress)
    return list(_rows(board, board.branches[board.run_id], look))


def drawn(rows: Sequence[Row], width: int) -> list[Text]:
    """The lines in a width."""
    if not rows:
        return []
    wanted = max(len(row.name) + 2 * row.depth for row in rows)
    names = min(wanted, max(16, (width - _TIME) * 9 // 20))
    return [_line(row, names, width) for row in rows]


def mark(state: str) -> Text:
    sign, style = _MARKS[state]
    return Text(sign, style)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    now: float
    fold: bool
    waiting: Mapping[TaskId, str]
    progress: Mapping[TaskId, HowFar]
    depth: int = 0

    def deeper(self) -> _Look:
        return replace(self, depth=self.depth + 1)


def _rows(board: Board, branch: Branch, look: _Look) -> Iterator[Row]:
    for name, group in branch.groups.items():
        if len(group) > MOST_INSTANCES:
            waits = next((queue for id in group.places if (queue := look.waiting.get(id))), "") if look.waiting else ""
            yield _row_of_group(name, group, look, waits)
            continue
        for node in branch.of(name):
            yield _row_of_node(node, look)
            child = board.child(node)
            if child is not None and not (look.fold and node.state == "succeeded"):
                yield from _rows(board, child, look.deeper())


def _row_of_node(node: NodeView, look: _Look) -> Row:
    waits, how_far = look.waiting.get(node.id), look.progress.get(node.id)
    detail = Text(detail_of(node), "red" if is_cause(node) and not node.handled else "dim")
    before = [Text(of_waiting(waits), "yellow")] if waits else [] if how_far is None else [_gauge(how_far)]
    detail = Text("  ").join(part for part in (*before, detail) if part)
    return Row(
        depth=look.depth,
        state=node.state,
        name=one_line(node.name),
        time=time_of(node, look.now),
        detail=detail,
        over=node.state in OVER,
    )


def is_cause(node: NodeView) -> bool:
    """Whether it failed by itself: a sub-flow fails for what failed in it, which is told there."""
    return node.state == "failed" and node.kind is not NodeKind.FLOW


def time_of(node: NodeView, now: float) -> str:
    if node.state == "reused":
        return ""
    return duration((now if node.ended_at is None else node.ended_at) - node.started_at)


def detail_of(node: NodeView) -> str:
    """What there is to say beside state and duration."""
    said = []
    if node.state == "reused":
        said.append("reused")
    if node.state == "waiting":
        said.append(_of_wait(node))
    if node.attempt > 1:
        said.append(f"attempt {node.attempt}")
    if node.queued is not None and node.queued >= QUEUED_LONG:
        said.append(f"queued {duration(node.queued)}")
    if node.error is not None:
        said.append(of_error(node.error))
    if node.handled:
        said.append("(handled by a fallback)")
    return "  ".join(said)


def _of_wait(node: NodeView) -> str:
    """For what a node waits, and how long at most."""
    until = None if node.until is None else f"until {moment(node.until)}"
    if node.event is None:
        return until or ""
    return f"for signal {one_line(node.event)}" + (f", {until}" if until else "")


def of_waiting(queue: str) -> str:
    """Why a task is not taken by any worker, and how to mend that."""
    shown = one_line(queue)
    return f"waits: no queue `{shown}`; start a worker with -Q {shown}"


def _row_of_group(name: NodeName, group: Group, look: _Look, waits: str) -> Row:
    failed = group.counts["failed"]
    state = "running" if group.over < len(group) else "failed" if failed else "succeeded"
    return Row(
        depth=look.depth,
        state=state,
        name=f"{one_line(name)} x{len(group)}",
        time=duration((group.ended if group.over == len(group) else look.now) - group.began),
        detail=Text.assemble(
            _bar(group), " ", tally(group, "running"), (f"  {of_waiting(waits)}" if waits else "", "yellow")
        ),
        over=group.over == len(group),
    )


def tally(group: Group, *left_out: str) -> str:
    """312 done, 3 failed, 185 running."""
    counts = group.counts
    told = {
        "done": counts["succeeded"],
        "failed": counts["failed"],
        "cancelled": counts["cancelled"],
        "reused": counts["reused"],
        "retrying": counts["retrying"],
        "waiting": counts["waiting"],
        "running": counts["running"],
    }
    return ", ".join(f"{number:,} {word}" for word, number in told.items() if number and word not in left_out)


def _bar(group: Group) -> Text:
    full = _BAR * group.over // len(group)
    bad = -(-_BAR * group.counts["failed"] // len(group))
    return Text.assemble(
        ("━" * max(0, full - bad), "green"), ("━" * min(bad, full), "red"), ("─" * (_BAR - full), "dim")
    )


def _gauge(how_far: HowFar) -> Text:
    """A bar, where there is an end to be seen, and the words."""
    words = of_progress(how_far)
    if how_far.done is None or not how_far.total or how_far.total < 0:
        return Text(words)
    full = round(_BAR * min(1.0, max(0.0, how_far.done / how_far.total)))
    return Text.assemble(("━" * full, "cyan"), ("─" * (_BAR - full), "dim"), " ", words)


def _line(row: Row, names: int, width: int) -> Text:
    line = Text.assemble("  " * row.depth, mark(row.state), " ", no_wrap=True, overflow="ellipsis")
    name = Text(row.name, "bold" if not row.over else "")
    name.truncate(max(1, names - 2 * row.depth), overflow="ellipsis", pad=True)
    line.append_text(name)
    line.append(f" {row.time:>{_TIME}}", "dim" if row.over else "")
    if row.detail:
        line.append("  ").append_text(row.detail)
    line.truncate(width, overflow="ellipsis")
    return line
