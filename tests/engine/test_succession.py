"""Runs whose flow is defined anew while they are open: edges and fallbacks are known by what they connect (Q7)."""

from __future__ import annotations

from typing import Any

import pytest

from asyncflow.engine import evolve
from asyncflow.engine.succession import is_behind
from asyncflow.errors import RequestError
from asyncflow.model import journal
from asyncflow.model.events import AttemptFailed, Blame
from asyncflow.model.facts import EdgeFired, FallbackStarted, NodeStarted, RunMigrated
from asyncflow.model.outline import Way, moves_between
from asyncflow.model.run import GONE, Status, TaskError
from asyncflow.testing import SimulatedRun, Simulation
from tests.engine.flows import Edge, Flow, configured, edge, facts_of, fallback, one, pending, simulated, started, when


def changed(simulation: Simulation, *edges: Edge, tasks: Any = None, **keys: Any) -> None:
    """The flow `main` is defined anew."""
    simulation.change(configured({"main": {"edges": list(edges), **keys}}, tasks))


def migrations(run: SimulatedRun) -> list[RunMigrated]:
    return facts_of(run, RunMigrated)


# --- Positions --------------------------------------------------------------------------------------------------------


def test_q7_a_join_that_waits_is_not_confused_by_an_edge_before_it() -> None:
    sim, run = started("-> A B", "A B -> C")
    sim.succeed("A")
    changed(sim, "X -> Y", "-> A B", "B -> D", "A B -> C", "-> X")
    sim.succeed("B")
    assert pending(run) == ["D", "C"]
    [fact] = migrations(run)
    assert dict(fact.edges) == {0: 1, 1: 3}
    assert dict(fact.met) == {3: 1}


def test_q7_reordered_edges_keep_what_they_did() -> None:
    sim, run = started("-> A B C", "A B -> D", "B C -> E", "A -> F")
    sim.succeed("A")
    changed(sim, "B C -> E", "A -> F", "A B -> D", "-> A B C")
    sim.succeed("B")
    assert pending(run) == ["C", "F", "D"]
    sim.succeed("C")
    assert pending(run) == ["F", "D", "E"]
    sim.play()
    assert run.status is Status.SUCCEEDED
    assert [fact.edge for fact in facts_of(run, EdgeFired)] == [0, 3, 2, 0]


def test_q7_a_removed_edge_fires_no_more_and_the_run_ends() -> None:
    sim, run = started("-> A B", "A B -> C", "B -> D")
    sim.succeed("A")
    changed(sim, "-> A B", "B -> D")
    sim.succeed("B")
    assert pending(run) == ["D"]
    sim.succeed("D")
    assert run.status is Status.SUCCEEDED


def test_q7_what_an_edge_that_is_gone_has_started_goes_on() -> None:
    sim, run = started("-> A", "A -> B", "B -> C")
    sim.succeed("A")
    changed(sim, "-> A", "A -> Z", "B -> C", "Z -> B")
    assert pending(run) == ["B"]
    sim.succeed("B")
    assert pending(run) == ["C"]
    sim.succeed("C")
    assert run.status is Status.SUCCEEDED


def test_q7_alike_edges_are_told_apart_by_their_order() -> None:
    first, second = when("argsIsDict"), when("argsIsNone")
    sim, run = started(edge("-> A", condition=first), edge("-> A", condition=second), "A -> B", node_args={})
    changed(sim, "A -> B", edge("-> A", condition=first), edge("-> A", condition=second))
    sim.succeed("A")
    [fact] = migrations(run)
    assert dict(fact.edges) == {0: 1, 1: 2, 2: 0}


def test_q7_an_edge_takes_on_its_new_condition() -> None:
    sim, run = started("-> A", edge("A -> B", condition=when("isDict")))
    changed(sim, "-> A", edge("A -> B", condition=when("isStr")))
    sim.succeed("A", result="text")
    assert pending(run) == ["B"]


# --- What is new does not happen afterwards ---------------------------------------------------------------------------


def test_q7_a_new_edge_does_not_fire_for_sources_that_have_all_finished() -> None:
    sim, run = started("-> A B", "A -> C")
    sim.succeed("A", "B")
    changed(sim, "-> A B", "A -> C", "A -> D", "A B -> E", "C -> F")
    sim.succeed("C")
    assert pending(run) == ["F"]
    sim.succeed("F")
    assert run.status is Status.SUCCEEDED


def test_q7_a_new_join_counts_the_sources_that_have_finished_before() -> None:
    sim, run = started("-> A B")
    sim.succeed("A")
    changed(sim, "-> A B", "A B -> C")
    sim.succeed("B")
    assert pending(run) == ["C"]


def test_q7_a_new_starting_edge_has_had_its_time_until_the_run_begins_anew() -> None:
    sim, run = started("-> A", max_retry=1, retry_countdown=5)
    changed(sim, "-> N", "-> A", max_retry=1, retry_countdown=5)
    sim.fail("A")
    assert pending(run) == []
    sim.advance(seconds=5)
    assert pending(run) == ["N", "A"]


def test_q7_a_join_of_some_sources_fires_once_whatever_is_defined_anew() -> None:
    any_of = {"join": "any"}
    sim, run = started("-> A B C", edge("A B -> D", **any_of))
    sim.succeed("A")
    changed(sim, "-> A B C", edge("B C -> E", **any_of), edge("A B -> D", **any_of), edge("A C -> F", **any_of))
    assert pending(run) == ["B", "C", "D"]
    sim.succeed("B")  # A -> D has fired; B C -> E fires now
    assert pending(run) == ["C", "D", "E"]
    sim.succeed("C")  # of the new A C -> F one source had finished: it takes its turn with the next
    assert pending(run) == ["D", "E", "F"]


def test_q7_a_join_that_needs_fewer_sources_now_takes_its_turn_with_the_next() -> None:
    sim, run = started("-> A B C", edge("A B C -> D", join={"at_least": 3}))
    sim.succeed("A", "B")
    changed(sim, "-> A B C", edge("A B C -> D", join="any"))
    sim.succeed("C")
    assert pending(run) == ["D"]


# --- Failures ---------------------------------------------------------------------------------------------------------


def test_q7_fallbacks_are_known_by_what_they_catch_and_start() -> None:
    sim, run = started("-> A B", failures=[fallback("A", "F"), fallback("B", "G")])
    sim.fail("A")
    changed(sim, "-> A B", failures=[fallback("B", "G"), fallback("A", "F"), fallback("F", "H")])
    sim.succeed("B")
    assert pending(run) == ["F"]
    [fact] = migrations(run)
    assert dict(fact.fallbacks) == {0: 1, 1: 0}
    sim.fail("F")
    assert pending(run) == ["H"]
    assert [fact.fallbacks for fact in facts_of(run, FallbackStarted)] == [(1,), (2,)]


def test_q7_a_new_fallback_catches_what_has_failed_before() -> None:
    sim, run = started("-> A B")
    sim.fail("A")
    changed(sim, "-> A B", failures=[fallback("A", "F")])
    sim.succeed("B")
    assert pending(run) == ["F"]


def test_q7_a_node_that_a_fallback_has_started_stays_a_fallbacks_though_that_is_gone() -> None:
    sim, run = started("-> A", failures=[fallback("A", "F")], tasks={"F": {"max_retry": 1}})
    sim.fail("A")
    changed(sim, "-> A F", tasks={"F": {"max_retry": 1}})
    sim.fail("F")
    again = one(run, "F")
    assert list(again.parent) == ["A"]
    node = sim._world.run(run.id).active[again.id]
    assert (node.edge, node.fallback) == (None, GONE)
    assert run.view.nodes[again.id].fallback == GONE


# --- Nodes that are gone ----------------------------------------------------------------------------------------------


def test_q7_a_node_that_is_gone_may_end_and_the_run_with_it() -> None:
    sim, run = started("-> A", "A -> B")
    changed(sim, "-> N", "N -> B")
    sim.succeed("A")
    assert run.status is Status.SUCCEEDED
    assert list(run.finished) == ["A"]


def test_q7_a_node_that_is_gone_is_not_tried_again_and_its_failure_counts() -> None:
    sim, run = started("-> A", tasks={"A": {"max_retry": 3}})
    changed(sim, "-> N")
    sim.fail("A", error="burnt")
    assert run.status is Status.FAILED
    assert run.error is not None
    assert "burnt" in str(run.error)


def test_q7_a_node_whose_name_is_a_flows_by_now_is_not_tried_again() -> None:
    sim, run = started("-> A", tasks={"A": {"max_retry": 3}})
    sim.change(configured({"main": ["-> A"], "A": ["-> N"]}))
    sim.fail("A")
    assert run.status is Status.FAILED


def test_q7_a_timeout_of_a_node_that_is_gone_fails_it() -> None:
    sim, run = started("-> A", tasks={"A": {"timeout": 5, "max_retry": 1}})
    changed(sim, "-> N")
    sim.advance(seconds=6)
    assert run.status is Status.FAILED
    assert "NodeTimeout" in str(run.error)


def test_q7_what_a_paused_run_held_is_dropped_where_it_is_gone() -> None:
    sim, run = started("-> A", "A -> B")
    sim.pause(run)
    sim.succeed("A")
    assert pending(run) == []
    changed(sim, "-> A")
    sim.resume(run)
    assert run.status is Status.SUCCEEDED
    assert run.view.nodes[facts_of(run, NodeStarted)[-1].id].state == "cancelled"


def test_q7_a_sub_flow_that_is_gone_from_its_parent_is_told_of_in_reports() -> None:
    flows: dict[str, Flow] = {
        "outer": {"edges": ["-> main", "main -> End"], "propagate_finished": True},
        "main": ["-> inner", "-> A"],
        "inner": ["-> I"],
    }
    sim = simulated(flows)
    run = sim.start("outer")
    sim.succeed("I")
    sim.change(configured({**flows, "main": ["-> A"]}))
    inner = one(run, "A")
    sim.succeed("A")
    parent = one(run, "End").parent
    assert parent["main"]["A"] == [inner.id]
    assert list(parent["main"]["inner"]) == ["I"]


def test_q7_a_run_whose_flow_is_gone_only_takes_an_end() -> None:
    sim, run = started("-> A")
    sim.change(configured({"other": ["-> B"]}))
    with pytest.raises(RequestError, match="needs flow 'main', which is not configured any more"):
        sim.succeed("A")
    assert run.status is Status.RUNNING
    sim.cancel(run)
    assert run.status is Status.CANCELLED


# --- Selective runs ---------------------------------------------------------------------------------------------------


def test_q7_a_selection_follows_its_edges() -> None:
    sim = simulated({"main": ["-> A", "A -> B C", "B -> D"]})
    run = sim.start("main", selective=["D"])
    changed(sim, "C -> X", "A -> N", "B -> D", "-> A", "A -> B C")
    sim.succeed("A")
    assert pending(run) == ["B"]
    sim.succeed("B")
    assert pending(run) == ["D"]


def test_q7_a_selection_whose_edges_are_all_gone_selects_nothing_rather_than_everything() -> None:
    sim = simulated({"main": ["-> A", "A -> B C"]})
    run = sim.start("main", selective=["B"])
    changed(sim, "-> A Z", "A -> C")
    sim.succeed("A")
    assert pending(run) == []
    assert run.status is Status.SUCCEEDED


def test_q7_a_child_run_begins_with_the_selection_of_an_older_definition() -> None:
    sim = simulated({"main": ["-> A", "A -> inner"], "inner": ["-> I J", "I -> K", "J -> L"]})
    run = sim.start("main", selective={"tasks": ["K"], "follow_subflows": True})
    sim.change(configured({"main": ["-> A", "A -> inner"], "inner": ["J -> L", "I -> K", "-> I J"]}))
    sim.succeed("A")
    assert pending(run) == ["I"]
    sim.succeed("I")
    assert pending(run) == ["K"]
    sim.succeed("K")
    assert run.status is Status.SUCCEEDED


# --- The fact ---------------------------------------------------------------------------------------------------------


def test_q7_a_definition_that_changes_no_position_leaves_no_more_than_its_version() -> None:
    sim, run = started("-> A", "A -> B")
    changed(sim, "-> A", "A -> B", max_retry=2)
    sim.succeed("A")
    [fact] = migrations(run)
    assert (dict(fact.edges), dict(fact.fallbacks), dict(fact.met)) == ({}, {}, {})
    assert fact.version == sim._world.configuration.flows["main"].version
    sim.succeed("B")
    assert len(migrations(run)) == 1


def test_q7_an_event_that_decides_nothing_migrates_nothing() -> None:
    sim, run = started("-> A")
    changed(sim, "-> N", "-> A")
    error = TaskError(type="Late")
    sim.deliver(AttemptFailed(at=1, run_id=run.id, id="nobody", error=error, blame=Blame.TASK))
    assert migrations(run) == []


def test_q7_a_run_that_goes_back_and_forth_between_two_definitions_ends_right() -> None:
    """As in a rolling upgrade, where dispatchers of both move it in turn."""
    old, new = configured({"main": ["-> A B", "A B -> C"]}), configured({"main": ["A B -> C", "C -> D", "-> A B"]})
    sim = Simulation(old)
    run = sim.start("main")
    sim.change(new)
    sim.succeed("A")
    sim.change(old)
    sim.succeed("B")
    assert pending(run) == ["C"]
    sim.change(new)
    sim.succeed("C")
    assert pending(run) == ["D"]


def test_q7_facts_tell_the_same_run_when_they_are_read_again() -> None:
    sim, run = started("-> A B", "A B -> C", failures=[fallback("A", "F")])
    sim.succeed("A")
    changed(sim, "A B -> D", "A B -> C", "-> A B")
    sim.succeed("B")
    again = None
    for entry in run.journal:
        for fact in journal.decode(journal.encode(entry.facts)):
            again = evolve(again, fact, entry.at)
    assert again == sim._world.run(run.id)
    assert again is not None
    assert not is_behind(sim._world.configuration.flows["main"], again)


def test_q7_without_a_kept_outline_positions_are_gone_by() -> None:
    _sim, run = started("-> A", "A -> B")
    written = facts_of(run, object)
    other = simulated({"main": ["-> A", "A -> B", "B -> C"]})
    again = other.continue_from(written)
    other.succeed("A")
    assert pending(again) == ["B"]
    [fact] = migrations(again)
    assert dict(fact.edges) == {}


def test_moves_are_told_of_what_moved_only() -> None:
    def ways(*written: str) -> list[Way]:
        return [Way(tuple(one.split("->")[0].split()), tuple(one.split("->")[1].split())) for one in written]

    assert moves_between(ways("A->B", "A->B", "B->C"), ways("A->B", "X->Y", "A->B")) == {1: 2, 2: None}
    assert moves_between(ways("A->B"), ways("A->B", "A->B")) == {}
