"""The watchdog on a fleet in memory: which evidence leads to a verdict, and which does not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import pytest

from asyncflow.adapters.clock import SystemClock
from asyncflow.dispatcher.watchdog import Senses, Watchdog, WatchdogSettings
from asyncflow.dispatcher.work import Work
from asyncflow.fleet import QueueState, Sign
from asyncflow.model.events import AttemptFailed, Blame
from asyncflow.model.flow import Task, TaskKind
from asyncflow.model.names import NodeName, RunId, TaskId
from asyncflow.ports import Attempt, Completion, Message, Outstanding, Progress
from tests.dispatcher.fleets import Fleet

QUICK = WatchdogSettings(
    lease=0.1, queue_budget=0.0, grace=0.05, answer=0.01, pause=0.05, settle=0.05, reunion=0.3, farewell=0.2, patience=4
)
SLOW = WatchdogSettings(lease=60, grace=0.05, answer=0.01, pause=0.05, settle=0.05, reunion=0.3, farewell=0.2)
EMPTY = QueueState(messages=0, consumers=0)


class Watching:
    def __init__(self, fleet: Fleet, settings: WatchdogSettings) -> None:
        self.fleet = fleet
        self.works: list[Work] = []
        self.revoked: list[str] = []
        self.seen: list[tuple[str, str, bool]] = []
        task = Task(name=NodeName("cook"), kind=TaskKind.CELERY, queue="q")
        self.dog = Watchdog(
            Senses(
                workers=fleet,
                clock=SystemClock(),
                tasks={task.name: task},
                submit=self.works.append,
                revoke=self.revoked.append,
                saw=lambda id, run_id, worker, since: self.seen.append((id, worker, since is not None)),
            ),
            settings,
        )

    def publish(self, id: str = "a") -> None:
        message = Message(routing_key="q", body=b"")
        attempt = Attempt(id=TaskId(id), run_id=RunId("run"), task=NodeName("cook"), message=message)
        self.dog.sending([attempt])

    def report(self, progress: Progress, worker: str = "", id: str = "a") -> None:
        self.dog.heard(Completion(id=TaskId(id), progress=progress, worker=worker))

    async def verdict(self) -> AttemptFailed:
        """The first verdict; failing when there is none in time."""
        await until(lambda: self.works)
        event = self.works[0].event
        assert isinstance(event, AttemptFailed)
        return event

    async def no_verdict_while_asked(self, times: int) -> None:
        """Nothing is given up though workers are asked so many times more."""
        wanted = len(self.fleet.asked) + times
        await until(lambda: len(self.fleet.asked) >= wanted)
        assert self.works == []


async def until(holds: Callable[[], object]) -> None:
    with anyio.fail_after(5):
        while not holds():
            await anyio.sleep(0.01)


@asynccontextmanager
async def watching(fleet: Fleet, settings: WatchdogSettings = QUICK) -> AsyncIterator[Watching]:
    made = Watching(fleet, settings)
    async with anyio.create_task_group() as group:
        group.start_soon(made.dog.run)
        yield made
        group.cancel_scope.cancel()


async def test_what_no_worker_has_and_no_queue_holds_is_lost_after_two_looks() -> None:
    fleet = Fleet(has={"w1": []}, queues={"q": EMPTY})
    async with watching(fleet) as watched:
        watched.publish()
        verdict = await watched.verdict()
    assert verdict.blame is Blame.INFRASTRUCTURE
    assert verdict.error.type == "LostAttempt"
    assert "published, never received" in verdict.error.message
    assert [method for method, _ in fleet.asked] == ["query_task", "query_task", "scheduled"]


async def test_the_lost_attempt_is_revoked_when_the_verdict_is_durable() -> None:
    async with watching(Fleet(has={"w1": []}, queues={"q": EMPTY})) as watched:
        watched.publish()
        await watched.verdict()
        assert watched.revoked == []
        committed = watched.works[0].committed
        assert committed is not None
        committed()
    assert watched.revoked == ["a"]


async def test_nobody_is_asked_while_an_attempt_gives_signs_of_life() -> None:
    fleet = Fleet(has={"w1": []}, queues={"q": EMPTY})
    async with watching(fleet) as watched:
        watched.publish()
        for _ in range(20):
            watched.report(Progress.PROGRESSING)
            await anyio.sleep(0.02)
    assert fleet.asked == []


async def test_an_attempt_that_a_worker_has_is_not_lost() -> None:
    fleet = Fleet(has={"w1": ["a"]}, queues={"q": EMPTY})
    async with watching(fleet) as watched:
        watched.publish()
        await watched.no_verdict_while_asked(3)
        fleet.has["w1"] = []
        assert "worker w1" in (await watched.verdict()).error.message


async def test_what_workers_tell_says_who_has_an_attempt_and_when_it_starts() -> None:
    fleet = Fleet(has={"w1": ["a"]}, queues={"q": EMPTY})
    async with watching(fleet, SLOW) as watched:
        watched.publish()
        fleet.tell(Sign.RECEIVED, "w1", "a")
        fleet.tell(Sign.STARTED, "w1", "a")
        fleet.tell(Sign.STARTED, "w1", "of somebody else")
        await until(lambda: len(watched.seen) >= 2)
        assert watched.seen == [("a", "w1", False), ("a", "w1", True)]


async def test_who_answers_that_it_has_an_attempt_is_where_it_is() -> None:
    async with watching(Fleet(has={"w1": ["a"]}, queues={"q": EMPTY})) as watched:
        watched.publish()
        await until(lambda: watched.seen)
        assert watched.seen[0] == ("a", "w1", False)


async def test_a_retry_that_waits_for_its_time_on_a_worker_is_not_lost() -> None:
    fleet = Fleet(has={"w1": []}, scheduled={"w1": ["a"]}, queues={"q": EMPTY})
    async with watching(fleet) as watched:
        watched.publish()
        await watched.no_verdict_while_asked(8)


async def test_an_attempt_may_wait_in_its_queue_for_ever() -> None:
    fleet = Fleet(has={"w1": []}, queues={"q": QueueState(messages=1, consumers=1)})
    async with watching(fleet) as watched:
        watched.publish()
        await watched.no_verdict_while_asked(8)
        fleet.queues["q"] = EMPTY
        await watched.verdict()


@pytest.mark.parametrize("how", ["known by its heartbeats", "known as a consumer"])
async def test_a_worker_that_does_not_answer_is_waited_for_until_patience_ends(how: str) -> None:
    fleet = Fleet(has={"w1": [], "w2": []}, mute={"w2"}, queues={"q": EMPTY}, attached={"w2"})
    if how == "known as a consumer":
        fleet.queues["q"] = QueueState(messages=0, consumers=2)
    async with watching(fleet) as watched:
        if how == "known by its heartbeats":
            fleet.tell(Sign.ALIVE, "w1", interval=100)
            fleet.tell(Sign.ALIVE, "w2", interval=100)
        watched.publish()
        await watched.no_verdict_while_asked(2)
        await watched.verdict()


async def test_a_silent_worker_that_is_gone_has_its_attempts_looked_for() -> None:
    fleet = Fleet(has={"w1": []}, queues={"q": EMPTY})
    async with watching(fleet, SLOW) as watched:
        fleet.tell(Sign.ALIVE, "w1", interval=100)
        fleet.tell(Sign.ALIVE, "w2", interval=0.05)
        watched.publish()
        watched.report(Progress.STARTED, worker="w2")
        verdict = await watched.verdict()
    assert "received, worker vanished: worker w2" in verdict.error.message


async def test_an_attempt_of_unknown_whereabouts_was_probably_with_the_worker_that_is_gone() -> None:
    fleet = Fleet(has={"w1": []}, queues={"q": EMPTY})
    async with watching(fleet, SLOW) as watched:
        fleet.tell(Sign.ALIVE, "w1", interval=100)
        fleet.tell(Sign.ALIVE, "w2", interval=0.1)
        watched.publish()
        verdict = await watched.verdict()
    assert "received, worker vanished" in verdict.error.message
    assert "w2" in verdict.error.message


async def test_a_silent_worker_that_is_still_connected_is_only_busy() -> None:
    fleet = Fleet(has={"w2": []}, mute={"w2"}, queues={"q": EMPTY}, attached={"w2"})
    async with watching(fleet, SLOW) as watched:
        fleet.tell(Sign.ALIVE, "w2", interval=0.02)
        watched.publish()
        watched.report(Progress.STARTED, worker="w2")
        await anyio.sleep(0.3)
        assert fleet.asked == []
        fleet.attached.clear()
        fleet.has.clear()
        await watched.verdict()


async def test_a_worker_that_says_goodbye_has_time_to_end_what_it_runs() -> None:
    fleet = Fleet(has={}, queues={"q": EMPTY})
    async with watching(fleet, SLOW) as watched:
        fleet.tell(Sign.ALIVE, "w2", interval=100)
        watched.publish()
        watched.report(Progress.STARTED, worker="w2")
        fleet.tell(Sign.OFFLINE, "w2")
        await anyio.sleep(0.1)
        assert fleet.asked == []
        await watched.verdict()


async def test_a_worker_that_begins_anew_has_lost_what_it_had() -> None:
    fleet = Fleet(has={"w2": []}, queues={"q": EMPTY})
    async with watching(fleet, SLOW) as watched:
        fleet.tell(Sign.ALIVE, "w2", interval=100)
        watched.publish()
        watched.report(Progress.STARTED, worker="w2")
        fleet.tell(Sign.ONLINE, "w2", interval=100)
        await watched.verdict()


async def test_workers_have_time_to_come_back_after_the_broker_was_away() -> None:
    fleet = Fleet(has={}, queues={"q": EMPTY})
    async with watching(fleet, SLOW) as watched:
        fleet.tell(Sign.ALIVE, "w2", interval=0.1)
        watched.publish()
        watched.report(Progress.STARTED, worker="w2")
        await anyio.sleep(0.05)
        fleet.connected = False
        await anyio.sleep(0.4)
        fleet.generation, fleet.connected = 2, True
        fleet.has["w2"] = ["a"]
        await anyio.sleep(0.15)
        fleet.tell(Sign.ALIVE, "w2", interval=100)
        await anyio.sleep(0.4)
        assert watched.works == []


async def test_a_worker_that_vanishes_before_its_first_heartbeat_is_noticed() -> None:
    fleet = Fleet(has={}, queues={"q": EMPTY})
    made = Watching(fleet, SLOW)
    made.publish()
    async with anyio.create_task_group() as group:
        group.start_soon(made.dog.run)
        assert (await made.verdict()).id == "a"
        group.cancel_scope.cancel()


async def test_nothing_is_judged_while_the_broker_is_away() -> None:
    fleet = Fleet(has={}, queues={"q": EMPTY}, connected=False)
    async with watching(fleet) as watched:
        watched.publish()
        await anyio.sleep(0.4)
        assert watched.works == []
        fleet.connected = True
        await watched.verdict()


async def test_what_an_earlier_life_published_is_looked_for_when_workers_have_had_time_to_return() -> None:
    fleet = Fleet(has={"w1": ["here"]}, queues={"q": EMPTY})
    async with watching(fleet, SLOW) as watched:
        begun = anyio.current_time()
        watched.dog.take_over(
            Outstanding(id=TaskId(id), run_id=RunId("run"), task=NodeName("cook"), due=0.0, published_at=published)
            for id, published in (("here", 1.0), ("gone", 1.0), ("not sent yet", None))
        )
        assert (await watched.verdict()).id == "gone"
        assert len(watched.works) == 1
        assert anyio.current_time() - begun >= SLOW.reunion


async def test_an_event_that_tells_of_the_end_shortens_the_wait_for_the_completion() -> None:
    fleet = Fleet(has={"w1": []}, queues={"q": EMPTY})
    async with watching(fleet, SLOW) as watched:
        watched.publish()
        fleet.tell(Sign.ENDED, "w1", id="a")
        assert "finished, completion lost" in (await watched.verdict()).error.message


async def test_forgotten_attempts_leave_no_entries_behind() -> None:
    async with watching(Fleet(), SLOW) as watched:
        for number in range(20_000):
            watched.publish(str(number))
            watched.dog.forget([TaskId(str(number))])
        assert len(watched.dog) == 0
        assert len(watched.dog._deadlines._heap) < 2_000
