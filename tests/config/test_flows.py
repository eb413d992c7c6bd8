"""What flow definitions say: edges, fallbacks, and the keys about single nodes."""

import json
from pathlib import Path

import pytest

from asyncflow.config import load_mapping
from asyncflow.model.condition import Function
from asyncflow.model.flow import Fallback, Foreach, Retries, Selective, SubFlow, Task
from asyncflow.predicates import BUILT_INS
from tests.config.reading import TASKS, codes, edge_of, flow_of, read_yaml

SUB_FLOWS = """\
  - name: g
    edges: [{from: , to: C}]
  - name: h
    edges: [{from: , to: g}]
    throttling: 10
"""
WITH_SUB_FLOWS = "edges: [{from: , to: [g, h, A]}, {from: [g, h], to: B}]\nfailures: [{nodes: [g, h], fallback: D}]\n"


def test_sources_and_targets_are_names_or_lists(tmp_path: Path) -> None:
    flow = flow_of(
        tmp_path, "edges: [{from: , to: A}, {from: [], to: [B, B]}, {from: A, to: [C]}, {from: [B, C], to: D}]"
    )
    assert [(edge.index, edge.sources, edge.targets) for edge in flow.edges] == [
        (0, (), ("A",)),
        (1, (), ("B", "B")),
        (2, ("A",), ("C",)),
        (3, ("B", "C"), ("D",)),
    ]
    assert flow.starting == flow.edges[:2]
    assert flow.edges_from["C"] == (flow.edges[3],)


def test_nodes_are_the_tasks_and_sub_flows_of_edges_and_fallbacks(tmp_path: Path) -> None:
    flow = flow_of(tmp_path, "edges: [{from: , to: [A, h]}]\nfailures: [{nodes: A, fallback: B}]", SUB_FLOWS)
    assert set(flow.nodes) == {"A", "B", "h"}
    assert isinstance(flow.nodes["B"], Task)
    assert flow.nodes["h"] == SubFlow(name="h", throttling=10.0)


def test_foreach_and_selective_arrive(tmp_path: Path) -> None:
    edge = edge_of(tmp_path, "{from: A, to: g, foreach: {function: f, import: m.n, propagate_result: true}}")
    assert edge.foreach == Foreach(function=Function(module="m.n", name="f"), propagate_result=True)
    assert edge_of(tmp_path, "{from: A, to: D, foreach: {function: f, import: m}}").foreach.propagate_result is False
    edge = edge_of(tmp_path, "{from: A, to: g, selective: {tasks: C}}")
    assert edge.selective == Selective(tasks=("C",))
    edge = edge_of(tmp_path, "{from: A, to: g, selective: {tasks: [C], run_subsequent: [g], follow_subflows: true}}")
    assert edge.selective == Selective(tasks=("C",), run_subsequent=("g",), follow_subflows=True)
    assert edge_of(tmp_path, "{from: A, to: g, selective: {tasks: [C], run_subsequent: true}}").selective.run_subsequent


def test_a_selective_task_must_be_on_a_path_from_the_start_of_the_sub_flow(tmp_path: Path) -> None:
    inner = SUB_FLOWS.replace("to: C}]", "to: C}, {from: D, to: D}]")
    for tasks, more, hint in (
        ("CC", "", ""),
        ("D", "", ""),
        ("C", ", follow_subflows: true", None),
        ("C", "", "it is in a flow inside that one: set `follow_subflows: true`"),
    ):
        target = "g" if hint == "" else "h"
        edges = f"edges: [{{from: , to: A}}, {{from: A, to: {target}, selective: {{tasks: {tasks}{more}}}}}]"
        checked = read_yaml(tmp_path, f"{TASKS}flow-definitions:\n  - name: f\n    {edges}\n{inner}")
        found = [problem.hint for problem in checked.problems if problem.code == "F313"]
        assert found == ([] if hint is None else [hint])


@pytest.mark.parametrize(
    ("join", "at_least"), [("", None), ("join: all", None), ("join: any", 1), ("join: {at_least: 2}", 2)]
)
def test_joins_wait_for_all_for_any_or_for_some(tmp_path: Path, join: str, at_least: int | None) -> None:
    assert edge_of(tmp_path, f"{{from: [A, B, g], to: D, {join}}}").at_least == at_least


def test_node_args_of_targets_are_built_by_a_template(tmp_path: Path) -> None:
    document = {"results": {"A": {"n": 1}, "B": 2}, "node_args": {"x": 3}}
    whole = edge_of(tmp_path, "{from: A, to: D, node_args: {from: A}}").node_args
    assert (whole.search(document), whole.reads, str(whole.source)) == ({"n": 1}, {"A"}, "results.A")
    path = edge_of(tmp_path, "{from: A, to: D, node_args: results.A.n}").node_args
    assert (path.search(document), path.reads) == (1, {"A"})
    record = edge_of(
        tmp_path, "{from: [A, B], to: D, node_args: {a: results.A.n, b: {from: B}, c: {value: d}}}"
    ).node_args
    assert {name: getattr(member, "reads", None) for name, member in record.members.items()} == {
        "a": {"A"},
        "b": {"B"},
        "c": None,
    }


def test_fallbacks_arrive_with_every_key(tmp_path: Path) -> None:
    flow = flow_of(
        tmp_path,
        """
        edges: [{from: , to: [A, B]}]
        failures:
          - {nodes: [B, A], fallback: [C, C]}
          - {nodes: A, fallback: true}
          - {nodes: A, fallback: D, propagate_failure: true, condition: {name: argsFieldExist, args: {key: k}}}
        """,
    )
    both, swallowed, last = flow.fallbacks
    assert both == Fallback(index=0, nodes=frozenset({"A", "B"}), targets=("C", "C"))
    assert swallowed == Fallback(index=1, nodes=frozenset({"A"}), targets=())
    assert (last.targets, last.propagate_failure, last.condition.name) == (("D",), True, "argsFieldExist")
    assert flow.fallbacks_of[frozenset({"A"})] == (swallowed, last)


def test_a_single_fallback_may_be_written_without_a_list(tmp_path: Path) -> None:
    flow = flow_of(tmp_path, "edges: [{from: , to: A}]\nfailures:\n  nodes: A\n  fallback: B")
    assert [fallback.targets for fallback in flow.fallbacks] == [("B",)]


@pytest.mark.parametrize(
    "key",
    [
        "propagate_node_args",
        "propagate_parent",
        "propagate_finished",
        "propagate_compound_finished",
        "propagate_failures",
        "propagate_compound_failures",
        "propagate_parent_failures",
    ],
)
def test_propagation_is_for_all_sub_flows_or_for_those_named(tmp_path: Path, key: str) -> None:
    for written, meant in (
        ("true", {"g", "h"}),
        ("false", set()),
        ("g", {"g"}),
        ("[h]", {"h"}),
        ("[g, h]", {"g", "h"}),
    ):
        flow = flow_of(tmp_path, f"{WITH_SUB_FLOWS}{key}: {written}", SUB_FLOWS)
        assert getattr(flow, key) == meant


def test_sub_flows_report_when_something_is_propagated_or_looked_at(tmp_path: Path) -> None:
    assert flow_of(tmp_path, WITH_SUB_FLOWS + "propagate_node_args: true", SUB_FLOWS).reported == set()
    for key in ("finished", "compound_finished", "failures", "compound_failures"):
        assert flow_of(tmp_path, WITH_SUB_FLOWS + f"propagate_{key}: h", SUB_FLOWS).reported == {"h"}
    looked_at = "{or: [{name: isNone, node: A}, {not: {name: isNone, node: g, task: C}}]}"
    edges = f"edges: [{{from: , to: [A, g, h]}}, {{from: [A, g, h], to: B, condition: {looked_at}}}]"
    assert flow_of(tmp_path, edges, SUB_FLOWS).reported == {"g"}


def test_eager_failures_are_names_or_every_waited_node(tmp_path: Path) -> None:
    edges = "edges: [{from: , to: [A, B]}, {from: A, to: C}]\nnowait: B\n"
    assert flow_of(tmp_path, edges + "eager_failures: [A]").eager_failures == {"A"}
    assert flow_of(tmp_path, edges + "eager_failures: true").eager_failures == {"A", "C"}
    assert flow_of(tmp_path, edges + "eager_failures: false").eager_failures == set()


def test_the_other_keys_of_a_flow_arrive(tmp_path: Path) -> None:
    (tmp_path / "args.json").write_text(json.dumps({"type": "object"}))
    body = """
        edges: [{from: , to: A}]
        node_args_from_first: true
        max_retry: 2
        retry_countdown: 10
        timeout: 1h
        queue: flows
        sampling: {name: biexponential_increase, args: {start_retry: 2, max_retry: 120}}
        throttling: {seconds: 5}
        cache: {name: LRU, configuration: {max_cache_size: 3}}
        node_args_schema: args.json
        """
    flow = flow_of(tmp_path, body)
    assert flow.node_args_from_first
    assert flow.retries == Retries(most=2, countdown=10.0)
    assert (flow.timeout, flow.queue, flow.throttling) == (3600.0, "flows", 5.0)
    assert flow.sampling == ("biexponential_increase", {"start_retry": 2, "max_retry": 120})
    assert flow.node_args_schema == {"type": "object"}
    inline = flow_of(tmp_path, "edges: [{from: , to: A}]\nnode_args_schema: {type: [object, 'null']}")
    assert inline.node_args_schema == {"type": ["object", "null"]}


def test_the_version_changes_with_the_definition_and_not_with_its_layout(tmp_path: Path) -> None:
    plain = flow_of(tmp_path, "edges: [{from: , to: A}, {from: A, to: B}]\nqueue: q")
    laid_out = flow_of(
        tmp_path, "queue: 'q'  # the queue\nedges:\n  - to: A\n    from:\n  - from: A\n    to: B\n", SUB_FLOWS
    )
    changed = flow_of(tmp_path, "edges: [{from: , to: A}, {from: A, to: C}]\nqueue: q")
    assert plain.version == laid_out.version != changed.version


LEGAL_THOUGH_ODD = [
    "edges: [{from: , to: A}]\nfailures: [{nodes: [A], fallback: [A]}]",
    "edges: [{from: , to: A}]\nfailures: [{nodes: [A], fallback: [B, B]}]",
    "edges: [{from: , to: A}]\nfailures: [{nodes: [A], fallback: [B]}]\nnowait: [B]",
    "edges: [{from: , to: A}, {from: , to: A}]",
    "edges: [{from: , to: A}, {from: A, to: B}, {from: A, to: B}]",
    "edges: [{from: , to: A}]\neager_failures: [A]",
    "edges: [{from: , to: A, condition: }]\nfailures:\nnowait:\n",
    "edges: [{from: , to: A, condition: alwaysTrue}]",
    "edges: [{from: , to: A}, {from: A, to: A}]",
    "edges: [{from: , to: A}]\nfailures: [{nodes: B, fallback: true}]",
    "edges: [{from: , to: A}, {from: A, to: B, condition: {name: alwaysFalse}}, {from: B, to: C}]",
]


@pytest.mark.parametrize("body", LEGAL_THOUGH_ODD)
def test_what_is_legal_though_odd_loads(tmp_path: Path, body: str) -> None:
    assert flow_of(tmp_path, body).edges


def test_one_mistake_is_one_problem(tmp_path: Path) -> None:
    text = f"""{TASKS}
flow-definitions:
  - name: f
    propagate_finished: g
    edges:
      - {{from: , to: [A, g]}}
      - {{from: [A, g], to: Bb}}
      - {{from: Bb, to: C, condition: {{name: fieldExist, args: {{key: k}}}}}}
  - name: g
    edges: [{{from: , to: f, condition: {{name: argsFieldExist, args: {{key: k}}}}}}]
"""
    assert codes(read_yaml(tmp_path, text)) == ["F304", "F304"]


def test_a_thousand_unknown_names_are_found_quickly() -> None:
    tasks = [{"name": f"Task{number}", "import": "m"} for number in range(300)]
    edges = [{"from": None, "to": f"Tusk{number}"} for number in range(300)] * 10
    mapping = {"tasks": tasks, "flow-definitions": [{"name": "f", "edges": edges}]}
    with pytest.raises(Exception, match="did you mean `Task17`"):
        load_mapping(mapping, builtins=BUILT_INS, environ={})
