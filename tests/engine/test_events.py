"""Events that come twice, late, or against each other; cancelling; runs that never end by themselves."""

from __future__ import annotations

import pytest

from asyncflow.engine import decide
from asyncflow.model import events as e
from asyncflow.model import facts as f
from asyncflow.model.commands import CancelChildRun, EndRun, ForgetAttempts, PublishTask
from asyncflow.model.decision import Context, Decision, Needs, ResultOf
from asyncflow.model.run import Status, TaskError, Whereabouts
from tests.engine.decisions import RUN, Decided
from tests.engine.flows import edge, facts_of, fallback, ids, one, pending, simulated, started, when


def test_q28_the_first_end_of_an_attempt_counts_and_every_later_one_decides_nothing() -> None:
    decided = Decided(["-> A B", "A -> C"], failures=[fallback("A", "F")])
    a, _ = decided.active()
    decided.succeed(a)
    before = decided.run
    for again in (Decided.success(RUN, a), Decided.failure(RUN, a)):
        assert decided.take(again) == ()
        assert decided.last.commands == ()
        assert decided.run is before


def test_q28_a_success_after_a_failure_changes_nothing() -> None:
    decided = Decided(["-> A B", "A -> C"], failures=[fallback("A", "F")])
    a, b = decided.active()
    decided.fail(a)
    assert decided.succeed(a) == ()
    decided.succeed(b)
    assert decided.active() == ["F-3-1"]


def test_q28_an_attempt_that_was_retried_is_over() -> None:
    decided = Decided(["-> A"], tasks={"A": {"max_retry": 3}})
    (first,) = decided.active()
    decided.fail(first)
    (second,) = decided.active()
    assert (first, second) == ("A-1-1", "A-1-2")
    assert decided.fail(first) == decided.succeed(first) == decided.time_out(first) == ()
    assert decided.active() == [second]


def test_events_for_nodes_that_never_were_decide_nothing() -> None:
    decided = Decided(["-> A"])
    assert decided.succeed("Z-9-9") == decided.fail("Z-9-9") == decided.time_out("Z-9-9") == ()


def test_a_start_that_is_delivered_twice_starts_nothing_twice() -> None:
    decided = Decided(["-> A"])
    again = e.RunRequested(at=9.0, run_id=RUN, flow=decided.flow.name, root_id=RUN)
    assert decided.take(again) == ()


def test_a_restart_that_is_due_twice_restarts_once() -> None:
    decided = Decided(["-> A"], max_retry=2)
    decided.fail("A-1-1")
    due = e.TimerDue(at=2.0, run_id=RUN, kind=e.TimerKind.RESTART, attempt=2)
    assert decided.take(due) != ()
    assert decided.take(due) == ()
    assert decided.active() == ["A-2-1"]


def test_the_same_arguments_always_give_the_same_decision() -> None:
    decided = Decided(["-> A A B", "A B -> C C"])
    context = Context(new_id=lambda run_id, name, number, attempt: f"{name}-{number}-{attempt}")  # type: ignore[arg-type,return-value]  # ids
    event = Decided.success(RUN, "A-1-1")
    assert decide(decided.flow, decided.run, event, context) == decide(decided.flow, decided.run, event, context)


def test_a_decision_that_needs_a_result_asks_for_it_and_decides_nothing() -> None:
    decided = Decided(["-> A", edge("A -> B", condition=when("fieldEqual", key="k", value=1))])
    context = Context(new_id=lambda *_: "new")  # type: ignore[arg-type,return-value]  # ids
    needs = decide(decided.flow, decided.run, Decided.success(RUN, "A-1-1"), context)
    question = ResultOf(decided.flow.name, "A", "A-1-1")  # type: ignore[arg-type]  # names
    assert needs == Needs((question,))
    context = Context(new_id=context.new_id, answers={question: {"k": 1}})
    decision = decide(decided.flow, decided.run, Decided.success(RUN, "A-1-1"), context)
    assert isinstance(decision, Decision)
    assert [type(fact) for fact in decision.facts] == [f.NodeSucceeded, f.EdgeFired, f.NodeStarted]
    assert [type(command) for command in decision.commands] == [PublishTask]


def test_q36_what_an_end_costs_does_not_grow_with_the_run() -> None:
    decided = Decided(["-> " + "A " * 300, "A -> B"])
    sizes = {len(decided.succeed(id)) for id in decided.active()}
    assert sizes == {3}


# --- Cancelling -------------------------------------------------------------------------------------------------------


def test_a_cancelled_run_stops_what_is_active() -> None:
    decided = Decided(["-> A B sub"], flows={"sub": ["-> X"]}, nowait=["B"])
    decided.take(e.CancelRequested(at=5.0, run_id=RUN, reason="enough"))
    assert decided.run.status is Status.CANCELLED
    assert decided.run.ended_at == 5.0
    (forgotten,) = decided.commands(ForgetAttempts)
    assert (forgotten.ids, forgotten.verdict) == (("A-1-1", "B-2-1"), "cancelled")
    assert [command.id for command in decided.commands(CancelChildRun)] == ["sub-3-1"]
    assert [command.status for command in decided.commands(EndRun)] == [Status.CANCELLED]


def test_ends_after_a_cancellation_decide_nothing() -> None:
    decided = Decided(["-> A B", "A -> C"])
    cancel = e.CancelRequested(at=5.0, run_id=RUN)
    decided.take(cancel)
    assert decided.succeed("A-1-1") == decided.fail("B-2-1") == decided.take(cancel) == ()


def test_cancelling_a_run_cancels_its_sub_flows_however_deep() -> None:
    sim = simulated({"main": ["-> A sub"], "sub": ["-> deep"], "deep": ["-> X"]})
    run = sim.start("main")
    (sub,) = run.children
    (deep,) = sub.children
    sim.cancel(run, "enough")
    assert [each.status for each in (run, sub, deep)] == [Status.CANCELLED] * 3
    assert run.pending == ()
    assert facts_of(run, f.RunCancelled)[0].reason == "enough"


def test_a_cancelled_sub_flow_is_a_failed_node_of_its_parent() -> None:
    sim = simulated({"main": {"edges": ["-> sub"], "failures": [fallback("sub", "F")]}, "sub": ["-> X"]})
    run = sim.start("main")
    sim.cancel(run.children[0])
    assert pending(run) == ["F"]


def test_a_run_that_waits_for_its_retry_can_be_cancelled() -> None:
    sim, run = started("-> A", max_retry=1, retry_countdown=10)
    sim.fail("A")
    sim.cancel(run)
    sim.advance(100)
    assert (run.status, run.pending) == (Status.CANCELLED, ())


def test_a_throttled_sub_flow_can_be_cancelled_before_it_begins() -> None:
    sim = simulated({"main": ["-> sub sub"], "sub": {"edges": ["-> X"], "throttling": 60}})
    run = sim.start("main")
    sim.cancel(run)
    sim.advance(100)
    assert [child.status for child in run.children] == [Status.CANCELLED] * 2
    assert run.pending == ()


# --- Runs without end -------------------------------------------------------------------------------------------------


def test_a_flow_that_starts_itself_with_no_task_in_between_fails() -> None:
    sim = simulated({"main": ["-> main"], "other": ["-> A"]})
    run = sim.start("main")
    assert (run.status, run.pending) == (Status.FAILED, ())
    deepest = run
    while deepest.children:
        (deepest,) = deepest.children
    (failed,) = facts_of(deepest, f.NodeFailed)
    assert failed.error.type == "RunawayRecursion"


def test_a_flow_may_start_itself_as_long_as_a_task_stands_in_between() -> None:
    again = edge("A -> main", condition=when("fieldEqual", key="again", value=True))
    sim = simulated({"main": ["-> A", again]})
    run = sim.start("main")
    for _ in range(50):
        sim.succeed(A={"again": True})
    sim.succeed(A={"again": False})
    assert run.status is Status.SUCCEEDED


def test_an_opaque_sub_flow_that_fails_tells_what_failed_in_it() -> None:
    main = {"edges": ["-> sub"], "failures": [fallback("sub", "F")], "propagate_failures": True}
    sim = simulated({"main": main, "sub": ["-> X"]}, opaque=["sub"])
    run = sim.start("main")
    sim.fail("sub", error=TaskError(type="FlowError"), report={"failed_nodes": {"X": ["x"]}})
    assert one(run, "F").parent == {"sub": {"X": ["x"]}}


# --- Pausing ----------------------------------------------------------------------------------------------------------


def test_a_paused_run_holds_what_would_start_until_it_is_resumed() -> None:
    sim, run = started("-> A B", "A -> C", tasks={"B": {"max_retry": 1}})
    (a,) = ids(run, "A")
    sim.pause(run)
    sim.succeed("A")
    sim.fail("B")
    assert (run.status, run.pending, run.finished) == (Status.PAUSED, (), {"A": [a]})
    sim.resume(run)
    assert (run.status, pending(run)) == (Status.RUNNING, ["C", "B"])
    assert one(run, "C").parent == {"A": a}
    assert one(run, "B").attempt == 2


def test_sub_flows_are_paused_and_resumed_with_their_run() -> None:
    sim = simulated({"main": ["-> sub A", "A -> later"], "sub": ["-> X", "X -> Y"], "later": ["-> Z"]})
    run = sim.start("main")
    sim.pause(run)
    sim.succeed("X")
    sim.succeed("A")
    assert run.pending == ()
    sim.resume(run)
    assert [child.status for child in run.children] == [Status.RUNNING] * 2
    assert sorted(pending(run)) == ["Y", "Z"]


def test_a_run_whose_last_node_ends_while_it_is_paused_is_over() -> None:
    sim, run = started("-> A")
    sim.pause(run)
    sim.succeed("A")
    assert run.status is Status.SUCCEEDED


def test_a_paused_run_can_be_cancelled() -> None:
    sim, run = started("-> A", "A -> B")
    sim.pause(run)
    sim.succeed("A")
    sim.cancel(run)
    sim.resume(run)
    assert (run.status, run.pending) == (Status.CANCELLED, ())


def test_a_paused_run_is_gone_on_with_from_its_facts() -> None:
    sim, run = started("-> A B", "A -> C")
    sim.pause(run)
    sim.succeed("A")
    again, _ = started("-> A B", "A -> C")
    other = again.continue_from(run.facts)
    assert (other.status, pending(other)) == (Status.PAUSED, ["B"])
    again.resume(other)
    assert pending(other) == ["B", "C"]


@pytest.mark.parametrize("event", [e.PauseRequested, e.ResumeRequested])
def test_a_run_that_is_over_is_neither_paused_nor_resumed(event: type) -> None:
    decided = Decided(["-> A"])
    decided.succeed("A-1-1")
    assert decided.take(event(at=2.0, run_id=RUN)) == ()
    assert decided.run.status is Status.SUCCEEDED


ADA = Whereabouts(worker="celery@ada", since=5.0)


def test_where_an_attempt_was_is_told_of_each_of_its_ends() -> None:
    decided = Decided(["-> A"], tasks={"A": {"max_retry": 1, "timeout": 10, "queue": "dough"}})
    [first] = decided.active()
    error = TaskError(type="ValueError")
    [retried] = decided.take(e.AttemptFailed(at=6.0, run_id=RUN, id=first, error=error, where=ADA))
    assert isinstance(retried, f.AttemptRetried)
    assert (retried.where, retried.queue) == (ADA, "dough")
    timer = e.TimerDue(at=20.0, run_id=RUN, kind=e.TimerKind.NODE_TIMEOUT, id=retried.next_id, where=ADA)
    failed, *_ = decided.take(timer)
    assert isinstance(failed, f.NodeFailed)
    assert (failed.error.type, failed.where) == ("NodeTimeout", ADA)


def test_where_an_attempt_that_succeeds_was_is_told() -> None:
    decided = Decided(["-> A"])
    [id] = decided.active()
    succeeded, *_ = decided.take(e.AttemptSucceeded(at=6.0, run_id=RUN, id=id, where=ADA))
    assert succeeded == f.NodeSucceeded(id=id, where=ADA)


def test_the_queue_of_a_task_is_told_when_it_starts_unless_an_exchange_decides_it() -> None:
    tasks = {"A": {"queue": "dough"}, "B": {"exchange": "own", "routing_key": "x"}, "C": {"routing_key": "keyed"}}
    _, run = started("-> A B C", tasks=tasks)
    assert [fact.queue for fact in facts_of(run, f.NodeStarted)] == ["dough", None, "keyed"]


def test_what_a_paused_run_holds_has_no_queue_yet() -> None:
    decided = Decided(["-> A", "A -> B"])
    decided.take(e.PauseRequested(at=1.0, run_id=RUN))
    *_, started = decided.succeed(decided.active()[0])
    assert isinstance(started, f.NodeStarted)
    assert (started.name, started.queue) == ("B", None)
