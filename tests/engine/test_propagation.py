"""What nodes are told of the flow, of what finished before them, and of what ran inside sub-flows (R18..R21)."""

from __future__ import annotations

from asyncflow.model import facts as f
from asyncflow.model.commands import PublishTask
from asyncflow.model.events import RunRequested
from asyncflow.model.names import FlowName, RunId
from asyncflow.testing import Status
from tests.engine.flows import edge, facts_of, fallback, foreach, ids, one, pending, simulated, started


def test_r18_the_result_of_the_first_task_becomes_the_node_args() -> None:
    sim, run = started("-> A", "A -> B", "B -> C", node_args={"old": 1}, node_args_from_first=True)
    assert one(run, "A").node_args == {"old": 1}
    sim.succeed(A={"new": 2})
    assert one(run, "B").node_args == {"new": 2}
    sim.succeed(B={"newer": 3})
    assert one(run, "C").node_args == {"new": 2}
    assert run.node_args == {"new": 2}


def test_r18_conditions_and_foreach_see_the_replaced_node_args() -> None:
    looks = {"name": "argsFieldEqual", "args": {"key": "go", "value": True}}
    sim, run = started(
        "-> A",
        edge("A -> B", condition=looks, foreach=foreach()),
        node_args_from_first=True,
        functions={"items": lambda pool, node_args: node_args["items"]},
    )
    sim.succeed(A={"go": True, "items": [1, 2]})
    assert pending(run) == ["B", "B"]


def test_r18_nothing_is_replaced_where_the_first_task_has_company() -> None:
    sim, run = started(
        edge("-> A", foreach=foreach()), "A -> B", node_args_from_first=True, functions={"items": lambda *_: [1, 2]}
    )
    first, second = ids(run, "A")
    sim.succeed(first, result={"one": 1})
    sim.succeed(second, result={"two": 2})
    assert facts_of(run, f.NodeArgsReplaced) == []
    assert run.node_args is None


def test_q20_node_args_are_never_taken_from_a_fallback() -> None:
    sim, run = started("-> A", "F -> B", node_args={"old": 1}, node_args_from_first=True, failures=[fallback("A", "F")])
    sim.fail("A")
    sim.succeed(F={"new": 2})
    assert one(run, "B").node_args == {"old": 1}


def test_q21_a_retried_flow_starts_with_its_original_node_args() -> None:
    sim, run = started("-> A", "A -> B", node_args={"old": 1}, node_args_from_first=True, max_retry=1)
    sim.succeed(A={"new": 2})
    sim.fail("B")
    sim.advance(0)
    assert one(run, "A").node_args == {"old": 1}
    sim.succeed(A={"newer": 3})
    assert one(run, "B").node_args == {"newer": 3}


NESTED = {
    "main": {"edges": ["-> sub", "sub -> Z"], "propagate_finished": True},
    "sub": {"edges": ["-> T inner inner"]},
    "inner": {"edges": ["-> T U"]},
}


def nested(main: dict[str, object]) -> tuple[object, dict[str, list[str]]]:
    """The parent of Z, and the ids of T and U by flow, in the order of their starts."""
    sim = simulated({**NESTED, "main": {"edges": ["-> sub", "sub -> Z"], **main}})
    run = sim.start("main")
    (sub,) = run.children
    started_ids = {
        f"{flow}.{name}": [
            node.id for child in children for node in child.pending if node.name == name and node.run == child.id
        ]
        for flow, children in (("sub", [sub]), ("inner", sub.children))
        for name in "TU"
    }
    for names in started_ids.values():
        sim.succeed(names) if names else None
    return one(run, "Z").parent, started_ids


def test_r19_propagate_finished_tells_the_tasks_of_sub_flows_nested_by_flow() -> None:
    parent, started_ids = nested({"propagate_finished": True})
    assert parent == {
        "sub": {"T": started_ids["sub.T"], "inner": {"T": started_ids["inner.T"], "U": started_ids["inner.U"]}}
    }


def test_r19_propagate_compound_finished_tells_them_flat_under_the_direct_sub_flow() -> None:
    parent, started_ids = nested({"propagate_compound_finished": ["sub"]})
    assert parent == {"sub": {"T": started_ids["sub.T"] + started_ids["inner.T"], "U": started_ids["inner.U"]}}


def test_q32_ids_of_a_task_come_before_those_of_nested_flows_and_in_the_order_in_which_they_finished() -> None:
    parent, started_ids = nested({"propagate_compound_finished": True})
    assert isinstance(parent, dict)
    assert parent["sub"]["T"] == [*started_ids["sub.T"], *started_ids["inner.T"]]


def test_r19_without_propagation_nothing_is_told_of_sub_flows() -> None:
    parent, _ = nested({})
    assert parent == {}


def test_r19_reports_of_opaque_sub_flows_are_taken_as_they_are_told() -> None:
    flows = {"main": NESTED["main"], "sub": NESTED["sub"], "inner": NESTED["inner"]}
    sim = simulated(flows, opaque=True)
    run = sim.start("main")
    sim.remember({"inner-run": {"finished_nodes": {"U": ["u"]}}})
    sim.succeed("sub", result={"finished_nodes": {"T": ["t"], "inner": ["inner-run"]}, "failed_nodes": {}})
    assert one(run, "Z").parent == {"sub": {"T": ["t"], "inner": {"U": ["u"]}}}


def test_r20_nowait_nodes_of_a_sub_flow_are_not_told() -> None:
    sim = simulated(
        {
            "main": {"edges": ["-> sub", "sub -> Z"], "propagate_finished": True},
            "sub": {"edges": ["-> T N"], "nowait": ["N"]},
        }
    )
    run = sim.start("main")
    t = one(run, "T").id
    sim.succeed("N")
    sim.succeed("T")
    assert one(run, "Z").parent == {"sub": {"T": [t]}}


def test_r20_what_a_sub_flow_reused_counts_as_finished_in_it() -> None:
    sim = simulated(
        {"main": {"edges": ["-> sub", "sub -> Z"], "propagate_finished": True}, "sub": ["-> T", "T -> U", "U -> V"]},
        {"T": {"selective_run_function": {"name": "reuse", "import": "user"}}},
        functions={"reuse": lambda *_: "old-t"},
    )
    run = sim.start("main", selective={"tasks": ["U", "Z"], "follow_subflows": True})
    u = one(run, "U").id
    sim.succeed("U")
    assert one(run, "Z").parent == {"sub": {"T": ["old-t"], "U": [u]}}


def test_r21_a_propagated_parent_reaches_only_the_starting_nodes_of_the_sub_flow() -> None:
    sim = simulated(
        {
            "main": {"edges": ["-> A", "A -> sub"], "propagate_parent": True},
            "sub": [edge("-> X", foreach=foreach()), "X -> Y"],
        },
        functions={"items": lambda pool, node_args: pool.get("A")},
    )
    run = sim.start("main")
    a = one(run, "A").id
    sim.succeed(A=[1])
    x = one(run, "X")
    assert x.parent == {"A": a}
    sim.succeed("X")
    assert one(run, "Y").parent == {"X": x.id}


def test_a_sub_flow_is_over_with_its_last_node_and_its_parent_goes_on_in_the_same_step() -> None:
    sim = simulated({"main": ["-> sub", "sub -> Z"], "sub": ["-> deep"], "deep": ["-> X"]})
    run = sim.start("main")
    sim.succeed("X")
    (sub,) = run.children
    (deep,) = sub.children
    assert (sub.status, deep.status) == (Status.SUCCEEDED, Status.SUCCEEDED)
    assert pending(run) == ["Z"]


# --- Priority ---------------------------------------------------------------------------------------------------------


def test_a_run_gives_its_priority_to_every_task_also_in_sub_flows() -> None:
    sim = simulated({"main": ["-> A sub", "A -> B"], "sub": ["-> X"]})
    run_id = RunId("urgent")
    sim.deliver(RunRequested(at=0.0, run_id=run_id, flow=FlowName("main"), root_id=run_id, priority=7))
    sim.succeed("A")
    orders = {
        order.task.name: order.task.priority for order in sim._world.orders.values() if isinstance(order, PublishTask)
    }
    assert orders == {"B": 7, "X": 7}
