"""What can start, what goes round: the linear algorithms against plain ones, and what is said to people."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncflow.config.graph import Reach, cycles
from asyncflow.model.flow import Edge, Fallback, Flow
from tests.config.reading import TASKS, codes, read_yaml

NAMES = ["A", "B", "C", "D", "E"]
some_names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    rows = draw(
        st.lists(st.tuples(st.one_of(st.just([]), some_names), some_names, st.booleans()), min_size=1, max_size=7)
    )
    caught = draw(st.lists(st.tuples(some_names, some_names), max_size=3))
    return Flow(
        name="f",
        nodes={},
        edges=tuple(
            Edge(
                index=index, sources=tuple(sources), targets=tuple(targets), at_least=1 if sources and any_of else None
            )
            for index, (sources, targets, any_of) in enumerate(rows)
        ),
        fallbacks=tuple(
            Fallback(index=index, nodes=frozenset(nodes), targets=tuple(targets))
            for index, (nodes, targets) in enumerate(caught)
        ),
        nowait=frozenset(draw(st.sets(st.sampled_from(NAMES), max_size=1))),
    )


def started_plainly(flow: Flow) -> set[str]:
    started: set[str] = set()
    while True:
        over = started - flow.nowait
        more = {
            name
            for edge in flow.edges
            if len(over & set(edge.sources)) >= (edge.at_least or len(edge.sources))
            for name in edge.targets
        }
        more |= {name for each in flow.fallbacks if each.nodes <= over for name in each.targets}
        if more <= started:
            return started
        started |= more


@given(flows())
def test_what_can_start_is_what_a_plain_fixpoint_says(flow: Flow) -> None:
    assert Reach(flow, flow.edges).started == started_plainly(flow)


@given(st.dictionaries(st.integers(0, 7), st.lists(st.integers(0, 7), max_size=4)))
def test_cycles_are_the_nodes_that_reach_each_other(after: dict[int, list[int]]) -> None:
    reached = {node: set(after.get(node, ())) for node in range(8)}
    for _ in range(8):
        for near in reached.values():
            near |= {far for node in near for far in reached[node]}
    plain = {
        frozenset(other for other in reached if node in reached[other] and other in reached[node]) for node in reached
    }
    found = cycles(after)
    assert {frozenset(group) for group in found} == plain - {frozenset()}
    assert sum(map(len, found)) == len({node for group in found for node in group})


def test_a_long_chain_is_walked_without_recursion() -> None:
    after = {number: [number + 1] for number in range(20_000)}
    assert cycles(after) == []
    assert len(cycles({**after, 20_000: [0]})[0]) == 20_001


def said_of(folder: Path, body: str, more: str = "") -> list[str]:
    return [
        code
        for code in codes(read_yaml(folder, f"{TASKS}flow-definitions:\n  - name: f\n    {body}\n{more}"))
        if code != "F217"
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("edges: [{from: , to: A}, {from: A, to: B}, {from: B, to: A, condition: {expr: node_args.more}}]", []),
        ("edges: [{from: , to: A}, {from: A, to: A, foreach: {function: f, import: m}}]", []),
        ("edges: [{from: , to: A}, {from: A, to: A}]", ["F606"]),
        ("edges: [{from: , to: A}, {from: A, to: A, condition: alwaysTrue}]", ["F606"]),
        ("edges: [{from: , to: A}, {from: A, to: A, condition: alwaysFalse}]", ["F604"]),
        ("edges: [{from: , to: A}, {from: A, to: A, condition: {not: alwaysTrue}}]", ["F604"]),
        ("edges: [{from: , to: A}, {from: A, to: B, condition: {or: [alwaysFalse, isNone]}}]", []),
        (
            "edges: [{from: , to: A}, {from: A, to: B, condition: {and: [isNone, alwaysFalse]}}, {from: B, to: C}]",
            ["F604"],
        ),
        # What follows from one mistake is not said again.
        (
            "edges: [{from: , to: A}, {from: [A, B], to: C}, {from: C, to: B, condition: isNone}, {from: B, to: D}]",
            ["F605"],
        ),
        ("edges: [{from: , to: A}, {from: [A, B], to: C, join: any}, {from: C, to: B, condition: isNone}]", []),
        ("edges: [{from: , to: A}, {from: [A, B], to: C, join: any}, {from: C, to: A}]", ["F603"]),
        ("edges: [{from: , to: A}, {from: D, to: B}, {from: B, to: C}]", ["F602"]),
        ("edges: [{from: , to: A}, {from: B, to: C, condition: isNone}, {from: C, to: B}]", ["F603", "F603"]),
        ("edges: [{from: , to: A}, {from: B, to: C}], failures: [{nodes: A, fallback: B}]", []),
        ("edges: [{from: , to: A}], failures: [{nodes: A, fallback: B}, {nodes: B, fallback: C}]", []),
        (
            "edges: [{from: , to: A}], failures: [{nodes: [A, C], fallback: B}, {nodes: B, fallback: C}]",
            ["F506", "F506"],
        ),
        ("edges: [{from: , to: A}], failures: [{nodes: A, fallback: B}], eager_failures: true", ["F506"]),
    ],
)
def test_what_can_never_happen_is_said_where_it_begins(tmp_path: Path, body: str, said: list[str]) -> None:
    assert said_of(tmp_path, body.replace("], failures", "]\n    failures").replace("], eager", "]\n    eager")) == said


def test_recursion_with_a_condition_is_no_problem(tmp_path: Path) -> None:
    endless = "edges: [{from: , to: A}, {from: A, to: f}]"
    assert said_of(tmp_path, endless) == ["F607"]
    assert said_of(tmp_path, endless.replace("to: f", "to: f, condition: isNone")) == []
    through = "edges: [{from: , to: A}, {from: A, to: g}]"
    assert said_of(tmp_path, through, "  - name: g\n    edges: [{from: , to: f}]\n") == ["F607"]
    assert (
        said_of(tmp_path, through, "  - name: g\n    edges: [{from: , to: f, condition: {expr: node_args.more}}]\n")
        == []
    )
