"""Failed nodes: fallbacks, the end of runs, and what is told of failures (R22..R29)."""

from __future__ import annotations

import pytest

from asyncflow.model import facts as f
from asyncflow.testing import SimulatedRun, Simulation, Status
from tests.engine.flows import edge, facts_of, fallback, ids, one, pending, simulated, started, when


def failing(*names: str, failures: list[dict[str, object]], **keys: object) -> tuple[Simulation, SimulatedRun]:
    """A run whose starting nodes have all failed."""
    sim, run = started(f"-> {' '.join(names)}", failures=failures, **keys)
    sim.fail([node.id for node in run.pending])
    return sim, run


def test_r22_fallbacks_wait_until_nothing_is_active() -> None:
    sim, run = started("-> A B", "B -> C", failures=[fallback("A", "F")])
    sim.fail("A")
    assert pending(run) == ["B"]
    sim.succeed("B")
    assert pending(run) == ["C"]
    sim.succeed("C")
    assert pending(run) == ["F"]


def test_r23_the_largest_set_of_failed_nodes_is_tried_first() -> None:
    _, run = failing("A", "B", failures=[fallback("A", "FA"), fallback("B", "FB"), fallback("B A", "FAB")])
    assert pending(run) == ["FAB"]


def test_r23_sets_of_one_size_are_tried_in_the_order_of_their_sorted_names() -> None:
    failures = [fallback("b C", "Second"), fallback("C a", "First"), fallback("a b", "Third")]
    sim, run = failing("a", "b", "C", failures=failures)
    assert pending(run) == ["First"]
    sim.succeed("First")
    assert run.status is Status.FAILED


def test_r23_a_fallback_needs_exactly_its_nodes_to_have_failed() -> None:
    sim, run = started("-> A B", failures=[fallback("A B", "F")])
    sim.fail("A")
    sim.succeed("B")
    assert run.status is Status.FAILED
    assert facts_of(run, f.FallbackStarted) == []


def test_r24_each_failed_instance_is_handled_by_a_fallback_of_its_own() -> None:
    _, run = failing("A", "A", "A", failures=[fallback("A", "F G")])
    assert pending(run) == ["F", "G"] * 3
    assert run.failed == {}


def test_r24_every_entry_of_the_same_nodes_whose_condition_holds_is_started() -> None:
    failures = [
        fallback("A", "F"),
        fallback("A", "G", condition=when("alwaysFalse")),
        fallback("A", "H", condition=when("argsFieldEqual", key="x", value=1)),
    ]
    _, run = failing("A", failures=failures, node_args={"x": 1})
    assert pending(run) == ["F", "H"]
    assert [fact.fallback for fact in facts_of(run, f.FallbackNotStarted)] == [1]


def test_r24_a_fallback_whose_condition_is_false_handles_nothing() -> None:
    _, run = failing("A", failures=[fallback("A", "F", condition=when("alwaysFalse"))])
    assert run.status is Status.FAILED


def test_r24_disjoint_fallbacks_start_together() -> None:
    _, run = failing("A", "B", "C", failures=[fallback("A", "FA"), fallback("B C", "FBC")])
    assert pending(run) == ["FBC", "FA"]


def test_r24_what_is_left_of_a_larger_set_is_handled_by_smaller_ones() -> None:
    _, run = failing("A", "A", "B", failures=[fallback("A B", "FAB"), fallback("A", "FA")])
    assert pending(run) == ["FAB", "FA"]


def test_q2_fallback_true_handles_a_failure_by_starting_nothing() -> None:
    sim, run = started("-> A B", failures=[fallback("A", True)])
    sim.fail("A")
    assert run.failed.keys() == {"A"}
    sim.succeed("B")
    assert (run.status, run.failed) == (Status.SUCCEEDED, {})


def test_r25_q5_a_nowait_fallback_does_not_stop_the_search() -> None:
    sim, run = failing("A", "B", failures=[fallback("A", "FA"), fallback("B", "FB")], nowait=["FA", "FB"])
    assert pending(run) == ["FA", "FB"]
    assert run.status is Status.SUCCEEDED
    sim.fail("FA")
    assert run.status is Status.SUCCEEDED


def test_r26_a_failure_that_no_fallback_handles_fails_the_run() -> None:
    _, run = failing("A", failures=[])
    assert run.status is Status.FAILED
    assert run.error is not None
    assert run.error.type == "FlowError"
    assert "A failed" in run.error.message


def test_r26_failures_left_over_are_looked_at_again_when_nothing_is_active() -> None:
    sim, run = failing("A", "B", failures=[fallback("A", "FA"), fallback("B FA", "Both")])
    assert (pending(run), run.failed.keys()) == (["FA"], {"B"})
    sim.fail("FA")
    assert pending(run) == ["Both"]
    sim.succeed("Both")
    assert run.status is Status.SUCCEEDED


def test_r26_failures_left_over_fail_the_run_after_the_fallbacks_have_ended() -> None:
    sim, run = failing("A", "B", failures=[fallback("A", "FA")])
    assert run.status is Status.RUNNING
    sim.succeed("FA")
    assert (run.status, run.failed.keys()) == (Status.FAILED, {"B"})


def test_q4_a_failed_run_tells_what_finished_and_what_failed() -> None:
    sim, run = started("-> A B C")
    (a,), (b,), (c,) = (ids(run, name) for name in "ABC")
    sim.succeed("A")
    sim.fail([b, c], error=ValueError("boom"))
    assert (run.finished, run.failed) == ({"A": [a]}, {"B": [b], "C": [c]})
    assert run.error is not None
    assert run.error.message == "B, C failed (B: ValueError: boom)"


def test_r27_a_fallback_is_a_node_like_any_other() -> None:
    sim, run = started("-> A", "A -> X", "F -> Y", failures=[fallback("A", "F"), fallback("F", "G")])
    sim.fail("A")
    sim.succeed("F")
    assert pending(run) == ["Y"]  # the edge of F fires, and that of A does not


def test_r27_a_fallback_can_have_a_fallback() -> None:
    sim, run = failing("A", failures=[fallback("A", "F"), fallback("F", "G")])
    sim.fail("F")
    assert pending(run) == ["G"]


def test_r27_a_fallback_may_start_the_failed_node_again() -> None:
    sim, run = failing("A", failures=[fallback("A", "A B")])
    (a,) = ids(run, "A")
    sim.succeed("B")
    sim.fail(a)
    assert pending(run) == ["A", "B"]


@pytest.mark.parametrize("eager", [["A"], True])
def test_r28_q10_an_eager_failure_fails_the_run_at_once(eager: object) -> None:
    sim, run = started("-> A B", "B -> C", eager_failures=eager)
    sim.fail("A")
    assert run.status is Status.FAILED
    assert pending(run) == ["B"]  # what runs goes on running
    sim.succeed("B")
    assert run.pending == ()  # and nothing follows


def test_r28_failures_after_an_eager_one_change_nothing_any_more() -> None:
    sim, run = started("-> A B C", eager_failures=["A", "C"], failures=[fallback("B", "F")])
    sim.fail("A")
    error = run.error
    sim.fail("B")
    sim.fail("C")
    assert (run.error, run.pending) == (error, ())
    assert len(facts_of(run, f.RunFailed)) == 1


def test_q9_successes_told_with_an_eager_failure_are_finished_and_not_active() -> None:
    sim, run = started("-> A B", eager_failures=["B"])
    (a,), (b,) = ids(run, "A"), ids(run, "B")
    sim.succeed("A")
    sim.fail("B")
    assert (run.finished, run.failed, run.pending) == ({"A": [a]}, {"B": [b]}, ())


def test_r29_a_failed_sub_flow_is_a_failed_node_and_has_fallbacks() -> None:
    sim = simulated({"main": {"edges": ["-> sub", "sub -> Z"], "failures": [fallback("sub", "F")]}, "sub": ["-> X Y"]})
    run = sim.start("main")
    sim.fail("X")
    assert pending(run) == ["Y"]
    sim.succeed("Y")
    assert pending(run) == ["F"]
    (sub,) = run.children
    assert sub.status is Status.FAILED


# --- What fallbacks are told ------------------------------------------------------------------------------------------


def test_q3_a_fallback_gets_the_failed_tasks_as_parent() -> None:
    sim, run = started("-> A B", failures=[fallback("A B", "F")])
    (a,), (b,) = ids(run, "A"), ids(run, "B")
    sim.fail([a, b])
    assert one(run, "F").parent == {"A": a, "B": b}


def test_q3_each_fallback_gets_the_instance_that_it_handles() -> None:
    sim, run = started("-> A A", failures=[fallback("A", "F")])
    failed = ids(run, "A")
    sim.fail(failed)
    assert sorted(node.parent["A"] for node in run.pending) == sorted(failed)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, {}),
        ({"propagate_failures": ["sub"]}, {"sub": {"X": ["x"], "inner": {"Y": ["y"]}}}),
        ({"propagate_failures": True}, {"sub": {"X": ["x"], "inner": {"Y": ["y"]}}}),
        ({"propagate_compound_failures": ["sub"]}, {"sub": {"X": ["x"], "Y": ["y"]}}),
    ],
)
def test_q3_propagate_failures_tells_which_tasks_failed_inside(keys: dict[str, object], told: object) -> None:
    main = {"edges": ["-> sub"], "failures": [fallback("sub", "F")], **keys}
    sim = simulated({"main": main, "sub": ["-> X inner"], "inner": ["-> Y"]})
    run = sim.start("main")
    names = {one(run, "X").id: "x", one(run, "Y").id: "y"}
    sim.fail(list(names))
    text = str(one(run, "F").parent)
    for id, name in names.items():
        text = text.replace(id, name)
    assert text == str(told)


@pytest.mark.parametrize("key", ["propagate_parent_failures", "propagate_parent"])
def test_q3_a_sub_flow_as_fallback_sees_what_failed_where_asked_for(key: str) -> None:
    failures = [fallback("A", "rescue")]
    for keys, told in (({key: ["rescue"]}, True), ({}, False)):
        sim = simulated({"main": {"edges": ["-> A"], "failures": failures, **keys}, "rescue": ["-> R"]})
        run = sim.start("main")
        (a,) = ids(run, "A")
        sim.fail("A")
        assert one(run, "R").parent == ({"A": a} if told else None)


def test_q3_propagate_failure_runs_the_fallback_and_fails_the_run() -> None:
    sim, run = failing("A", failures=[fallback("A", "F", propagate_failure=True)])
    assert pending(run) == ["F"]
    sim.succeed("F")
    assert run.status is Status.FAILED


def test_q3_propagate_failure_is_remembered_while_what_follows_the_fallback_runs() -> None:
    sim, run = started("-> A", "F -> G", failures=[fallback("A", "F", propagate_failure=True)])
    sim.fail("A")
    sim.succeed("F")
    assert (run.status, pending(run)) == (Status.RUNNING, ["G"])
    sim.succeed("G")
    assert run.status is Status.FAILED


def test_a_fallback_of_a_plain_task_can_be_told_the_errors() -> None:
    report = {"celery_task": "proj.report", "kwargs": {"why": "errors.A.message", "type": "errors.A.type"}}
    sim, run = started("-> A", failures=[fallback("A", "F")], tasks={"F": report})
    sim.fail("A", error=ValueError("boom"))
    assert one(run, "F").kwargs == {"why": "boom", "type": "ValueError"}


def test_a_fallback_that_is_a_flow_task_is_told_the_errors_by_id() -> None:
    sim = simulated(
        {
            "main": {"edges": ["-> A sub"], "failures": [fallback("A sub", "F")], "propagate_failures": True},
            "sub": ["-> X"],
        }
    )
    run = sim.start("main")
    (a,), (x,) = ids(run, "A"), ids(run, "X")
    sim.fail("A", error=ValueError("boom"))
    sim.fail("X", error=KeyError("inner"))
    errors = one(run, "F").errors
    assert {id: error["type"] for id, error in errors.items()} == {a: "ValueError", x: "KeyError"}


def test_a_fallback_condition_of_the_user_is_asked() -> None:
    failures = [fallback("A", "F", condition=when("mine", wanted=2))]
    for node_args, names in ((2, ["F"]), (3, [])):
        _, run = failing(
            "A",
            failures=failures,
            node_args=node_args,
            predicates=True,
            functions={"mine": lambda node_args, wanted: node_args == wanted},
        )
        assert pending(run) == names


def test_a_failed_node_does_not_fire_its_edges() -> None:
    sim, run = started("-> A B", "A -> X", edge("A B -> Y"), failures=[fallback("A", True)])
    sim.fail("A")
    sim.succeed("B")
    assert (run.status, run.pending) == (Status.SUCCEEDED, ())
