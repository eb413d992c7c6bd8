"""Trying again: flows, tasks, lost attempts, time limits, and what fails a run whatever its retries (R30..R33)."""

from __future__ import annotations

import pytest

from asyncflow.engine.retries import LONGEST, is_retried, wait_before_retry
from asyncflow.model import facts as f
from asyncflow.model.commands import ForgetAttempts
from asyncflow.model.events import AttemptFailed, Blame
from asyncflow.model.flow import Retries
from asyncflow.testing import Status, TaskError
from tests.engine.decisions import Decided
from tests.engine.flows import edge, facts_of, fallback, foreach, ids, one, pending, simulated, started, when


def raising(*_: object) -> None:
    raise LookupError("broken")


# --- Flows ------------------------------------------------------------------------------------------------------------


def test_r30_a_failed_flow_starts_again_after_its_countdown() -> None:
    sim, run = started("-> A B", "A -> C", max_retry=1, retry_countdown=60)
    sim.succeed("A")
    sim.succeed("C")
    sim.fail("B")
    assert (run.status, run.attempt, run.pending) == (Status.RUNNING, 2, ())
    assert (run.finished, run.failed) == ({}, {})
    sim.advance(59)
    assert run.pending == ()
    sim.advance(1)
    assert pending(run) == ["A", "B"]


def test_r30_the_last_attempt_of_a_flow_fails_it() -> None:
    sim, run = started("-> A", max_retry=2)
    for _ in range(3):
        assert run.status is Status.RUNNING
        sim.fail("A")
        sim.advance(0)
    assert run.status is Status.FAILED


def test_r30_nodes_of_a_new_attempt_have_ids_of_their_own() -> None:
    sim, run = started("-> A", max_retry=1)
    (first,) = ids(run, "A")
    sim.fail("A")
    sim.advance(0)
    assert ids(run, "A") != [first]


def test_r30_late_ends_of_an_attempt_that_is_over_change_nothing() -> None:
    sim, run = started("-> A B", "B -> C", eager_failures=["A"], max_retry=1)
    (b,) = ids(run, "B")
    sim.fail("A")
    sim.advance(0)
    before = run.facts
    sim.deliver(Decided.success(run.id, b))
    sim.deliver(Decided.failure(run.id, b))
    assert run.facts == before


def test_r30_what_an_eager_failure_leaves_behind_is_superseded_by_the_new_attempt() -> None:
    decided = Decided(["-> A B B"], eager_failures=["A"], max_retry=1)
    a, *b = decided.active()
    decided.fail(a)
    (forgotten,) = decided.commands(ForgetAttempts)
    assert (forgotten.ids, forgotten.verdict) == (tuple(b), "superseded")


def test_r30_a_new_attempt_of_a_flow_begins_with_nothing_finished() -> None:
    sim, run = started("-> A B", "A B -> C", max_retry=1)
    for attempt in (1, 2):
        sim.succeed("A")
        assert "C" not in pending(run)
        sim.succeed("B")
        assert pending(run) == ["C"]
        if attempt == 1:
            sim.fail("C")
            sim.advance(0)
    assert len(run.finished["A"]) == 1


def test_r30_fallbacks_come_before_a_retry_of_the_flow() -> None:
    sim, run = started("-> A", failures=[fallback("A", "F")], max_retry=1)
    sim.fail("A")
    assert (pending(run), run.attempt) == (["F"], 1)
    sim.fail("F")
    sim.advance(0)
    assert (pending(run), run.attempt) == (["A"], 2)


def test_r30_a_sub_flow_is_retried_on_its_own() -> None:
    sim = simulated({"main": ["-> sub"], "sub": {"edges": ["-> X"], "max_retry": 1}})
    run = sim.start("main")
    sim.fail("X")
    sim.advance(0)
    sim.succeed("X")
    assert (run.status, run.attempt) == (Status.SUCCEEDED, 1)


def test_flows_are_retried_only_on_the_named_exceptions_of_their_nodes() -> None:
    for error, status in ((ConnectionError("x"), Status.RUNNING), (ValueError("x"), Status.FAILED)):
        sim, run = started("-> A", max_retry=1, retry_on=["ConnectionError"])
        sim.fail("A", error=error)
        assert run.status is status
    for error, status in ((ConnectionError("x"), Status.RUNNING), (ValueError("x"), Status.FAILED)):
        sim, run = started("-> A", max_retry=1, retry_never=["builtins.ValueError"])
        sim.fail("A", error=error)
        assert run.status is status


def test_flows_wait_longer_with_each_retry_where_they_back_off() -> None:
    sim, run = started("-> A", max_retry=3, retry_countdown=10, retry_backoff=3, retry_ceiling=50)
    for wait in (10, 30, 50):
        sim.fail("A")
        sim.advance(wait - 1)
        assert run.pending == ()
        sim.advance(1)
        assert pending(run) == ["A"]


# --- What fails a run at once -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        {"condition": when("broken")},
        {"foreach": foreach("broken")},
    ],
)
def test_r31_a_function_that_raises_fails_the_run_whatever_its_retries(broken: dict[str, object]) -> None:
    for source in ("", "A"):
        sim, run = started(
            "-> A", edge(f"{source} -> B", **broken), predicates=True, functions={"broken": raising}, max_retry=5
        )
        if source:
            sim.succeed("A")
        assert run.status is Status.FAILED
        assert run.error is not None
        assert run.error.type == "DispatcherFailure"
        assert "user.broken: LookupError: broken" in run.error.message


def test_r31_a_selective_run_function_that_raises_fails_the_run() -> None:
    reuse = {"A": {"selective_run_function": {"name": "broken", "import": "user"}}}
    sim = simulated({"main": ["-> A", "A -> B"]}, reuse, functions={"broken": raising})
    run = sim.start("main", selective=["B"])
    assert run.status is Status.FAILED


def test_r31_a_function_that_cannot_be_imported_fails_the_run() -> None:
    _, run = started(edge("-> A", foreach=foreach("nowhere")))
    assert run.error is not None
    assert "cannot import user.nowhere" in run.error.message


def test_r31_a_function_that_reads_a_task_which_is_no_source_fails_the_run() -> None:
    _, run = started(edge("-> A", foreach=foreach()), functions={"items": lambda pool, _: pool.get("Other")})
    assert run.error is not None
    assert "KeyError" in run.error.message


def test_r31_items_that_json_cannot_say_fail_the_run() -> None:
    _, run = started(edge("-> A", foreach=foreach()), functions={"items": lambda *_: [object()]})
    assert run.error is not None
    assert "JSON has no object" in run.error.message


def test_q1_nothing_of_a_step_counts_that_a_function_broke_off() -> None:
    broken = edge("A -> C", condition=when("broken"))
    sim, run = started("-> A", "A -> B", broken, predicates=True, functions={"broken": raising})
    (a,) = ids(run, "A")
    sim.succeed("A")
    assert run.finished == {"A": [a]}
    assert run.pending == ()  # B was about to be started when the second condition raised
    assert [type(fact) for fact in run.facts[-2:]] == [f.NodeSucceeded, f.RunFailed]


def test_q1_a_failed_node_is_told_when_the_condition_of_its_fallback_raises() -> None:
    failures = [fallback("A", "F", condition=when("broken"))]
    sim, run = started("-> A", failures=failures, predicates=True, functions={"broken": raising})
    (a,) = ids(run, "A")
    sim.fail("A")
    assert (run.status, run.failed) == (Status.FAILED, {"A": [a]})


def test_q1_nothing_is_started_twice_when_answers_come_one_by_one() -> None:
    asks = [edge(f"A -> {name}", condition=when("mine", wanted=name)) for name in "BCD"]
    asked = []

    def mine(wanted: str) -> bool:
        asked.append(wanted)
        return True

    sim, run = started("-> A", *asks, predicates=True, functions={"mine": mine})
    sim.succeed("A")
    assert pending(run) == ["B", "C", "D"]
    assert sorted(asked) == ["B", "C", "D"]


def test_r31_a_run_that_a_function_fails_leaves_its_other_nodes_alone() -> None:
    broken = edge("A -> C", condition=when("broken"))
    sim, run = started("-> A B", "B -> D", broken, predicates=True, functions={"broken": raising})
    sim.succeed("A")
    assert pending(run) == ["B"]
    sim.succeed("B")
    assert (run.status, run.pending) == (Status.FAILED, ())


# --- Lost attempts ----------------------------------------------------------------------------------------------------


def test_r32_q25_a_lost_attempt_is_tried_again_after_growing_waits_and_uses_up_no_retry() -> None:
    sim, run = started("-> A", tasks={"A": {"max_retry": 1, "retry_countdown": 7}})
    waits = []
    for attempt in (2, 3, 4):
        sim.lose("A")
        waits.append(one(run, "A").countdown)
        assert one(run, "A").attempt == attempt
    assert [low <= wait <= 1.5 * low for wait, low in zip(waits, (0.4, 0.8, 1.6), strict=True)] == [True] * 3
    sim.fail("A")
    assert one(run, "A").countdown == 7
    sim.fail("A")
    assert run.status is Status.FAILED


def test_r32_a_task_that_is_lost_again_and_again_fails() -> None:
    sim, run = started("-> A")
    for _ in range(3):
        sim.lose("A")
        assert pending(run) == ["A"]
    sim.lose("A")
    assert run.status is Status.FAILED


def test_r32_failures_of_the_task_itself_do_not_count_as_lost_attempts() -> None:
    sim, run = started("-> A", tasks={"A": {"max_retry": 5}})
    for _ in range(4):
        sim.fail("A")
    sim.lose("A")
    assert one(run, "A").attempt == 6
    assert one(run, "A").countdown < 1


def test_r32_lost_tasks_that_must_not_run_twice_fail_at_once() -> None:
    sim, run = started("-> A", failures=[fallback("A", "F")], tasks={"A": {"on_lost": "fail", "max_retry": 5}})
    sim.lose("A")
    assert pending(run) == ["F"]


def test_q27_a_revoked_task_has_failed_for_good() -> None:
    sim, run = started("-> A", tasks={"A": {"max_retry": 5}})
    error = TaskError(type="TaskRevokedError")
    sim.deliver(AttemptFailed(at=0, run_id=run.id, id=one(run, "A").id, error=error, blame=Blame.REVOKED))
    assert run.status is Status.FAILED


# --- Tasks ------------------------------------------------------------------------------------------------------------


def test_r33_a_failed_task_is_pending_again_after_its_countdown_until_its_retries_are_used_up() -> None:
    sim, run = started("-> A", node_args=5, tasks={"A": {"max_retry": 2, "retry_countdown": 30, "queue": "special"}})
    seen = set()
    for attempt in (1, 2, 3):
        node = one(run, "A")
        seen.add(node.id)
        assert (node.attempt, node.node_args, node.queue) == (attempt, 5, "special")
        assert node.countdown == (30 if attempt > 1 else 0)
        sim.advance(30)
        assert one(run, "A").countdown == 0
        sim.fail("A")
    assert len(seen) == 3
    assert run.status is Status.FAILED


def test_r33_the_flow_sees_nothing_of_retries() -> None:
    sim, run = started("-> A", "A -> B", failures=[fallback("A", "F")], tasks={"A": {"max_retry": 1}})
    sim.fail("A")
    assert (run.failed, pending(run)) == ({}, ["A"])
    (a,) = ids(run, "A")
    sim.succeed("A")
    assert one(run, "B").parent == {"A": a}


def test_r33_a_fatal_error_is_not_tried_again() -> None:
    class FatalTaskError(Exception):
        pass

    sim, run = started("-> A", tasks={"A": {"max_retry": 5}})
    sim.fail("A", error=FatalTaskError("no use"))
    assert run.status is Status.FAILED


def test_r33_workers_of_selinon_do_their_retries_themselves() -> None:
    sim, run = started("-> A", tasks={"A": {"max_retry": 5, "envelope": "selinon"}})
    sim.fail("A")
    assert run.status is Status.FAILED


def test_retry_on_names_the_exceptions_to_retry_on_and_retry_never_wins() -> None:
    both = {"max_retry": 1, "retry_on": ["OSError", "app.Busy"], "retry_never": "builtins.ConnectionError"}
    cases = [
        (OSError("x"), True),
        (ConnectionError("x"), False),
        (ValueError("x"), False),
        (TaskError(type="Busy", module="app"), True),
        (TaskError(type="Busy", module="other"), False),
    ]
    for error, again in cases:
        sim, run = started("-> A", tasks={"A": both})
        sim.fail("A", error=error)
        assert (pending(run) == ["A"]) is again, error


def test_is_retried_knows_exceptions_by_class_name_and_in_full() -> None:
    error = TaskError(type="Busy", module="app.errors")
    assert is_retried(Retries(), error)
    assert is_retried(Retries(only=("Busy",)), error)
    assert is_retried(Retries(only=("app.errors.Busy",)), error)
    assert not is_retried(Retries(only=("errors.Busy",)), error)
    assert not is_retried(Retries(only=("Busy",), never=("app.errors.Busy",)), error)


def test_backoff_multiplies_each_wait_up_to_a_ceiling() -> None:
    retries = Retries(most=9, countdown=2, factor=3, ceiling=40)
    assert [wait_before_retry(retries, failures, "seed") for failures in (1, 2, 3, 4, 9)] == [2, 6, 18, 40, 40]


def test_jitter_spreads_waits_around_the_plain_one_and_repeats_for_the_same_attempt() -> None:
    retries = Retries(most=1, countdown=100, jitter=0.2)
    waits = [wait_before_retry(retries, 1, f"attempt {number}") for number in range(500)]
    assert 80 <= min(waits) < 85
    assert 115 < max(waits) <= 120
    assert 98 < sum(waits) / len(waits) < 102
    assert waits[7] == wait_before_retry(retries, 1, "attempt 7")


def test_jitter_never_goes_over_the_ceiling() -> None:
    retries = Retries(most=1, countdown=100, jitter=1, ceiling=100)
    assert max(wait_before_retry(retries, 1, f"attempt {number}") for number in range(100)) == 100


def test_waits_that_grow_without_a_ceiling_stay_numbers() -> None:
    assert wait_before_retry(Retries(most=5000, countdown=1, factor=2), 5000, "seed") == LONGEST


# --- Time limits ------------------------------------------------------------------------------------------------------


def test_q27_a_node_that_takes_too_long_has_failed_and_is_tried_again() -> None:
    sim, run = started("-> A", tasks={"A": {"timeout": 10, "max_retry": 1}}, failures=[fallback("A", "F")])
    (first,) = ids(run, "A")
    sim.advance(10)
    assert (one(run, "A").attempt, one(run, "A").id != first) == (2, True)
    sim.advance(9)
    assert pending(run) == ["A"]
    sim.advance(1)
    assert pending(run) == ["F"]
    (failed,) = facts_of(run, f.NodeFailed)
    assert (failed.error.type, failed.error.message) == ("NodeTimeout", "not completed within 10 s")


def test_the_timeout_of_a_node_begins_when_it_may_begin() -> None:
    tasks = {"A": {"timeout": 10, "max_retry": 1, "retry_countdown": 100}, "B": {"timeout": 10, "throttling": 50}}
    sim, run = started("-> A B B", tasks=tasks)
    sim.fail("A")
    sim.succeed(ids(run, "B")[0])
    sim.advance(59)
    assert pending(run) == ["B", "A"]
    sim.advance(1)
    assert pending(run) == ["A"]
    sim.advance(50)
    assert run.status is Status.FAILED


def test_a_timeout_revokes_the_attempt_and_a_late_end_of_it_decides_nothing() -> None:
    decided = Decided(["-> A", "A -> B"], tasks={"A": {"timeout": 10}})
    (a,) = decided.active()
    decided.time_out(a)
    (forgotten,) = decided.commands(ForgetAttempts)
    assert (forgotten.ids, forgotten.verdict, forgotten.terminate) == ((a,), "timed out", True)
    assert decided.run.status is Status.FAILED
    assert decided.succeed(a) == ()


def test_a_node_that_ends_in_time_is_not_timed_out_later() -> None:
    sim, run = started("-> A B", tasks={"A": {"timeout": 10}})
    sim.succeed("A")
    before = run.facts
    sim.advance(100)
    assert run.facts == before


def test_a_flow_that_takes_too_long_fails_with_all_its_nodes_and_sub_flows() -> None:
    sim = simulated({"main": {"edges": ["-> A sub"], "timeout": 60, "max_retry": 3}, "sub": ["-> X"]})
    run = sim.start("main")
    sim.advance(60)
    assert (run.status, run.pending) == (Status.FAILED, ())
    assert run.error is not None
    assert (run.error.type, run.error.message) == ("FlowTimeout", "not over within 60 s")
    assert run.children[0].status is Status.CANCELLED


def test_a_sub_flow_that_takes_too_long_is_a_failure_that_a_fallback_can_catch() -> None:
    main = {"edges": ["-> sub"], "failures": [fallback("sub", "F")]}
    sim = simulated({"main": main, "sub": {"edges": ["-> X"], "timeout": 60}})
    run = sim.start("main")
    sim.advance(60)
    assert pending(run) == ["F"]


def test_the_timeout_of_a_flow_that_is_over_changes_nothing() -> None:
    sim = simulated({"main": {"edges": ["-> A"], "timeout": 60}})
    run = sim.start("main")
    sim.succeed("A")
    before = run.facts
    sim.advance(100)
    assert run.facts == before


def test_a_limit_that_is_gone_from_the_configuration_is_still_told_in_words() -> None:
    decided = Decided(["-> A"])
    decided.time_out_run()
    assert decided.run.error is not None
    assert decided.run.error.message == "not over in time"


def test_tasks_of_a_run_that_is_over_are_not_tried_again_but_nowait_nodes_are() -> None:
    tasks = {"B": {"max_retry": 1}, "N": {"max_retry": 1}}
    sim, run = started("-> A B N", eager_failures=["A"], nowait=["N"], tasks=tasks)
    sim.fail("A")
    sim.fail("B")
    assert pending(run) == ["N"]
    sim.fail("N")
    assert one(run, "N").attempt == 2
