"""Selective runs: what is left out, what is reused, and what sub-flows are asked for (R34..R37)."""

from __future__ import annotations

import pytest

from asyncflow.errors import RequestError, SelectiveNoPathError
from asyncflow.model import facts as f
from asyncflow.model.flow import Selective
from asyncflow.model.names import FlowName, NodeName
from asyncflow.model.run import Selection
from asyncflow.testing import Simulation, Status
from tests.engine.decisions import Decided
from tests.engine.flows import edge, facts_of, foreach, ids, one, pending, simulated, when

DIAMOND = ["-> A X", "A -> B Y", "A -> C", "B C -> D", "D -> E"]
REUSE = {"selective_run_function": {"name": "reuse", "import": "user"}}


def reusing(*edges: object, tasks: str, reuse: object = lambda flow, task, *_: f"old-{task}") -> Simulation:
    """A simulation in which some tasks have a selective run function."""
    return simulated({"main": list(edges)}, dict.fromkeys(tasks, REUSE), functions={"reuse": reuse})  # type: ignore[dict-item]  # a test's


def test_r34_a_selective_run_starts_what_leads_to_the_task_and_nothing_else() -> None:
    sim = simulated({"main": DIAMOND})
    run = sim.start("main", selective=["D"])
    for names in (["A"], ["B", "C"], ["D"]):
        assert pending(run) == names
        sim.succeed(names)
    assert run.status is Status.SUCCEEDED


def test_r34_run_subsequent_goes_on_behind_the_task() -> None:
    sim = simulated({"main": DIAMOND})
    run = sim.start("main", selective={"tasks": ["D"], "run_subsequent": True})
    sim.play()
    assert set(run.finished) == {"A", "B", "C", "D", "E"}


def test_r34_a_task_that_nothing_leads_to_is_refused() -> None:
    sim = simulated({"main": DIAMOND})
    with pytest.raises(SelectiveNoPathError, match="Nowhere"):
        sim.start("main", selective=["Nowhere"])


def test_r35_edges_that_are_left_out_are_not_evaluated() -> None:
    def never(*_: object) -> bool:
        raise AssertionError("this condition must not be looked at")

    edges = ["-> A", "A -> B", edge("A -> C", condition=when("never"))]
    sim = simulated({"main": edges}, functions={"never": never}, predicates=True)
    run = sim.start("main", selective=["B"])
    sim.succeed("A")
    assert pending(run) == ["B"]
    assert [(fact.edge, fact.targets) for fact in facts_of(run, f.EdgeOmitted)] == [(2, ("C",))]


def test_r35_targets_that_are_left_out_are_not_started() -> None:
    sim = simulated({"main": DIAMOND})
    run = sim.start("main", selective=["B"])
    sim.succeed("A")
    assert pending(run) == ["B"]
    assert [(fact.edge, fact.targets) for fact in facts_of(run, f.EdgeOmitted)] == [
        (0, ("X",)),
        (1, ("Y",)),
        (2, ("C",)),
    ]


def test_r36_a_task_nobody_asked_for_is_reused_where_its_function_names_an_id() -> None:
    sim = reusing("-> A", "A -> B", tasks="AB")
    run = sim.start("main", selective=["B"])
    assert run.finished == {"A": ["old-A"]}
    assert pending(run) == ["B"]  # asked for, so never reused


def test_r36_a_task_is_run_where_its_function_returns_none() -> None:
    sim = reusing("-> A", "A -> B", tasks="A", reuse=lambda *_: None)
    run = sim.start("main", selective=["B"])
    assert pending(run) == ["A"]


def test_r36_the_function_gets_flow_task_node_args_requested_tasks_and_results() -> None:
    calls = []

    def reuse(flow: str, task: str, node_args: object, task_names: list[str], pool: object) -> None:
        calls.append((flow, task, node_args, task_names, pool.get("A")))  # type: ignore[attr-defined]  # Selinon's

    sim = reusing("-> A", "A -> B", "B -> C", tasks="B", reuse=reuse)
    sim.start("main", {"x": 1}, selective=["C"])
    sim.succeed(A="result")
    assert calls == [("main", "B", {"x": 1}, ["C"], "result")]


def test_r36_without_a_selective_run_nothing_is_reused() -> None:
    sim = reusing("-> A", "A -> B", tasks="AB")
    assert pending(sim.start("main")) == ["A"]


def test_r36_two_reused_instances_of_a_task_finish_one_after_the_other() -> None:
    sim = reusing("-> A A B", "A B -> C", tasks="AB")
    run = sim.start("main", selective=["C"])
    # Not four: the first instance of A finds no B, and B finds both.
    assert [node.parent for node in run.pending] == [{"A": "old-A", "B": "old-B"}] * 2


def test_r36_a_run_of_which_everything_is_reused_is_over_at_once() -> None:
    answers = iter(["a", "b"])
    sim = reusing("-> A", "A -> B", "B -> C", tasks="AB", reuse=lambda *_: next(answers))
    selection = Selection(tasks=(), edges={FlowName("main"): {0: (NodeName("A"),), 1: (NodeName("B"),)}})
    run = sim.start("main", selective=selection)
    assert (run.status, run.finished) == (Status.SUCCEEDED, {"A": ["a"], "B": ["b"]})


def test_r36_each_item_of_foreach_is_asked_for_on_its_own() -> None:
    answers = iter(["old", None])
    sim = simulated(
        {"main": [edge("-> A", foreach=foreach()), "A -> B"]},
        {"A": REUSE},
        functions={"items": lambda *_: [1, 2], "reuse": lambda *_: next(answers)},
    )
    run = sim.start("main", selective=["B"])
    # Both ask the same question, for they get the same node args: the answer counts for both.
    assert run.finished == {"A": ["old", "old"]}
    assert pending(run) == ["B", "B"]


def test_r37_sub_flows_inherit_the_selection() -> None:
    sim = simulated({"main": ["-> sub"], "sub": ["-> X Z", "X -> Y"]})
    run = sim.start("main", selective={"tasks": ["Y"], "follow_subflows": True})
    assert pending(run) == ["X"]
    sim.play()
    assert set(run.children[0].finished) == {"X", "Y"}


def test_q17_a_sub_flow_on_the_way_that_holds_nothing_asked_for_runs_fully() -> None:
    for options in ({}, {"follow_subflows": True}):
        sim = simulated({"main": ["-> sub", "sub -> A", "A -> B"], "sub": ["-> X", "X -> Y"]})
        run = sim.start("main", selective={"tasks": ["A"], **options})
        sim.play()
        assert set(run.children[0].finished) == {"X", "Y"}
        assert set(run.finished) == {"sub", "A"}


def test_r37_an_edge_can_ask_its_sub_flow_for_a_selection_of_its_own() -> None:
    asks = edge("-> sub", selective={"tasks": ["Y"]})
    sim = simulated({"main": [asks], "sub": ["-> X Z", "X -> Y", "Y -> W"]})
    run = sim.start("main")
    sim.play()
    assert set(run.children[0].finished) == {"X", "Y"}


def test_r37_the_selection_of_an_edge_replaces_the_inherited_one() -> None:
    asks = edge("-> sub", selective={"tasks": ["Y"], "run_subsequent": True})
    sim = simulated({"main": [asks], "sub": ["-> X Z", "X -> Y", "Y -> W"]})
    run = sim.start("main", selective={"tasks": ["Z"], "follow_subflows": True})
    sim.play()
    assert set(run.children[0].finished) == {"X", "Y", "W"}


def test_r37_a_retried_flow_keeps_its_selection() -> None:
    sim = simulated({"main": {"edges": ["-> A X", "A -> B"], "max_retry": 1}})
    run = sim.start("main", selective=["B"])
    sim.fail("A")
    sim.advance(0)
    assert pending(run) == ["A"]


def test_q18_a_selection_that_fails_at_run_time_fails_the_run() -> None:
    def refuse(flow: FlowName, selective: Selective) -> Selection:
        raise SelectiveNoPathError(flow, selective.tasks)

    asks = edge("A -> sub", selective={"tasks": ["X"]})
    decided = Decided(["-> A", asks], flows={"sub": ["-> X"]}, select=refuse)
    (a,) = decided.active()
    decided.succeed(a)
    assert decided.run.error is not None
    assert "no path of edges leads to X" in decided.run.error.message


def test_a_selective_run_of_no_tasks_is_refused() -> None:
    sim = simulated({"main": DIAMOND})
    with pytest.raises(RequestError, match="at least one task"):
        sim.start("main", selective=[])


def test_ids_of_reused_tasks_are_read_like_any_others_once_the_simulation_knows_their_results() -> None:
    reads = edge("A -> B", condition=when("fieldEqual", key="k", value=1))
    sim = reusing("-> A", reads, tasks="A")
    with pytest.raises(RequestError, match="result of A \\(old-A\\)"):
        sim.start("main", selective=["B"])
    sim.remember({"old-A": {"k": 1}})
    run = sim.start("main", selective=["B"])
    assert one(run, "B").parent == {"A": "old-A"}
    assert ids(run, "A") == []


def test_q37_a_selection_over_many_paths_is_computed_in_no_time() -> None:
    """Thirty layers of two nodes each have a thousand million paths."""
    edges = ["-> A0 B0"] + [f"{side}{layer} -> A{layer + 1} B{layer + 1}" for layer in range(30) for side in "AB"]
    run = simulated({"main": edges}).start("main", selective=["A30"])
    assert pending(run) == ["A0", "B0"]
