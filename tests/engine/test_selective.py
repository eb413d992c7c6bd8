"""What a selective run starts: recorded cases, the rules one by one, and a naive reference on random flows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from asyncflow.engine.selective import select
from asyncflow.errors import RequestError, SelectiveNoPathError, UnknownFlowError
from asyncflow.model.flow import Edge, Flow, SubFlow, Task, TaskKind
from asyncflow.model.names import FlowName, NodeName
from asyncflow.model.run import Selection

RECORDED = Path(__file__).parents[3] / "shared" / "conformance" / "selinon_cases.json"

Arrow = tuple[str, str] | tuple[str, str, int]
Chosen = dict[str, dict[int, tuple[str, ...]]]
Rest = bool | tuple[FlowName, ...]


def flows_of(**arrows: Iterable[Arrow]) -> dict[FlowName, Flow]:
    """Flows from lines such as ("A B", "C D"): sources and targets; a number after them is `at_least`."""
    return {FlowName(name): flow_of(name, lines, arrows.keys()) for name, lines in arrows.items()}


def flow_of(name: str, arrows: Iterable[Arrow], flow_names: Iterable[str]) -> Flow:
    edges = tuple(
        Edge(
            index=index,
            sources=tuple(map(NodeName, arrow[0].split())),
            targets=tuple(map(NodeName, arrow[1].split())),
            at_least=arrow[2] if len(arrow) == 3 else None,
        )
        for index, arrow in enumerate(arrows)
    )
    names = {node for edge in edges for node in (*edge.sources, *edge.targets)}
    subflows = set(flow_names)
    nodes = {node: SubFlow(name=node) if node in subflows else Task(name=node, kind=TaskKind.CELERY) for node in names}
    return Flow(name=FlowName(name), nodes=nodes, edges=edges)


def chosen(
    flows: Mapping[FlowName, Flow], tasks: str, *, follow_subflows: bool = False, run_subsequent: Rest = False
) -> Chosen:
    """What is selected in a run of the flow `main`."""
    wanted = tuple(map(NodeName, tasks.split()))
    made = select(flows, FlowName("main"), wanted, follow_subflows=follow_subflows, run_subsequent=run_subsequent)
    return plain(made)


def plain(selection: Selection) -> Chosen:
    return {str(name): {i: tuple(map(str, to)) for i, to in edges.items()} for name, edges in selection.edges.items()}


# --- Recorded cases ---------------------------------------------------------------------------------------------------


def recorded_vectors() -> list[Any]:
    if not RECORDED.exists():
        return [pytest.param(None, None, marks=pytest.mark.skip(reason=f"there is no {RECORDED.name} to read"))]
    return [
        pytest.param(case["config"], vector, id=case["name"])
        for case in json.loads(RECORDED.read_text())["cases"]
        for vector in case.get("selective_vectors", ())
    ]


@pytest.mark.parametrize(("config", "vector"), recorded_vectors())
def test_selection_is_the_recorded_one(config: Any, vector: Any) -> None:
    flows = flows_of(
        **{
            name: [(" ".join(edge["from"]), " ".join(edge["to"])) for edge in definition["edges"]]
            for name, definition in config["flows"].items()
        }
    )

    def run() -> Selection:
        options = {key: vector[key] for key in ("follow_subflows", "run_subsequent")}
        return select(flows, vector["flow"], vector["task_names"], **options)

    if "raises" in vector:
        assert vector["raises"] == "SelectiveNoPathError"
        with pytest.raises(SelectiveNoPathError):
            run()
        return
    selection = run()
    assert list(selection.tasks) == vector["task_names"]
    assert plain(selection) == {
        flow: {int(index): tuple(targets) for index, targets in edges.items()}
        for flow, edges in vector["waiting_edges_subset"].items()
    }


# --- Paths ------------------------------------------------------------------------------------------------------------


def test_every_path_to_a_task_is_selected() -> None:
    flows = flows_of(main=[("", "A"), ("A", "B"), ("A", "C"), ("B", "D"), ("C", "D"), ("D", "E")])
    assert chosen(flows, "D") == {"main": {0: ("A",), 1: ("B",), 2: ("C",), 3: ("D",), 4: ("D",)}}


def test_targets_that_lead_nowhere_are_left_out_and_the_others_keep_their_order_and_number() -> None:
    flows = flows_of(main=[("", "B X A B"), ("A B", "C")])
    assert chosen(flows, "C") == {"main": {0: ("B", "A", "B"), 1: ("C",)}}


def test_a_join_that_cannot_fire_is_no_path() -> None:
    flows = flows_of(main=[("", "A"), ("A Never", "B"), ("A", "C"), ("C", "B")])
    assert chosen(flows, "B") == {"main": {0: ("A",), 2: ("C",), 3: ("B",)}}


def test_a_circle_that_no_start_leads_into_is_no_path() -> None:
    flows = flows_of(main=[("", "A"), ("B", "C"), ("C", "B"), ("B", "A")])
    with pytest.raises(SelectiveNoPathError, match="no path of edges leads to C"):
        chosen(flows, "C")
    assert chosen(flows, "A") == {"main": {0: ("A",)}}


def test_a_circle_through_a_path_belongs_to_it() -> None:
    flows = flows_of(main=[("", "A"), ("A", "B"), ("B", "A"), ("B", "C")])
    assert chosen(flows, "B") == {"main": {0: ("A",), 1: ("B",), 2: ("A",)}}


def test_a_join_of_some_sources_fires_when_so_many_can_be_reached() -> None:
    arrows: list[Arrow] = [("", "A B"), ("A B Never", "C", 2), ("A Never Ever", "D", 2)]
    flows = flows_of(main=arrows)
    assert chosen(flows, "C") == {"main": {0: ("A", "B"), 1: ("C",)}}
    with pytest.raises(SelectiveNoPathError):
        chosen(flows, "D")


def test_a_sub_flow_can_be_asked_for_by_name() -> None:
    flows = flows_of(main=[("", "A"), ("A", "inner B")], inner=[("", "T")])
    assert chosen(flows, "inner") == {"main": {0: ("A",), 1: ("inner",)}}


# --- Sub-flows --------------------------------------------------------------------------------------------------------


def test_a_sub_flow_on_the_path_has_no_entry_and_so_runs_fully() -> None:
    flows = flows_of(main=[("", "inner"), ("inner", "A")], inner=[("", "T"), ("T", "U")])
    assert chosen(flows, "A") == {"main": {0: ("inner",), 1: ("A",)}}


def test_a_followed_sub_flow_without_requested_tasks_has_an_empty_entry() -> None:
    flows = flows_of(main=[("", "inner"), ("inner", "A")], inner=[("", "T"), ("T", "U")])
    assert chosen(flows, "A", follow_subflows=True) == {"main": {0: ("inner",), 1: ("A",)}, "inner": {}}


def test_a_task_of_a_sub_flow_is_found_only_when_sub_flows_are_followed() -> None:
    flows = flows_of(main=[("", "A"), ("A", "outer")], outer=[("", "inner X")], inner=[("", "T U")])
    with pytest.raises(SelectiveNoPathError):
        chosen(flows, "T")
    assert chosen(flows, "T", follow_subflows=True) == {
        "main": {0: ("A",), 1: ("outer",)},
        "outer": {0: ("inner",)},
        "inner": {0: ("T",)},
    }


def test_a_sub_flow_that_no_edge_can_start_does_not_count() -> None:
    flows = flows_of(main=[("", "A"), ("Never", "inner")], inner=[("", "T")])
    with pytest.raises(SelectiveNoPathError):
        chosen(flows, "T", follow_subflows=True)
    assert chosen(flows, "A", follow_subflows=True) == {"main": {0: ("A",)}}


def test_flows_that_start_each_other_are_selected_in_both_directions_but_not_back_into_the_root() -> None:
    flows = flows_of(main=[("", "ping")], ping=[("", "pong"), ("pong", "main")], pong=[("", "ping T"), ("T", "main")])
    assert chosen(flows, "T", follow_subflows=True) == {
        "main": {0: ("ping",)},
        "ping": {0: ("pong",)},
        "pong": {0: ("ping", "T")},
    }


def test_tasks_may_lie_in_different_flows() -> None:
    flows = flows_of(main=[("", "A inner"), ("A", "B")], inner=[("", "T U")])
    assert chosen(flows, "A U", follow_subflows=True) == {"main": {0: ("A", "inner")}, "inner": {0: ("U",)}}


# --- What follows -----------------------------------------------------------------------------------------------------


def test_subsequent_edges_start_all_their_targets() -> None:
    flows = flows_of(main=[("", "A X"), ("A", "B Y"), ("B", "C Z"), ("C", "A"), ("X", "W")])
    assert chosen(flows, "B", run_subsequent=True) == {
        "main": {0: ("A",), 1: ("B", "Y"), 2: ("C", "Z"), 3: ("A",)},
    }


def test_a_join_with_a_node_that_does_not_follow_is_not_subsequent() -> None:
    flows = flows_of(main=[("", "A"), ("A", "B"), ("A B", "C"), ("B", "D E"), ("D E", "F")])
    assert chosen(flows, "B", run_subsequent=True) == {"main": {0: ("A",), 1: ("B",), 3: ("D", "E"), 4: ("F",)}}


def test_what_follows_can_be_limited_to_named_flows() -> None:
    flows = flows_of(main=[("", "T inner"), ("T", "A")], inner=[("", "T"), ("T", "B")], other=[("", "T")])
    inner_only = (FlowName("inner"), FlowName("other"))
    assert chosen(flows, "T", follow_subflows=True, run_subsequent=inner_only) == {
        "main": {0: ("T", "inner")},
        "inner": {0: ("T",), 1: ("B",)},
    }


# --- Wrong requests ---------------------------------------------------------------------------------------------------


def test_every_task_without_a_path_is_named() -> None:
    flows = flows_of(main=[("", "A")])
    with pytest.raises(SelectiveNoPathError, match="in flow 'main' no path of edges leads to X, Y"):
        chosen(flows, "Y A X")


def test_unknown_flows_are_refused() -> None:
    flows = flows_of(main=[("", "A")])
    with pytest.raises(UnknownFlowError, match="'absent'; configured flows: main"):
        select(flows, FlowName("absent"), [NodeName("A")])
    with pytest.raises(UnknownFlowError, match="'absent'"):
        chosen(flows, "A", run_subsequent=(FlowName("absent"),))


def test_a_request_for_nothing_is_refused() -> None:
    with pytest.raises(RequestError, match="needs at least one task"):
        chosen(flows_of(main=[("", "A")]), "")


def test_a_task_named_twice_is_requested_once() -> None:
    flows = flows_of(main=[("", "A")])
    assert select(flows, FlowName("main"), [NodeName("A"), NodeName("A")]).tasks == ("A",)


# --- Size -------------------------------------------------------------------------------------------------------------


def test_three_hundred_layers_of_diamonds_end() -> None:
    """They have 2**300 paths."""
    arrows: list[Arrow] = [("", "L0 R0")]
    for layer in range(300):
        arrows += [(f"{side}{layer}", f"L{layer + 1} R{layer + 1}") for side in "LR"]
    flows = flows_of(main=[*arrows, ("L300 R300", "End")])
    assert len(chosen(flows, "End")["main"]) == 602


# --- Against a naive reference ----------------------------------------------------------------------------------------


TASKS = ["A", "B", "C", "D"]
NESTED = ["main", "inner", "outer"]
ARROW = st.tuples(
    st.lists(st.sampled_from(TASKS + NESTED[1:]), max_size=2, unique=True).map(" ".join),
    st.lists(st.sampled_from(TASKS + NESTED), min_size=1, max_size=3).map(" ".join),
)
ARROWS = st.lists(ARROW, min_size=1, max_size=7)


def paths_in(flow: Flow, wanted: str) -> set[tuple[int, str]]:
    """The (edge, target) pairs of every proof that `wanted` runs, proofs taken to a depth no shorter one exceeds."""

    @cache
    def proofs(node: NodeName, depth: int) -> frozenset[tuple[int, str]] | None:
        found = None
        for edge in flow.edges if depth else ():
            premises = [proofs(source, depth - 1) for source in edge.sources]
            if node in edge.targets and None not in premises:
                pairs = frozenset({(edge.index, str(node))}).union(*(pairs for pairs in premises if pairs))
                found = pairs | (found or frozenset())
        return found

    return set(proofs(NodeName(wanted), 2 * len(flow.nodes) + 2) or ())


def pairs_after(flow: Flow, tasks: set[str]) -> set[tuple[int, str]]:
    ran, pairs = {task for task in tasks if paths_in(flow, task)}, set[tuple[int, str]]()
    for _ in flow.nodes:
        for edge in flow.edges:
            if edge.sources and ran.issuperset(edge.sources):
                ran.update(edge.targets)
                pairs.update((edge.index, str(target)) for target in edge.targets)
    return pairs


def reference(
    flows: Mapping[FlowName, Flow], tasks: set[str], *, follow: bool, subsequent: bool
) -> dict[str, set[tuple[int, str]]] | None:
    """The same as `select` for the flow `main`, by repeating every rule until nothing changes; None: no path."""
    by_name = {str(name): flow for name, flow in flows.items()}
    made: dict[str, set[tuple[int, str]]] = {"main": set()}
    for _ in flows:
        if follow:
            started = {node for name in made for node in by_name if paths_in(by_name[name], node)}
            made |= {name: set() for name in started - made.keys()}
    for _ in range(len(flows) + 1):
        holding = {name for name in made if made[name] and name != "main"}
        for name in made:
            made[name].update(*(paths_in(by_name[name], node) for node in tasks | holding))
    if any(all(not paths_in(by_name[name], task) for name in made) for task in tasks):
        return None
    if subsequent:
        for name in made:
            made[name] |= pairs_after(by_name[name], tasks)
    return made


@settings(max_examples=150, deadline=None)
@given(
    arrows=st.fixed_dictionaries(dict.fromkeys(NESTED, ARROWS)),
    tasks=st.sets(st.sampled_from(TASKS + NESTED[1:]), min_size=1, max_size=2),
    follow=st.booleans(),
    subsequent=st.booleans(),
)
def test_selection_equals_a_naive_reference(
    arrows: dict[str, list[Arrow]], tasks: set[str], *, follow: bool, subsequent: bool
) -> None:
    flows = flows_of(**arrows)
    expected = reference(flows, tasks, follow=follow, subsequent=subsequent)
    wanted = " ".join(sorted(tasks))
    if expected is None:
        with pytest.raises(SelectiveNoPathError):
            chosen(flows, wanted, follow_subflows=follow, run_subsequent=subsequent)
        return
    made = chosen(flows, wanted, follow_subflows=follow, run_subsequent=subsequent)
    pairs = {name: {(index, to) for index in edges for to in edges[index]} for name, edges in made.items()}
    assert pairs == expected


@settings(max_examples=150, deadline=None)
@given(arrows=ARROWS, task=st.sampled_from(TASKS))
def test_running_only_what_is_selected_reaches_the_task(arrows: list[Arrow], task: str) -> None:
    flows = flows_of(main=arrows)
    flow = flows[FlowName("main")]
    assume(paths_in(flow, task))
    made = chosen(flows, task)["main"]
    ran: set[str] = set()
    for _ in range(len(flow.edges)):
        for index, targets in made.items():
            if ran.issuperset(flow.edges[index].sources):
                ran.update(targets)
    assert task in ran
    assert all(ran.issuperset(flow.edges[index].sources) for index in made)
