"""How far tasks are, as people see it: a bar in the tree, lines now and then elsewhere."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from asyncflow.cli import progress
from asyncflow.cli.board import Board
from asyncflow.cli.progress import PlainLines
from asyncflow.cli.tree import drawn, rows_of

AT = "2026-01-31T12:00:00.000+00:00"


def report(**more: Any) -> dict[str, Any]:
    node = {"id": "a1", "name": "Bake", "kind": "task", "state": "running", "attempt": 1, "started_at": AT}
    node |= {"ended_at": None, "error": None, "handled": False, "progress": None, **more}
    run = {"run_id": "r", "flow": "f", "state": "running", "attempt": 1, "started_at": AT, "ended_at": None}
    return {**run, "error": None, "nodes": [node]}


def said(done: float | None, total: float | None = None, text: str = "", id: str = "a1") -> dict[str, Any]:
    how_far = {"done": done, "total": total, "text": text}
    return {"progress": [{"run_id": "r", "id": id, "task": "Bake", "progress": how_far}]}


def fact(kind: str, **more: Any) -> dict[str, Any]:
    return {"changes": [{"run_id": "r", "at": 0.0, "version": 2, "facts": [[kind, {"id": "a1", **more}]]}]}


def detail(board: Board) -> str:
    [row] = rows_of(board, 0.0)
    return row.detail.plain


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (said(0, 8), "──────────────── 0 of 8"),
        (said(3, 8, "beating\neggs \x1b[31m"), "━━━━━━────────── 3 of 8  beating eggs  [31m"),
        (said(9, 8), "━━━━━━━━━━━━━━━━ 9 of 8"),
        (said(-1, 8), "──────────────── -1 of 8"),
        (said(1234567, 2e6), "━━━━━━━━━━────── 1,234,567 of 2,000,000"),
        (said(0.25, 1), "━━━━──────────── 0.2 of 1"),
        (said(7), "7"),
        (said(3, 0), "3 of 0"),
        (said(None, 8, "thinking"), "thinking"),
    ],
)
def test_a_task_is_shown_with_a_bar_and_its_words(message: Mapping[str, Any], shown: str) -> None:
    board = Board(report())
    [change] = board.tell(message)
    assert change.how_far is not None
    assert detail(board) == shown
    assert all(line.cell_len <= 40 for line in drawn(rows_of(board, 0.0), 40))


def test_a_report_brings_what_is_known_already() -> None:
    board = Board(report(progress={"done": 3, "total": 8, "text": ""}))
    assert detail(board) == "━━━━━━────────── 3 of 8"


@pytest.mark.parametrize(
    ("ended", "shown"),
    [
        (fact("NodeSucceeded"), ""),
        (fact("AttemptRetried", next_id="a2", due=1.0, error={"type": "E", "message": "no"}), "attempt 2  E: no"),
    ],
    ids=["succeeded", "retried"],
)
def test_what_an_attempt_said_ends_with_it(ended: Mapping[str, Any], shown: str) -> None:
    board = Board(report())
    board.tell(said(3, 8))
    board.tell(ended)
    assert detail(board) == shown
    assert board.tell(said(4, 8)) == []
    assert board.tell(said(4, 8, id="unheard")) == []


def test_off_a_terminal_it_is_told_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    out, clock = io.StringIO(), [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    lines, board = PlainLines(Console(file=out, width=200)), Board(report())
    for second in range(25):
        clock[0] = float(second)
        lines.moved(board, board.tell(said(second, 24, "beating eggs")))
    assert out.getvalue().splitlines() == [
        "so far     Bake  0 of 24  beating eggs",
        "so far     Bake  10 of 24  beating eggs",
        "so far     Bake  20 of 24  beating eggs",
    ]
