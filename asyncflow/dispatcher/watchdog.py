"""What nobody reports: attempts whose worker vanished, or whose completion was lost, get a verdict here.

Rules: no verdict without a look around, and none at the first. An attempt is lost when twice in a row no worker
has it, no message waits in its queue, and everyone who might have it has answered. Where answers cannot be had,
patience ends after some leases. It is driven by heartbeats and deadlines: while all goes well it asks nobody.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import anyio

from asyncflow.dispatcher.attendance import Attendance
from asyncflow.dispatcher.deadlines import Deadlines
from asyncflow.dispatcher.evidence import Look, Watched, holders, lost, planned
from asyncflow.dispatcher.scout import Scout
from asyncflow.dispatcher.work import Work
from asyncflow.errors import BrokerError, ConnectionFailedError
from asyncflow.fleet import Exploration, Sign, WorkerReport, Workers
from asyncflow.model.events import AttemptFailed, Blame
from asyncflow.model.flow import Task
from asyncflow.model.names import Json, NodeName, RunId, TaskId
from asyncflow.model.run import Whereabouts
from asyncflow.ports import Attempt, Clock, Completion, Outstanding, Progress

_log = logging.getLogger("asyncflow.watchdog")

_AT_A_TIME = 500
"""Ids in one question to the workers."""
_MOST_GONE = 100
_SHORTEST_WAIT = 0.1
_MOST_SUSPECTS = 2000
"""Attempts of unknown whereabouts that are looked for when a worker vanishes: those that were published first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchdogSettings:
    """Seconds."""

    lease: float = 3600.0
    """How long nothing need be heard of an attempt, unless its task's limits say more."""
    queue_budget: float = 60.0
    """What a task's own limit is lengthened by, for waiting in its queue."""
    grace: float = 2.0
    """Between the two looks that make a verdict: a completion may be on its way."""
    answer: float = 2.0
    """How long workers have to answer."""
    pause: float = 10.0
    """Until the next look after one that said nothing; doubles up to the lease."""
    settle: float = 5.0
    """After a start: completions wait in our queue, and heartbeats are not heard yet."""
    reunion: float = 60.0
    """How long workers may take to come back after the broker or the dispatcher was away."""
    farewell: float = 60.0
    """How long a worker that said goodbye may take to end what it runs."""
    patience: float = 4.0
    """Leases after which evidence that cannot be had is waited for no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Senses:
    """What the watchdog perceives and acts through."""

    workers: Workers
    clock: Clock
    tasks: Mapping[NodeName, Task]
    submit: Callable[[Work], None]
    revoke: Callable[[TaskId], None]
    find: Callable[[Sequence[TaskId]], Awaitable[None]] | None = None
    """Looks where workers leave results, and submits what is there; raises ConnectionFailedError."""
    exploration: Exploration | None = None
    saw: Callable[[TaskId, RunId, str, float | None], None] | None = None
    """Told which worker has an attempt, and since when it runs there, where that is known."""


class Watchdog:
    def __init__(self, senses: Senses, settings: WatchdogSettings) -> None:
        self._senses = senses
        self._settings = settings
        self._attendance = Attendance(farewell=settings.farewell)
        self._watched: dict[TaskId, Watched] = {}
        """In the order in which they were published."""
        self._deadlines = Deadlines(self._watched)
        self._gone: deque[tuple[float, str]] = deque(maxlen=_MOST_GONE)
        """Workers that have vanished, and when, the latest last."""
        self._scout = Scout(
            senses.exploration,
            senses.workers,
            queues={task.queue for task in senses.tasks.values()},
            present=lambda: self._attendance.present,
            doubted=self._doubt,
        )
        self._changed = anyio.Event()
        self._generation = 0
        self._connected_at = senses.clock.now()

    def __len__(self) -> int:
        return len(self._watched)

    def __contains__(self, id: object) -> bool:
        return id in self._watched

    @property
    def ids(self) -> Collection[TaskId]:
        """A view, in which looking an id up costs nothing."""
        return self._watched.keys()

    # --- what it is told ----------------------------------------------------------------------------------------------

    def sending(self, attempts: Iterable[Attempt]) -> None:
        """These are on their way to the broker: from now on workers may report them."""
        now = self._senses.clock.now()
        for attempt in attempts:
            queue = "" if attempt.message.exchange else attempt.message.routing_key
            self._watch(attempt, queue, now, now + self._lease_of(attempt.task))

    def take_over(self, outstanding: Iterable[Outstanding]) -> None:
        """What an earlier life of the dispatcher has published: look for all of it soon."""
        now = self._senses.clock.now()
        for one in outstanding:
            if one.published_at is not None and one.id not in self._watched:
                task = self._senses.tasks.get(one.task)
                queue = "" if task is None or task.exchange else task.routing_key or task.queue
                self._watch(one, queue, one.published_at, now + self._settings.settle)

    def heard(self, completion: Completion) -> None:
        """A report of a worker: the attempt is alive, or over when the report is committed."""
        one = self._watched.get(completion.id)
        if one is None:
            return
        self._renew(one)
        if completion.worker:
            one.worker = completion.worker
        if completion.progress is Progress.RETRYING:
            one.worker = ""  # it goes back to its queue, where any worker may take it

    def forget(self, ids: Iterable[TaskId]) -> None:
        """These have their verdict."""
        for id in ids:
            self._watched.pop(id, None)

    # --- running ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._listen)
            group.start_soon(self._patrol)
            group.start_soon(self._scout.run)

    async def _listen(self) -> None:
        while True:
            reports = await self._senses.workers.reports()
            now = self._senses.clock.now()
            for report in reports:
                self._hear(report, now)

    def _hear(self, report: WorkerReport, now: float) -> None:
        is_new = report.worker not in self._attendance.present and report.sign is not Sign.OFFLINE
        if self._attendance.hear(report, now):
            _log.info("worker online again: %s", report.worker)
            self._accuse(report.worker, now)
        if is_new or report.sign is Sign.ONLINE:  # one that was restarted may have other settings
            self._scout.newcomer()
        if is_new or report.sign is Sign.OFFLINE:
            self._changed.set()
        one = None if report.id is None else self._watched.get(report.id)
        if one is None:
            return
        self._renew(one)
        self._found(one, report.worker, now if report.sign is Sign.STARTED else None)
        if report.completion is not None:
            self._senses.submit(Work(completion=report.completion))
        if report.sign is Sign.ENDED:  # its completion should be here any moment
            one.ended = True
            self._expect(one, now + self._settings.pause)

    async def _patrol(self) -> None:
        """Look for what is suspicious, for ever."""
        await self._muster()
        while True:
            now = self._senses.clock.now()
            self._notice_reconnection(now)
            await self._call_the_roll(now)
            suspects = self._deadlines.due(now, _AT_A_TIME)
            if suspects:
                await self._look_for(suspects)
            else:
                await self._wait()

    async def _muster(self) -> None:
        """See who is there. Who vanishes before that is on no roll: hence one look for all that is published by then."""
        try:
            answers = await self._senses.workers.ask("ping", {}, seconds=self._settings.answer)
        except BrokerError as exc:
            _log.warning("cannot call the roll: %s", exc)
            return
        now = self._senses.clock.now()
        for worker in answers.by_worker:
            self._attendance.hear(WorkerReport(sign=Sign.ALIVE, worker=worker), now)
        self._scout.newcomer()
        for one in self._watched.values():
            if not one.worker and one.deadline > now + self._settings.settle:
                self._expect(one, now + self._settings.settle)

    async def _wait(self) -> None:
        self._changed = anyio.Event()
        next_call = self._attendance.next_check if self._senses.workers.connected else float("inf")
        first = min(self._deadlines.first, next_call)
        seconds = max(_SHORTEST_WAIT, first - self._senses.clock.now())
        if not self._senses.workers.connected:
            seconds = min(seconds, self._settings.pause)
        with anyio.move_on_after(seconds):
            await self._changed.wait()

    def _notice_reconnection(self, now: float) -> None:
        generation = self._senses.workers.generation
        if generation != self._generation:
            if self._generation:
                self._attendance.excuse_all(now + self._settings.reunion)
                self._connected_at = now
            self._generation = generation

    async def _call_the_roll(self, now: float) -> None:
        """See who of the silent workers is gone."""
        if not self._senses.workers.connected:
            return
        for worker in self._attendance.overdue(now):
            try:
                attached = await self._senses.workers.is_attached(worker)
            except BrokerError:
                return
            if attached:  # too busy to send heartbeats, or stopped: the broker will tell when its connection breaks
                self._attendance.excuse(worker, now)
                continue
            self._attendance.strike_off(worker)
            self._gone.append((now, worker))
            _log.warning("worker gone: %s", worker)
            self._accuse(worker, now)

    def _accuse(self, worker: str, now: float) -> None:
        """This worker's life is over: look for what it had, and for what it may have had."""
        theirs = [one for one in self._watched.values() if one.worker == worker]
        unknown = (one for one in self._watched.values() if one.worker == "")
        for one in (*theirs, *islice(unknown, _MOST_SUSPECTS)):
            one.pause = self._settings.pause
            self._expect(one, now)

    def _doubt(self) -> None:
        """What has been sent may never be reported: look for it now and then."""
        now = self._senses.clock.now()
        for one in self._watched.values():
            self._expect(one, min(one.deadline, now + self._settings.pause))

    # --- deadlines ----------------------------------------------------------------------------------------------------

    def _watch(self, attempt: Attempt | Outstanding, queue: str, sent_at: float, deadline: float) -> None:
        lease = self._lease_of(attempt.task)
        one = self._watched[attempt.id] = Watched(
            id=attempt.id,
            run_id=attempt.run_id,
            task=attempt.task,
            queue=queue,
            sent_at=sent_at,
            lease=lease,
            deadline=deadline,
            patience_ends=deadline + (self._settings.patience - 1) * lease,
            pause=self._settings.pause,
        )
        self._expect(one, deadline)

    def _lease_of(self, name: NodeName) -> float:
        task = self._senses.tasks.get(name)
        limits = [limit for limit in (task.time_limit, task.timeout) if limit is not None] if task else []
        return max(limits) + self._settings.queue_budget if limits else self._settings.lease

    def _renew(self, one: Watched) -> None:
        """A sign of life. The heap is told when the old deadline comes."""
        now = self._senses.clock.now()
        one.deadline = now + one.lease
        one.patience_ends = now + self._settings.patience * one.lease
        one.pause = self._settings.pause
        one.missed_at = None

    def _expect(self, one: Watched, deadline: float) -> None:
        one.deadline = deadline
        self._deadlines.push(one)
        if one.deadline <= self._deadlines.first:
            self._changed.set()

    def _found(self, one: Watched, worker: str, since: float | None) -> None:
        """A worker has it, and runs it from now on where that is said. Its own clock may differ from ours."""
        one.worker = worker
        if self._senses.saw is not None:
            self._senses.saw(one.id, one.run_id, worker, since)

    # --- looking ------------------------------------------------------------------------------------------------------

    async def _look_for(self, suspects: Sequence[Watched]) -> None:
        try:
            look = await self._look_around(suspects)
            doomed = [one for one in suspects if self._is_lost(one, look)]
            if doomed and self._senses.find is not None:
                await self._senses.find([one.id for one in doomed])
        except ConnectionFailedError as exc:
            _log.warning("cannot look for %d attempts: %s", len(suspects), exc)
            for one in suspects:
                self._expect(one, self._senses.clock.now() + self._settings.pause)
            return
        for one in doomed:
            self._give_up(one)

    async def _look_around(self, suspects: Sequence[Watched]) -> Look:
        """Queues, then workers, then queues again: a message that moves meanwhile is seen in one of them."""
        workers, answer = self._senses.workers, self._settings.answer
        names = {one.queue for one in suspects if one.queue}
        present = self._attendance.present
        before = {name: await workers.queue(name) for name in names}
        ids: Json = [one.id for one in suspects]
        told = await workers.ask("query_task", {"ids": ids}, expected=present, seconds=answer)
        held = holders(told.by_worker)
        if any(one.missed_at is not None and one.id not in held for one in suspects):
            # Before a verdict: workers of Celery 5.6 keep tasks with an ETA, such as retries, elsewhere.
            held |= planned((await workers.ask("scheduled", {}, expected=present, seconds=answer)).by_worker)
        return Look(
            holders=held,
            queues={name: (before[name], await workers.queue(name)) for name in names},
            answered=len(told.by_worker),
            mute=frozenset(present - told.by_worker.keys()),
        )

    def _is_lost(self, one: Watched, look: Look) -> bool:
        """Weigh what is known of an attempt, and say when to look for it next unless it is lost."""
        if self._watched.get(one.id) is not one:
            return False
        now = self._senses.clock.now()
        if one.deadline > now:  # something was heard of it meanwhile
            self._expect(one, one.deadline)
            return False
        if one.id in look.holders:
            self._renew(one)
            self._found(one, look.holders[one.id], None)
            self._expect(one, one.deadline)
            return False
        if look.may_wait(one.queue) or (look.is_blind(one.queue) and now < one.patience_ends):
            one.missed_at = None
            self._expect(one, now + one.pause)
            one.pause = min(2 * one.pause, one.lease)
            return False
        back_by = self._connected_at + self._settings.reunion
        if one.sent_at < self._connected_at and now < back_by:  # its worker may be slower to return than we were
            one.missed_at = None
            self._expect(one, back_by)
            return False
        if one.missed_at is None:
            one.missed_at = now
        decided_at = one.missed_at + self._settings.grace
        if now < decided_at:
            self._expect(one, decided_at)
            return False
        return True

    def _give_up(self, one: Watched) -> None:
        if self._watched.get(one.id) is not one or one.missed_at is None:  # its result has been found
            return
        gone = [worker for at, worker in self._gone if at >= one.sent_at]
        error = lost(one, self._attendance.present, gone)
        _log.warning("lost: task %s (%s): %s", one.task, one.id, error.message)
        now = self._senses.clock.now()
        where = Whereabouts(worker=one.worker) if one.worker else None
        event = AttemptFailed(
            at=now, run_id=one.run_id, id=one.id, error=error, blame=Blame.INFRASTRUCTURE, where=where
        )
        self._expect(one, now + one.lease)  # until the verdict is committed
        self._senses.submit(Work(event=event, committed=lambda: self._senses.revoke(one.id)))
