"""Committed attempts on their way to the broker. What is not confirmed is sent again, under the same id."""

from __future__ import annotations

import heapq
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import anyio

from asyncflow.model.names import NodeName, RunId, TaskId
from asyncflow.ports import Attempt, Broker, Clock, Published, Store

_log = logging.getLogger("asyncflow.outbox")

_IN_FLIGHT = 256
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 30.0
_LAGS = 1_000
_LONGEST_WITHOUT_QUEUE, _PROBES = 5.0, 200
"""Who has just started a worker waits for its first task; but no more probes a second than these, where many wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSettings:
    unroutable_after: float = 300.0
    """Seconds after which an attempt fails for which no queue has appeared."""
    broker_outlives_us: bool = True
    """Otherwise a message that was confirmed is lost with this process, and must be sent again by the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An attempt for which no queue exists. `since` is None once it has found one."""

    id: TaskId
    run_id: RunId
    task: NodeName
    queue: str
    since: float | None


def _ignore(_: object) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """Who is told what becomes of attempts."""

    give_up: Callable[[Attempt], None]
    sending: Callable[[Sequence[Attempt]], None] = _ignore
    """Before they are sent: a worker may report one before its confirmation is here."""
    not_sent: Callable[[Sequence[TaskId]], None] = _ignore
    waiting: Callable[[Sequence[Waiting]], None] = _ignore
    """Those that begin to wait for a queue, and those that have found one after all."""


class Outbox:
    """Holds attempts until they are due, publishes them in batches, and follows up on every outcome."""

    def __init__(
        self,
        *,
        broker: Broker,
        store: Store,
        clock: Clock,
        settings: OutboxSettings,
        follower: Follower,
    ) -> None:
        self._broker = broker
        self._store = store
        self._clock = clock
        self._settings = settings
        self._follower = follower
        self._due: list[tuple[float, int, Attempt]] = []
        self._sequence = 0
        self._held: dict[TaskId, int] = {}
        """Attempts in the heap, and how often each has been sent in vain."""
        self._waiting: dict[TaskId, Waiting] = {}
        self.lags: deque[float] = deque(maxlen=_LAGS)
        """Of the last attempts: seconds from when each was due until the broker had it."""
        self._changed = anyio.Event()
        self._is_sending = False
        self._flushed = anyio.Event()

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, id: object) -> bool:
        return id in self._held

    def add(self, attempts: Iterable[Attempt]) -> None:
        for attempt in attempts:
            if attempt.id not in self._held:
                self._held[attempt.id] = 0
                self._push(attempt, attempt.due)
        self._changed.set()

    def forget(self, ids: Iterable[TaskId]) -> None:
        """These need not be sent any more."""
        for id in ids:
            self._held.pop(id, None)
            self._waiting.pop(id, None)

    @property
    def waiting(self) -> Mapping[TaskId, Waiting]:
        """Attempts for which no queue exists yet."""
        return self._waiting

    async def run(self) -> None:
        """Publish what is due, for ever."""
        while True:
            attempts = self._take(self._clock.now())
            self._is_sending = bool(attempts)
            if attempts:
                await self._publish(attempts)
            else:
                self._flushed.set()
                await self._wait()

    async def wait_flushed(self) -> None:
        """Until all that is due has been sent once."""
        while self._is_sending or (self._due and self._due[0][0] <= self._clock.now()):
            self._flushed = anyio.Event()
            await self._flushed.wait()

    def _push(self, attempt: Attempt, due: float) -> None:
        self._sequence += 1
        heapq.heappush(self._due, (due, self._sequence, attempt))

    def _take(self, now: float) -> list[Attempt]:
        taken: list[Attempt] = []
        while self._due and self._due[0][0] <= now and len(taken) < _IN_FLIGHT:
            attempt = heapq.heappop(self._due)[2]
            if attempt.id in self._held:
                taken.append(attempt)
        return taken

    async def _wait(self) -> None:
        """Until the next is due, or something is added."""
        self._changed = anyio.Event()
        if not self._due:
            await self._changed.wait()
            return
        with anyio.move_on_after(max(0.0, self._due[0][0] - self._clock.now())):
            await self._changed.wait()

    async def _publish(self, attempts: Sequence[Attempt]) -> None:
        await self._broker.wait_connected()
        self._follower.sending(attempts)
        outcomes = await self._broker.publish([attempt.message for attempt in attempts])
        confirmed = []
        told: list[Waiting] = []
        now = self._clock.now()
        for attempt, outcome in zip(attempts, outcomes, strict=True):
            waiting = self._waiting.get(attempt.id)
            if outcome is Published.CONFIRMED:
                confirmed.append(attempt.id)
                self.lags.append(now - attempt.due)
                self.forget([attempt.id])
                if waiting is not None:
                    told.append(replace(waiting, since=None))
            else:
                self._follower.not_sent([attempt.id])
                if attempt.id in self._held:
                    self._try_again(attempt, outcome)
                    if waiting is None and attempt.id in self._waiting:
                        told.append(self._waiting[attempt.id])
        if told:
            self._follower.waiting(told)
        if confirmed and self._settings.broker_outlives_us:
            await self._store.mark_published(confirmed, self._clock.now())

    def _try_again(self, attempt: Attempt, outcome: Published) -> None:
        now = self._clock.now()
        tries = self._held[attempt.id] = self._held[attempt.id] + 1
        if outcome is Published.UNROUTABLE:
            queue = attempt.message.routing_key
            first = self._since(attempt, now)
            if tries == 1:
                _log.warning(
                    "unroutable: task %s waits, no queue %r; start a worker with -Q %s", attempt.task, queue, queue
                )
            if now - first >= self._settings.unroutable_after:
                self.forget([attempt.id])
                self._follower.give_up(attempt)
                return
        elif tries == 1:
            _log.warning("not published: task %s is sent again (%s)", attempt.task, outcome.value)
        longest = _LONGEST_WAIT
        if outcome is Published.UNROUTABLE:
            longest = min(longest, max(_LONGEST_WITHOUT_QUEUE, len(self._waiting) / _PROBES))
        self._push(attempt, now + min(longest, _FIRST_WAIT * 2 ** min(tries, 10)))

    def _since(self, attempt: Attempt, now: float) -> float:
        """When it was first found to have no queue."""
        known = self._waiting.get(attempt.id)
        if known is None:
            queue = attempt.message.routing_key
            known = Waiting(id=attempt.id, run_id=attempt.run_id, task=attempt.task, queue=queue, since=now)
            self._waiting[attempt.id] = known
        return now if known.since is None else known.since
