"""Runs that end, or begin anew, while they are paused leave nothing behind that nobody can resume."""

from __future__ import annotations

from asyncflow.model.run import Status
from tests.engine.flows import pending, simulated


def test_the_sub_flow_of_a_run_that_fails_while_paused_goes_on() -> None:
    sim = simulated({"main": {"edges": ["-> A sub"], "eager_failures": ["A"]}, "sub": ["-> X", "X -> Y"]})
    run = sim.start("main")
    sim.pause(run)
    sim.succeed("X")
    sim.fail("A")
    assert run.status is Status.FAILED
    assert [child.status for child in run.children] == [Status.RUNNING]
    assert pending(run) == ["Y"]


def test_the_sub_flow_of_a_run_that_begins_anew_while_paused_goes_on() -> None:
    sim = simulated({"main": {"edges": ["-> A sub"], "eager_failures": ["A"], "max_retry": 1}, "sub": ["-> X"]})
    run = sim.start("main")
    sim.pause(run)
    sim.fail("A")
    assert run.status is Status.PAUSED
    assert [child.status for child in run.children] == [Status.RUNNING]


def test_a_node_without_waiting_that_a_paused_run_holds_begins_when_the_run_ends() -> None:
    sim = simulated({"main": {"edges": ["-> A", "A -> B"], "nowait": ["B"]}})
    run = sim.start("main")
    sim.pause(run)
    sim.succeed("A")
    assert run.status is Status.SUCCEEDED
    assert pending(run) == ["B"]


def test_what_a_failed_run_held_does_not_begin() -> None:
    sim = simulated({"main": {"edges": ["-> A B", "A -> C"], "eager_failures": ["B"]}})
    run = sim.start("main")
    sim.pause(run)
    sim.succeed("A")
    sim.fail("B")
    assert run.status is Status.FAILED
    assert pending(run) == []
    assert [node.state for node in run.view.nodes.values() if node.name == "C"] == ["cancelled"]
