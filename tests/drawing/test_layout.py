"""Pictures are readable, whatever the flow."""

import time
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncflow.drawing import picture
from asyncflow.drawing.layout.columns import columns_of, distance
from asyncflow.drawing.layout.cycles import back_arcs
from asyncflow.drawing.layout.lattice import Plan, Size, lattice_of
from asyncflow.drawing.layout.order import ordered
from asyncflow.drawing.picture import Picture
from asyncflow.model.flow import Configuration
from tests.drawing.flows import CORPUS, DINNER, EVERYTHING, PROJECTS, configurations, large, made, read, subsets
from tests.drawing.readability import assert_readable

_settings = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def drawn(*edges: tuple[str | list[str] | None, str | list[str]], **keys) -> Picture:
    flow = {"edges": [{"from": source, "to": target} for source, target in edges], **keys}
    return picture(made({"f": flow}), "f")


def top(shown: Picture, name: str) -> float:
    return next(box.y for box in shown.boxes if box.path == name)


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"{CORPUS} holds the real configurations, and is absent")
@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.relative_to(CORPUS).as_posix())
def test_real_flows_are_readable_folded_and_unfolded(path: Path) -> None:
    configuration = read(path)
    for name, depth in subsets(configuration):
        assert_readable(picture(configuration, name, depth))


@pytest.mark.parametrize("configuration", [read(DINNER), EVERYTHING], ids=["dinner", "everything"])
@pytest.mark.parametrize("counted", [False, True])
def test_flows_with_one_of_each_thing_are_readable(configuration: Configuration, counted: bool) -> None:
    for name, depth in subsets(configuration):
        assert_readable(picture(configuration, name, depth, counted=counted))


@given(configuration=configurations(), depth=st.integers(0, 2), counted=st.booleans())
@_settings
def test_any_flow_is_readable(configuration: Configuration, depth: int, counted: bool) -> None:
    assert_readable(picture(configuration, "main", depth, counted=counted))


def test_what_comes_after_stands_below() -> None:
    shown = drawn((None, "A"), ("A", ["B", "C"]), (["B", "C"], "D"))
    assert top(shown, "A") < top(shown, "B") == top(shown, "C") < top(shown, "D")


def test_a_way_back_leaves_at_the_bottom_and_arrives_at_the_top() -> None:
    again = {"name": "fieldExist", "args": {"key": "again"}}
    edges = [{"from": None, "to": "A"}, {"from": "A", "to": "B"}, {"from": "B", "to": "A", "condition": again}]
    shown = picture(made({"f": {"edges": edges}}), "f")
    (label,) = shown.labels
    up = next(line for line in shown.lines if line.source == label.id)
    assert top(shown, "A") < label.y < top(shown, "B")
    assert up.target == "node-A"
    assert up.start.y == label.y


@pytest.mark.parametrize(
    ("arcs", "back"),
    [
        ([(0, 1), (1, 2), (2, 1)], {2}),
        ([(0, 1), (1, 1)], {1}),
        ([(0, 3), (0, 1), (3, 1), (1, 2), (2, 3)], {4}),
        ([(0, 1), (0, 2), (1, 2), (2, 1)], {3}),
        ([(0, 1), (1, 2), (0, 2)], set()),
    ],
    ids=["back", "itself", "far to near", "one of two", "no cycle"],
)
def test_the_arc_that_leads_to_what_comes_earlier_goes_back(arcs: list[tuple[int, int]], back: set[int]) -> None:
    assert back_arcs(4, arcs) == back


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=24))
@_settings
def test_without_the_arcs_that_go_back_there_is_no_cycle_and_each_closes_one(arcs: list[tuple[int, int]]) -> None:
    back = back_arcs(8, arcs)
    forward = [arc for place, arc in enumerate(arcs) if place not in back]
    assert has_order(forward)
    assert not any(has_order([*forward, arcs[place]]) for place in back)


def has_order(arcs: list[tuple[int, int]]) -> bool:
    left = set(range(8))
    while free := left - {target for source, target in arcs if source in left}:
        left -= free
    return not left


def test_a_chain_is_one_straight_line() -> None:
    shown = drawn((None, "A"), ("A", "AMuchLongerName"), ("AMuchLongerName", "B"), ("B", "C"))
    assert len({round(box.x + box.width / 2, 3) for box in shown.boxes}) == 1
    assert {len(line.strokes) for line in shown.lines} == {1}


def test_children_stand_around_their_parent() -> None:
    shown = drawn((None, "P"), ("P", ["A", "B", "C"]))
    middle = {box.path: box.x + box.width / 2 for box in shown.boxes if box.path}
    assert middle["A"] < middle["B"] == middle["P"] < middle["C"]
    assert middle["P"] - middle["A"] == pytest.approx(middle["C"] - middle["P"])


def test_lines_do_not_cross_where_they_need_not() -> None:
    shown = drawn((None, ["A", "B", "C"]), ("A", "X"), ("B", "Y"), ("C", "Z"), ("A", "Z"))
    place = {box.path: box.x for box in shown.boxes if box.path}
    pairs = [("A", "X"), ("B", "Y"), ("C", "Z"), ("A", "Z")]
    crossings = [
        (one, other)
        for one, other in combinations(pairs, 2)
        if (place[one[0]] - place[other[0]]) * (place[one[1]] - place[other[1]]) < 0
    ]
    assert crossings == []


@given(
    st.integers(2, 9).flatmap(
        lambda count: st.tuples(
            st.just(count), st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=20)
        )
    )
)
@_settings
def test_neighbours_of_a_rank_keep_their_distance(graph: tuple[int, list[tuple[int, int]]]) -> None:
    count, arcs = graph
    lattice = lattice_of(
        Plan(sizes=[Size(20.0 + 37 * (cell % 4), 20.0) for cell in range(count)], arcs=arcs, middles=frozenset())
    )
    layers = ordered(lattice)
    columns = columns_of(lattice, layers)
    assert sorted(cell for layer in layers for cell in layer) == list(range(len(lattice.sizes)))
    for layer in layers:
        for left, right in pairwise(layer):
            assert columns[right] - columns[left] >= distance(lattice, left, right) - 1e-6
    for upper, lower in lattice.links:
        assert lattice.ranks[lower] == lattice.ranks[upper] + 1


def test_a_flow_of_three_hundred_nodes_is_drawn_in_seconds() -> None:
    configuration = large(300)
    began = time.process_time()
    shown = picture(configuration, "large")
    took = time.process_time() - began
    assert sum(bool(box.path) for box in shown.boxes) == 300
    assert_readable(shown, lines=False)
    assert took < 10, f"{took:.1f} s"


def test_a_chain_longer_than_the_stack_is_drawn() -> None:
    names = [f"T{number}" for number in range(1500)]
    shown = drawn((None, names[0]), *pairwise(names))
    assert len(shown.boxes) == 1502
