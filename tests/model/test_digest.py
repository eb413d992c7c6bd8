"""Runs of any size in few words, and what became of their edges."""

from __future__ import annotations

from itertools import pairwise

import pytest

from asyncflow.model import facts as f
from asyncflow.model.digest import SLICES, digest_json
from asyncflow.model.history import told_on, view_of
from asyncflow.model.run import NodeKind, TaskError
from asyncflow.model.spread import spread_json

BROKEN = TaskError(type="OvenError", message="cold")
STARTED = f.RunStarted(run_id="r", flow="dinner", version="1", root_id="r")


def node(number: int, name: str = "Bake") -> f.NodeStarted:
    return f.NodeStarted(id=f"{name}{number}", name=name, number=number, kind=NodeKind.TASK)


def bakery(count: int = 100):
    """One after the other; every tenth fails."""
    yield 0.0, (STARTED, f.EdgeFired(edge=0, items=count), *(node(number) for number in range(count)))
    for number in range(count):
        ended = (
            f.NodeFailed(id=f"Bake{number}", error=BROKEN) if number % 10 == 0 else f.NodeSucceeded(id=f"Bake{number}")
        )
        yield 1.0 + number, (ended,)


def test_of_many_nodes_the_failed_are_told_first_and_all_are_counted() -> None:
    told = digest_json(view_of(bakery()), 12, 200.0)
    [group] = told["groups"]
    assert group["states"] == {"failed": 10, "succeeded": 90}
    assert [one["state"] for one in told["nodes"]].count("failed") == 10
    assert len(told["nodes"]) == 12
    assert group["seconds"] == {"count": 100, "p50": 50.0, "p95": 95.0, "p99": 99.0, "most": 100.0}


def test_slices_tell_how_many_were_under_way_and_would_fail() -> None:
    [group] = digest_json(view_of(bakery()), 5, 200.0)["groups"]
    slices = group["slices"]
    assert len(slices) == SLICES
    assert slices[0] == [100, 10]
    assert slices[-1][0] == 2
    assert all(before[0] >= after[0] for before, after in pairwise(slices))


def test_few_nodes_are_no_group() -> None:
    told = digest_json(view_of(bakery(3)), 3, 9.0)
    assert told["groups"] == []
    assert [one["id"] for one in told["nodes"]] == ["Bake0", "Bake1", "Bake2"]


def test_what_is_told_in_parts_is_told_like_the_whole() -> None:
    journal = list(bakery(20))
    parts = None
    for entry in journal:
        parts = told_on(parts, [entry])
    assert parts == view_of(journal)


def test_an_edge_tells_how_often_it_fired_and_why_not() -> None:
    view = view_of(
        [
            (0.0, (STARTED, f.EdgeFired(edge=0, items=3), f.EdgeNotFired(edge=1, why="a(1) was false"))),
            (1.0, (f.EdgeFired(edge=1), f.EdgeOmitted(edge=2), f.EdgeNotFired(edge=1, why="a(2) was false"))),
            (2.0, (f.FallbackNotStarted(fallback=0, why="no"), f.FallbackStarted(fallbacks=(1,), handled={}))),
        ]
    )
    told = digest_json(view, 9, 3.0)
    assert [(edge["index"], edge["fired"], edge["items"], edge["not_fired"]) for edge in told["edges"]] == [
        (0, 1, 3, 0),
        (1, 1, 0, 2),
        (2, 0, 0, 0),
    ]
    assert [(edge["why"], edge["omitted"]) for edge in told["edges"]] == [
        ("", False),
        ("a(2) was false", False),
        ("", True),
    ]
    assert [(one["index"], one["started"], one["why"]) for one in told["fallbacks"]] == [(0, 0, "no"), (1, 1, "")]


def test_a_node_keeps_its_failed_attempts() -> None:
    view = view_of(
        [
            (0.0, (STARTED, node(1))),
            (2.0, (f.AttemptRetried(id="Bake1", next_id="again", error=BROKEN, due=7.0),)),
            (9.0, (f.NodeSucceeded(id="again"),)),
        ]
    )
    [told] = digest_json(view, 9, 9.0)["nodes"]
    assert (told["id"], told["attempt"], told["due"]) == ("again", 2, "1970-01-01T00:00:07.000+00:00")
    [first] = told["tries"]
    assert (first["id"], first["attempt"], first["error"]["type"]) == ("Bake1", 1, "OvenError")
    assert (first["due"], first["ended_at"]) == ("1970-01-01T00:00:00.000+00:00", "1970-01-01T00:00:02.000+00:00")


@pytest.mark.parametrize(
    ("numbers", "p50", "p95", "p99"),
    [([3.0], 3.0, 3.0, 3.0), ([2.0, 1.0], 1.0, 2.0, 2.0), ([float(n) for n in range(1, 201)], 100.0, 190.0, 198.0)],
)
def test_spreads(numbers: list[float], p50: float, p95: float, p99: float) -> None:
    spread = spread_json(numbers)
    assert (spread["p50"], spread["p95"], spread["p99"], spread["most"]) == (p50, p95, p99, max(numbers))


def test_nothing_has_no_spread() -> None:
    assert spread_json([]) is None
