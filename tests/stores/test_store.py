"""What every store promises."""

import asyncio
from dataclasses import replace

import anyio
import pytest

from asyncflow.errors import FencedError, StoreError
from asyncflow.model.commands import SetTimer
from asyncflow.model.events import TimerKind
from asyncflow.model.facts import NodeArgsReplaced, RunFailed
from asyncflow.model.outline import Outline, Way
from asyncflow.model.run import ParentNode, Status, TaskError
from asyncflow.model.run_filter import RunFilter
from asyncflow.ports import Advance, Batch, Message, Outstanding
from tests.stores.samples import advance, attempt, step, verdict

MESSAGE = Message(
    routing_key="ovens",
    body=b'[["\xc3\xa9"], {}, {}]\x00\xff',
    exchange="kitchen",
    headers={"task": "bake", "timelimit": [None, 3.5], "argsrepr": "caf\u00e9 \ud800", "stamps": {}, "big": 2**70},
    type="task",
    content_type="application/json",
    content_encoding="binary",
    correlation_id="t1",
    reply_to="replies",
    priority=7,
    persistent=False,
)


# --- Runs and their journals ---


async def test_a_journal_holds_every_entry_in_order(store):
    for version in range(1, 12):
        await store.commit(step("r", version))
    assert await store.journal("r") == [advance("r", version).entry for version in range(1, 12)]


async def test_a_journal_is_read_from_any_version_on(store):
    for version in range(1, 8):
        await store.commit(Batch(advances=(advance("r", version), advance("other", version))))
    assert [entry.version for entry in await store.journal("r", 3)] == [4, 5, 6, 7]
    assert [entry.version for entry in await store.journal("r", 3, 2)] == [4, 5]
    assert await store.journal("r", 7) == []
    assert await store.journal("r", 0, 1) == [advance("r", 1).entry]


async def test_runs_are_counted_by_flow_status_and_time(store):
    child = ParentNode(run_id="a", id="n")
    for run_id, flow, status, started_at in (
        ("early", "f", Status.SUCCEEDED, 99.9),
        ("a", "f", Status.RUNNING, 100.0),
        ("b", "f", Status.RUNNING, 109.9),
        ("c", "f", Status.FAILED, 110.0),
        ("d", "g", Status.FAILED, 129.0),
    ):
        await store.commit(Batch(advances=(advance(run_id, 1, flow=flow, status=status, started_at=started_at),)))
    await store.commit(Batch(advances=(advance("e", 1, parent_node=child, root_id="a", started_at=105.0),)))
    counted = {(one.flow, one.status, one.step): one.count for one in await store.outcomes(100.0, 10.0)}
    assert counted == {
        ("f", Status.RUNNING, 0): 2,
        ("f", Status.FAILED, 1): 1,
        ("g", Status.FAILED, 2): 1,
    }


async def test_the_longest_open_runs_are_those_that_started_first(store):
    child = ParentNode(run_id="late", id="n")
    for run_id, status, started_at in (
        ("late", Status.RUNNING, 5.0),
        ("over", Status.SUCCEEDED, 1.0),
        ("first", Status.RUNNING, 2.0),
        ("paused", Status.PAUSED, 1.0),
        ("second", Status.RUNNING, 3.0),
    ):
        await store.commit(Batch(advances=(advance(run_id, 1, status=status, started_at=started_at),)))
    await store.commit(Batch(advances=(advance("child", 1, parent_node=child, root_id="late", started_at=0.0),)))
    assert [header.run_id for header in await store.longest_open(2)] == ["first", "second"]
    assert await store.longest_open(2) == [await store.header("first"), await store.header("second")]


async def test_the_journal_of_an_unknown_run_is_empty(store):
    assert await store.journal("nobody") == []


async def test_several_journals_are_read_at_once(store):
    await store.commit(Batch(advances=(advance("a", 1), advance("b", 1), advance("a", 2))))
    found = await store.journals(["b", "nobody", "a"])
    assert {run_id: [entry.version for entry in entries] for run_id, entries in found.items()} == {
        "a": [1, 2],
        "b": [1],
        "nobody": [],
    }


async def test_facts_come_back_as_they_were(store):
    facts = (NodeArgsReplaced(node_args={"é": [1, None, 2**70, "\ud800"]}), RunFailed(error=TaskError(type="KeyError")))
    one = advance("r", 1)
    await store.commit(Batch(advances=(replace(one, entry=replace(one.entry, facts=facts)),)))
    assert (await store.journal("r"))[0].facts == facts


async def test_what_json_cannot_say_is_refused_and_nothing_is_written(store):
    one = advance("r", 1)
    unwritable = replace(one, entry=replace(one.entry, facts=(NodeArgsReplaced(node_args=object()),)))
    with pytest.raises(TypeError, match="object"):
        await store.commit(Batch(advances=(unwritable,)))
    assert await store.header("r") is None


async def test_a_header_comes_back_as_it_was_last_committed(store):
    await store.commit(step("r", 1))
    last = advance(
        "r",
        2,
        status=Status.FAILED,
        ended_at=5.5,
        labels={"team": "kitchen", "é": "\ud800"},
        error=TaskError(type="ValueError", message="burnt", module="builtins", traceback="…"),
    )
    await store.commit(Batch(advances=(last,)))
    assert await store.header("r") == last.header


async def test_a_child_run_names_its_parent(store):
    child = advance("child", 1, root_id="r", parent_node=ParentNode(run_id="r", id="child"))
    await store.commit(Batch(advances=(advance("r", 1), child)))
    assert await store.header("child") == child.header


async def test_an_unknown_run_has_no_header(store):
    assert await store.header("nobody") is None


async def test_an_empty_batch_is_fine(store):
    await store.commit(Batch())
    assert await store.headers(RunFilter()) == []


async def test_an_ended_run_can_be_opened_again(store):
    await store.commit(Batch(advances=(advance("r", 1, status=Status.FAILED, ended_at=2.0),)))
    await store.commit(Batch(advances=(advance("r", 2),)))
    assert await store.header("r") == advance("r", 2).header


# --- Fencing ---


@pytest.mark.parametrize("version", [1, 2, 4, 9])
async def test_a_repeated_or_skipped_version_is_refused_with_all_of_its_batch(store, version):
    await store.commit(Batch(advances=(advance("r", 1), advance("r", 2)), attempts=(attempt("t1", "r"),)))
    with pytest.raises(FencedError, match=f"run r stands at version 2, not {version - 1}"):
        await store.commit(
            Batch(
                advances=(advance("other", 1), advance("r", version)),
                attempts=(attempt("t2", "r"),),
                verdicts=(verdict("t1", result=b"1"),),
                timers=(SetTimer(run_id="r", kind=TimerKind.RESTART, due=1.0),),
            )
        )
    assert [entry.version for entry in await store.journal("r")] == [1, 2]
    assert await store.header("other") is None
    assert [one.id for one in await store.unpublished()] == ["t1"]
    assert await store.results(["t1"]) == {}
    assert await store.timers() == []


async def test_a_run_must_begin_at_version_one(store):
    with pytest.raises(FencedError, match="run r stands at version 0, not 1"):
        await store.commit(step("r", 2))
    assert await store.journal("r") == []


async def test_of_commits_that_wait_together_only_the_fenced_one_fails(store):
    await store.commit(step("r", 1))
    batches = [
        step("a", 1, attempts=(attempt("t1", "a"),)),
        step("r", 2),
        step("r", 2, attempts=(attempt("t2", "r"),)),
        step("r", 3),
        step("b", 7),
        step("a", 2, attempts=(attempt("t3", "a"),)),
    ]
    outcomes = await asyncio.gather(*map(store.commit, batches), return_exceptions=True)
    assert [type(one) for one in outcomes] == [type(None)] * 2 + [FencedError, type(None), FencedError, type(None)]
    assert [one.id for one in await store.unpublished()] == ["t1", "t3"]
    assert [len(entries) for entries in (await store.journals(["a", "b", "r"])).values()] == [2, 0, 3]


async def test_of_two_commits_of_the_same_version_one_wins(store):
    async def race(number):
        batch = step("r", 1, attempts=(attempt(f"t{number}", "r"),))
        try:
            await store.commit(batch)
        except FencedError:
            return 0
        return 1

    assert sum(await asyncio.gather(*map(race, range(20)))) == 1
    assert len(await store.unpublished()) == 1


async def test_a_cancelled_commit_is_there_as_a_whole_or_not_at_all(store):
    for number in range(30):
        run_id = f"r{number}"
        with anyio.move_on_after(number * 0.0002):
            await store.commit(step(run_id, 1, attempts=(attempt(f"t{number}", run_id),)))
    await store.commit(step("last", 1))
    stored = {number for number in range(30) if await store.journal(f"r{number}")}
    assert {one.id for one in await store.unpublished()} == {f"t{number}" for number in stored}


# --- Attempts ---


async def test_a_message_comes_back_as_it_was(store):
    one = attempt("t1", "r", message=MESSAGE, due=12.5)
    await store.commit(step("r", 1, attempts=(one,)))
    assert await store.unpublished() == [one]


async def test_unpublished_attempts_come_in_the_order_of_their_commits(store):
    await store.commit(step("r", 1, attempts=(attempt("c", "r"), attempt("a", "r"))))
    await store.commit(step("r", 2, attempts=(attempt("b", "r"),)))
    assert [one.id for one in await store.unpublished()] == ["c", "a", "b"]


async def test_what_was_published_is_not_to_be_published_again(store):
    await store.commit(step("r", 1, attempts=(attempt("t1", "r"), attempt("t2", "r"), attempt("t3", "r"))))
    await store.mark_published(["t1", "t3", "nobody"])
    assert [one.id for one in await store.unpublished()] == ["t2"]


async def test_an_attempt_committed_as_published_is_not_to_be_published(store):
    await store.commit(step("r", 1, attempts=(attempt("t1", "r", published=True),)))
    assert await store.unpublished() == []


async def test_an_attempt_with_a_verdict_is_not_to_be_published(store):
    await store.commit(step("r", 1, attempts=(attempt("t1", "r"), attempt("t2", "r"))))
    await store.commit(step("r", 2, verdicts=(verdict("t1", "cancelled"),)))
    assert [one.id for one in await store.unpublished()] == ["t2"]


async def test_an_attempt_may_begin_and_end_in_one_batch(store):
    await store.commit(step("r", 1, attempts=(attempt("t1", "r"),), verdicts=(verdict("t1", "superseded"),)))
    assert await store.unpublished() == []
    assert await store.run_of(["t1"]) == {"t1": "r"}


async def test_the_first_verdict_counts(store):
    await store.commit(step("r", 1, attempts=(attempt("t1", "r"), attempt("t2", "r"))))
    await store.commit(step("r", 2, verdicts=(verdict("t1", result=b"1"), verdict("t2", "failed"))))
    await store.commit(step("r", 3, verdicts=(verdict("t1", result=b"2"), verdict("t2", result=b"3"))))
    assert await store.results(["t1", "t2"]) == {"t1": b"1"}


async def test_a_result_of_none_keeps_nothing_and_null_is_a_result(store):
    await store.commit(step("r", 1, attempts=(attempt("t1", "r"), attempt("t2", "r"))))
    await store.commit(step("r", 2, verdicts=(verdict("t1"), verdict("t2", result=b"null"))))
    assert await store.results(["t1", "t2", "nobody"]) == {"t2": b"null"}


async def test_the_run_of_an_attempt_is_known_before_and_after_its_verdict(store):
    await store.commit(step("r", 1, attempts=(attempt("t1", "r"), attempt("t2", "r"))))
    await store.commit(step("s", 1, attempts=(attempt("t3", "s"),), verdicts=(verdict("t1"),)))
    assert await store.run_of(["t1", "t2", "t3", "nobody"]) == {"t1": "r", "t2": "r", "t3": "s"}


@pytest.mark.parametrize("odd", ["", "\x00", "\ud800", "é" * 300, "'; DROP TABLE runs; --", "%", '"]'])
async def test_an_odd_id_is_merely_unknown(store, odd):
    assert await store.run_of([odd]) == {}
    assert await store.results([odd]) == {}
    assert await store.journal(odd) == []


async def test_thousands_of_ids_are_looked_up_at_once(store):
    await store.commit(step("r", 1, attempts=tuple(attempt(f"t{number}", "r") for number in range(5000))))
    assert len(await store.run_of([f"t{number}" for number in range(10_000)])) == 5000


async def test_an_id_is_used_once(store):
    await store.commit(step("r", 1, attempts=(attempt("t1", "r"),)))
    with pytest.raises(StoreError):
        await store.commit(step("r", 2, attempts=(attempt("t2", "r"), attempt("t1", "r"))))
    assert len(await store.journal("r")) == 1
    assert [one.id for one in await store.unpublished()] == ["t1"]


async def test_an_attempt_of_an_unknown_run_is_refused(store):
    with pytest.raises(StoreError):
        await store.commit(Batch(attempts=(attempt("t1", "nobody"),)))
    assert await store.unpublished() == []


async def test_a_verdict_is_told_as_it_was_first_given(store):
    await store.commit(step("r", 1, attempts=(attempt("t1", "r"), attempt("t2", "r"), attempt("t3", "r"))))
    await store.commit(step("r", 2, verdicts=(verdict("t1"), verdict("t2", "timed out"))))
    await store.commit(step("r", 3, verdicts=(verdict("t1", "failed"),)))
    assert await store.verdicts(["t1", "t2", "t3", "nobody"]) == {"t1": "succeeded", "t2": "timed out"}


async def test_what_is_outstanding_is_told_the_longest_due_first(store):
    attempts = (
        attempt("late", "r", due=20.0),
        attempt("sent", "r", due=10.0),
        attempt("held", "r", due=5.0, task="Boil"),
        attempt("over", "r", due=1.0),
        attempt("now", "r", due=15.0),
    )
    await store.commit(step("r", 1, attempts=attempts))
    await store.mark_published(["sent", "over"], 10.5)
    await store.mark_published(["sent"], 99.0)
    await store.commit(step("r", 2, verdicts=(verdict("over"),)))
    assert await store.outstanding(15.0) == [
        Outstanding(id="held", run_id="r", task="Boil", due=5.0, published_at=None),
        Outstanding(id="sent", run_id="r", task="BakePie", due=10.0, published_at=10.5),
    ]


async def test_an_attempt_of_which_only_is_known_that_it_was_published_is_outstanding(store):
    await store.commit(step("r", 1, attempts=(attempt("t1", "r", published=True), attempt("t2", "r"))))
    await store.mark_published(["t2"])
    assert {one.id: one.published_at for one in await store.outstanding(1.0)} == {"t1": 0.0, "t2": 0.0}


# --- Throttling ---


async def test_the_first_slot_is_now_and_the_next_ones_follow_in_their_interval(store):
    assert [await store.take_slot("n", 100.0, 5.0) for _ in range(3)] == [100.0, 105.0, 110.0]
    assert await store.take_slot("n", 112.0, 5.0) == 115.0
    assert await store.take_slot("n", 200.0, 5.0) == 200.0


async def test_a_clock_that_goes_back_opens_no_slot_twice(store):
    assert await store.take_slot("n", 100.0, 5.0) == 100.0
    assert await store.take_slot("n", 90.0, 5.0) == 105.0


async def test_each_name_has_its_own_slots(store):
    assert await store.take_slot("a", 100.0, 5.0) == 100.0
    assert await store.take_slot("b", 100.0, 5.0) == 100.0


async def test_slots_that_are_taken_at_once_differ(store):
    taken = await asyncio.gather(*(store.take_slot("n", 100.0, 1.0) for _ in range(20)))
    assert sorted(taken) == [100.0 + number for number in range(20)]


async def test_a_slot_stays_taken_after_a_restart(opener):
    async with opener() as store:
        await store.take_slot("n", 100.0, 5.0)
    async with opener() as store:
        assert await store.take_slot("n", 101.0, 5.0) == 105.0


# --- Timers ---


async def test_a_timer_stays_until_it_is_done(store):
    await store.commit(Batch(advances=(advance("r", 1), advance("s", 1))))
    timers = (
        SetTimer(run_id="r", kind=TimerKind.NODE_TIMEOUT, due=1.0, id="t1", attempt=2),
        SetTimer(run_id="r", kind=TimerKind.NODE_TIMEOUT, due=2.0, id="t2", attempt=2),
        SetTimer(run_id="r", kind=TimerKind.RESTART, due=3.0),
        SetTimer(run_id="s", kind=TimerKind.RESTART, due=4.0),
        SetTimer(run_id="s", kind=TimerKind.RUN_TIMEOUT, due=5.0),
    )
    await store.commit(Batch(timers=timers))
    assert await store.timers() == list(timers)
    await store.commit(Batch(timers_done=(timers[0], timers[3])))
    assert await store.timers() == [timers[1], timers[2], timers[4]]


async def test_a_timer_that_is_set_again_is_moved(store):
    timer = SetTimer(run_id="r", kind=TimerKind.RESTART, due=3.0)
    await store.commit(step("r", 1, timers=(timer,)))
    await store.commit(step("r", 2, timers=(replace(timer, due=8.0),)))
    assert await store.timers() == [replace(timer, due=8.0)]
    await store.commit(step("r", 3, timers_done=(timer,)))
    assert await store.timers() == []


async def test_a_timer_may_be_set_and_done_in_one_batch(store):
    timer = SetTimer(run_id="r", kind=TimerKind.RESTART, due=3.0)
    await store.commit(step("r", 1, timers=(timer,), timers_done=(timer,)))
    assert await store.timers() == []


async def test_a_timer_of_an_unknown_run_is_refused(store):
    with pytest.raises(StoreError):
        await store.commit(Batch(timers=(SetTimer(run_id="nobody", kind=TimerKind.RESTART, due=3.0),)))


# --- Lists of runs ---


@pytest.fixture
async def listed(store):
    def run(run_id: str, started_at: float, **header: object) -> Advance:
        return advance(run_id, 1, started_at=started_at, **header)

    await store.commit(
        Batch(
            advances=(
                run("ab1", 10.0),
                run("ab2", 30.0, flow="lunch"),
                run("b%_", 20.0, status=Status.FAILED),
                run("ab3", 40.0, root_id="ab1", parent_node=ParentNode(run_id="ab1", id="ab3")),
                run("c", 20.0),
            )
        )
    )
    return store


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (RunFilter(), ["ab2", "c", "b%_", "ab1"]),
        (RunFilter(children=True), ["ab3", "ab2", "c", "b%_", "ab1"]),
        (RunFilter(limit=2), ["ab2", "c"]),
        (RunFilter(flow="dinner"), ["c", "b%_", "ab1"]),
        (RunFilter(statuses=(Status.FAILED,)), ["b%_"]),
        (RunFilter(statuses=(Status.FAILED, Status.RUNNING), flow="dinner"), ["c", "b%_", "ab1"]),
        (RunFilter(statuses=(Status.FAILED, Status.CANCELLED)), ["b%_"]),
        (RunFilter(flow="lunch", statuses=(Status.FAILED,)), []),
        (RunFilter(prefix="ab"), ["ab2", "ab1"]),
        (RunFilter(prefix="ab", children=True), ["ab3", "ab2", "ab1"]),
        (RunFilter(prefix="b%_"), ["b%_"]),
        (RunFilter(prefix="_"), []),
        (RunFilter(prefix="%"), []),
        (RunFilter(prefix="AB"), []),
        (RunFilter(prefix="ab1"), ["ab1"]),
        (RunFilter(root_id="ab1"), ["ab1"]),
        (RunFilter(root_id="ab1", children=True), ["ab3", "ab1"]),
        (RunFilter(root_id="c", children=True), ["c"]),
        (RunFilter(root_id="nobody", children=True), []),
    ],
    ids=str,
)
async def test_runs_are_listed_newest_first(listed, which, expected):
    assert [header.run_id for header in await listed.headers(which)] == expected


@pytest.fixture
async def labelled(opener):
    broken = TaskError(type="OvenError", message="too HOT; 100%_\\ \u00c4", traceback="line 7 of bake")
    odd = TaskError(type="ValueError", message="\x00 \ud800 odd")
    async with opener() as store:
        await store.commit(
            Batch(
                advances=(
                    advance("r1", 1, started_at=10.0, labels={"team": "red", "day": "Mon\u00e4'day"}),
                    advance("r2", 1, started_at=20.0, labels={"team": "blue"}),
                    advance("r3", 1, started_at=30.0, labels={"team": "red"}, flow="Lunch"),
                    advance("r4", 1, started_at=40.0, labels={"team": "\x00\ud800"}, status=Status.RUNNING),
                    advance("child", 1, started_at=50.0, labels={"team": "red"}, root_id="r1", parent_node=CHILD),
                )
            )
        )
        ended = {"status": Status.FAILED, "ended_at": 60.0}
        await store.commit(
            Batch(advances=(advance("r2", 2, labels={"team": "blue"}, started_at=20.0, error=broken, **ended),))
        )
        await store.commit(Batch(advances=(advance("r4", 2, started_at=40.0, error=odd, **ended),)))
    async with opener() as store:
        yield store


CHILD = ParentNode(run_id="r1", id="child")


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (RunFilter(labels={"team": "red"}), ["r3", "r1"]),
        (RunFilter(labels={"team": "red"}, children=True), ["child", "r3", "r1"]),
        (RunFilter(labels={"team": "red", "day": "Mon\u00e4'day"}), ["r1"]),
        (RunFilter(labels={"team": "RED"}), []),
        (RunFilter(labels={"day": "red"}), []),
        (RunFilter(since=20.0), ["r4", "r3", "r2"]),
        (RunFilter(until=20.0), ["r1"]),
        (RunFilter(since=20, until=40), ["r3", "r2"]),
        (RunFilter(text="lUN"), ["r3"]),
        (RunFilter(text="R2"), ["r2"]),
        (RunFilter(text="blu"), ["r2"]),
        (RunFilter(text="team"), []),
        (RunFilter(text="ovenerror: too hot"), ["r2"]),
        (RunFilter(text="100%_\\"), ["r2"]),
        (RunFilter(text="%"), ["r2"]),
        (RunFilter(text="\u00c4"), ["r2"]),
        (RunFilter(text="line 7"), []),
        (RunFilter(text="traceback"), []),
        (RunFilter(text="valueerror"), ["r4"]),
        (RunFilter(text="dinner", labels={"team": "red"}, since=5.0, limit=1), ["r1"]),
    ],
    ids=str,
)
async def test_runs_are_found_by_label_time_and_text(labelled, which, expected):
    assert [header.run_id for header in await labelled.headers(which)] == expected


async def test_labels_go_with_their_run(labelled):
    await labelled.commit(Batch(advances=(advance("r3", 2, status=Status.SUCCEEDED, ended_at=31.0),)))
    assert await labelled.remove_ended(40.0, 10) == 1
    await labelled.commit(Batch(advances=(advance("r3", 1, started_at=70.0),)))
    assert [header.run_id for header in await labelled.headers(RunFilter(labels={"team": "red"}))] == ["r1"]


async def test_runs_that_are_not_over_are_counted_by_flow(listed):
    assert await listed.open_flows() == {"dinner": 3, "lunch": 1}
    await listed.commit(Batch(advances=(advance("ab2", 2, flow="lunch", status=Status.SUCCEEDED, ended_at=2.0),)))
    await listed.commit(Batch(advances=(advance("c", 2, status=Status.PAUSED),)))
    assert await listed.open_flows() == {"dinner": 3}


# --- Leaving and coming back ---


async def test_everything_is_there_after_a_restart(opener):
    timer = SetTimer(run_id="r", kind=TimerKind.RUN_TIMEOUT, due=9.0)
    async with opener() as store:
        secret = store.secret
        attempts = tuple(attempt(name, "r") for name in ("t1", "t2", "t3"))
        await store.commit(step("r", 1, attempts=attempts, timers=(timer,)))
        await store.commit(step("r", 2, verdicts=(verdict("t1", result=b"[1]"),)))
        await store.mark_published(["t2"])
    async with opener() as store:
        assert store.secret == secret
        assert await store.journal("r") == [advance("r", 1).entry, advance("r", 2).entry]
        assert await store.header("r") == advance("r", 2).header
        assert [one.id for one in await store.unpublished()] == ["t3"]
        assert await store.results(["t1"]) == {"t1": b"[1]"}
        assert await store.timers() == [timer]
        await store.commit(step("r", 3))


async def test_commits_that_wait_when_the_store_closes_are_written(opener):
    async with opener() as store:
        waiting = [asyncio.ensure_future(store.commit(step(f"r{number}", 1))) for number in range(20)]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    async with opener() as store:
        assert len(await store.headers(RunFilter())) == 20


async def test_a_secret_is_sixteen_random_bytes(store):
    assert len(store.secret) == 16
    assert len(set(store.secret)) > 4


# --- Definitions of flows ---


def outline(version, *edges):
    return Outline(flow="dinner", version=version, edges=edges, fallbacks=(Way(("Cook",), ("Order",)),))


async def test_outlines_come_back_as_they_were_the_one_last_served_last(store):
    old, new = outline("1", Way((), ("Shop",)), Way(("Cook", "Shop"), ("Serve",), 1)), outline("2", Way((), ("Eat",)))
    await store.keep_outlines([old, replace(old, flow="lunch")], 1.0)
    await store.keep_outlines([new], 2.0)
    assert await store.outlines("dinner") == [old, new]
    await store.keep_outlines([old], 3.0)
    assert await store.outlines("dinner") == [new, old]
    assert await store.outlines("nothing") == []


async def test_outlines_outlive_their_dispatcher(opener):
    async with opener() as store:
        await store.keep_outlines([], 1.0)
        await store.keep_outlines([outline("1", Way((), ("Shop",)))], 1.0)
    async with opener() as store:
        assert await store.outlines("dinner") == [outline("1", Way((), ("Shop",)))]
