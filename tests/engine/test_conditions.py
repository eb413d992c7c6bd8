"""What conditions look at: results, node args, what ran inside sub-flows, expressions (R39)."""

from __future__ import annotations

import pytest

from asyncflow.model import facts as f
from asyncflow.model.names import Json
from asyncflow.testing import Status
from tests.engine.flows import edge, facts_of, one, pending, simulated, started, when

TRUE, FALSE = when("alwaysTrue"), when("alwaysFalse")


def test_r39_a_condition_reads_the_results_of_the_combination_that_fires_the_edge() -> None:
    same = when("same", of=["A", "B"])
    read = []

    def same_results(message: Json, of: Json) -> bool:
        read.append(message)
        return message == 2

    sim, run = started("-> A A", edge("A -> B", condition=same), predicates=True, functions={"same": same_results})
    first, second = (node.id for node in run.pending)
    sim.succeed({second: 2, first: 1})
    assert sorted(read) == [1, 2]
    assert one(run, "B").parent == {"A": second}


def test_r39_results_are_read_by_the_node_that_the_condition_names() -> None:
    reads_b = when("fieldEqual", "B", key="k", value="b")
    sim, run = started("-> A B", edge("A B -> C", condition=reads_b))
    sim.succeed(A={"k": "a"}, B={"k": "b"})
    assert pending(run) == ["C"]


def test_r39_a_task_without_a_result_has_none() -> None:
    sim, run = started("-> A", edge("A -> B", condition=when("isNone")))
    sim.succeed("A")
    assert pending(run) == ["B"]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (TRUE, True),
        (FALSE, False),
        ({"and": [TRUE, TRUE]}, True),
        ({"and": [TRUE, FALSE]}, False),
        ({"or": [FALSE, TRUE]}, True),
        ({"or": [FALSE, FALSE]}, False),
        ({"not": FALSE}, True),
        ({"not": {"and": [TRUE, {"or": [FALSE, {"not": TRUE}]}]}}, True),
        (when("argsFieldEqual", key=["a", "b"], value=1), True),
        (when("argsFieldEqual", key=["a", "b"], value="1"), False),
        (when("argsFieldEqual", key=["a", "missing"], value=1), False),
    ],
)
def test_conditions_are_put_together(condition: dict[str, Json], holds: bool) -> None:
    _, run = started(edge("-> A", condition=condition), node_args={"a": {"b": 1}})
    assert (pending(run) == ["A"]) is holds


def test_parts_of_a_condition_that_decide_nothing_any_more_are_not_looked_at() -> None:
    asked = []

    def mine(part: str) -> bool:
        asked.append(part)
        return part == "yes"

    yes, no = when("mine", part="yes"), when("mine", part="no")
    condition = {"or": [{"and": [no, when("mine", part="never")]}, yes, when("mine", part="neither")]}
    _, run = started(edge("-> A", condition=condition), predicates=True, functions={"mine": mine})
    assert pending(run) == ["A"]
    assert asked == ["no", "yes"]


def test_a_condition_that_was_false_is_told_in_words() -> None:
    sim, run = started("-> A", edge("A -> B", condition=when("fieldEqual", key="k", value=1)))
    sim.succeed(A={"k": 2})
    (fact,) = facts_of(run, f.EdgeNotFired)
    assert fact.why == "fieldEqual(db.get('A'), key='k', value=1)"


# --- What ran inside a sub-flow ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instances", "results", "holds"),
    [
        ("any", [1, 2], True),
        ("any", [2, 3], False),
        ("all", [1, 1], True),
        ("all", [1, 2], False),
        (None, [1, 2], False),
        ("any", [], False),
        ("all", [], False),
    ],
)
def test_conditions_look_at_any_or_all_instances_of_a_task_inside_a_sub_flow(
    instances: str | None, results: list[int], holds: bool
) -> None:
    condition = {**when("fieldEqual", "sub", key="k", value=1), "task": "X"}
    if instances is not None:
        condition["instances"] = instances
    items = edge("-> X", foreach={"function": "items", "import": "user"})
    sim = simulated(
        {"main": ["-> sub", edge("sub -> B", condition=condition)], "sub": ["-> W", items]},
        functions={"items": lambda *_: results},
    )
    run = sim.start("main")
    sim.succeed("W")
    sim.succeed({node.id: {"k": k} for node, k in zip(run.pending, results, strict=True)})
    assert (pending(run) == ["B"]) is holds


def test_conditions_look_into_sub_flows_of_sub_flows() -> None:
    condition = {**when("fieldEqual", "sub", key="k", value=1), "task": "X"}
    sim = simulated({"main": ["-> sub", edge("sub -> B", condition=condition)], "sub": ["-> deep"], "deep": ["-> X"]})
    run = sim.start("main")
    sim.succeed(X={"k": 1})
    assert pending(run) == ["B"]


def test_conditions_look_at_the_instance_of_the_sub_flow_that_fires_the_edge() -> None:
    condition = {**when("fieldEqual", "sub", key="k", value=1), "task": "X"}
    sim = simulated({"main": ["-> sub sub", edge("sub -> B", condition=condition)], "sub": ["-> X"]})
    run = sim.start("main")
    first, second = (node.id for node in run.pending)
    sim.succeed({first: {"k": 1}, second: {"k": 2}})
    assert pending(run) == ["B"]


# --- Expressions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        ("results.A.score > 0.8 && node_args.force != true", True),
        ("results.A.score > 0.95", False),
        ("results['A'].score > 0.8 || results.B.missing == 1", True),
        ("results.B.missing == 1", False),
        ("size(results.B) == 0", True),
    ],
)
def test_expressions_look_at_results_and_node_args(source: str, holds: bool) -> None:
    sim, run = started("-> A B", edge("A B -> C", condition={"expr": source}), node_args={"force": False})
    sim.succeed(A={"score": 0.9}, B={})
    assert (pending(run) == ["C"]) is holds
    assert run.status is (Status.RUNNING if holds else Status.SUCCEEDED)


def test_expressions_stand_among_other_conditions() -> None:
    condition = {"and": [{"expr": "results.A > 1"}, {"not": {"expr": "results.A > 5"}}]}
    for result, names in ((1, []), (3, ["B"]), (7, [])):
        sim, run = started("-> A", edge("A -> B", condition=condition))
        sim.succeed(A=result)
        assert pending(run) == names


def test_predicates_of_the_user_get_results_node_args_and_their_arguments() -> None:
    seen = []

    def mine(message: Json, node_args: Json, more: int) -> bool:
        seen.append((message, node_args, more))
        return True

    mine_of_a = when("mine", more=3)
    sim, run = started(
        "-> A", edge("A -> B", condition=mine_of_a), node_args="args", predicates=True, functions={"mine": mine}
    )
    sim.succeed(A="result")
    assert (seen, pending(run)) == ([("result", "args", 3)], ["B"])


# --- What was read ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "result", "node_args", "read"),
    [
        (when("fieldEqual", "A", key="foo", value="bar"), {"foo": "baz"}, None, 'A: foo = "baz"'),
        (when("fieldEqual", "A", key=["foo", 0], value=1), {"foo": []}, None, "A: no foo.0"),
        (when("isInt", "A"), "x" * 100, None, 'A = "' + "x" * 58 + "…"),
        (when("argsFieldEqual", key="x", value=1), 1, {"x": 2}, "node_args: x = 2"),
        ({"not": when("fieldExist", "A", key="k")}, {"k": None}, None, "A: k = null"),
        (
            {"and": [when("fieldExist", "A", key="k"), when("fieldLess", "A", key="k", value=1)]},
            {"k": 5},
            None,
            "A: k = 5",
        ),
        ({"or": [when("isInt", "A"), when("argsFieldExist", key="z")]}, "s", {}, 'A = "s"; node_args: no z'),
    ],
)
def test_an_edge_that_did_not_fire_tells_what_its_condition_has_read(
    condition: dict[str, Json], result: Json, node_args: Json, read: str
) -> None:
    sim = simulated({"main": ["-> A", edge("A -> B", condition=condition)]})
    run = sim.start("main", node_args)
    sim.succeed("A", result=result)
    [fact] = [fact for fact in run.facts if isinstance(fact, f.EdgeNotFired)]
    assert fact.read == read
