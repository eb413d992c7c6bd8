"""The dispatcher: intake, decider, outbox and timers, side by side until it is stopped."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import cast

import anyio
import anyio.abc
from anyio.streams.memory import MemoryObjectSendStream

from asyncflow.dispatcher.cascade import Rules
from asyncflow.dispatcher.decider import Decider, DeciderSettings, World
from asyncflow.dispatcher.front import Desk, Front
from asyncflow.dispatcher.headway import Headway, Progressed, Seen
from asyncflow.dispatcher.ids import TaskIds
from asyncflow.dispatcher.looks import Looks
from asyncflow.dispatcher.outbox import Follower, Outbox, OutboxSettings, Waiting
from asyncflow.dispatcher.overview import Overview, Survey, Surveyed
from asyncflow.dispatcher.place import Place
from asyncflow.dispatcher.reader import ResultReader
from asyncflow.dispatcher.replies import Replies
from asyncflow.dispatcher.reports import Live
from asyncflow.dispatcher.schedules import Schedules, is_of
from asyncflow.dispatcher.statistics import Statistics
from asyncflow.dispatcher.stories import Stories
from asyncflow.dispatcher.timers import Timers
from asyncflow.dispatcher.tracing import Tracing
from asyncflow.dispatcher.turn import Turn
from asyncflow.dispatcher.watchdog import Senses, Watchdog, WatchdogSettings
from asyncflow.dispatcher.work import Work
from asyncflow.errors import EnvelopeError, RequestError, StoreError
from asyncflow.fleet import Exploration, ResultBackend, Workers
from asyncflow.model.commands import SetTimer
from asyncflow.model.events import AttemptFailed, Blame, TimerDue
from asyncflow.model.flow import Configuration, Selective
from asyncflow.model.names import FlowName, Json, TaskId
from asyncflow.model.outline import outline_of
from asyncflow.model.phrases import counted
from asyncflow.model.requests import REQUEST_TYPE, Request, decode_reply, decode_request, encode_refusal
from asyncflow.model.run import Selection, TaskError
from asyncflow.model.spans import EmitSpansLater
from asyncflow.model.trace_events import EmitLater
from asyncflow.ports import Attempt, Batch, Broker, Clock, Codec, Completion, Delivery, Results, Store

_log = logging.getLogger("asyncflow.dispatcher")

DRAIN_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Everything that a dispatcher is given."""

    configuration: Configuration
    broker: Broker
    store: Store
    codec: Codec
    results: Results
    clock: Clock
    select: Callable[[FlowName, Selective], Selection]
    workers: Workers | None = None
    """Without them nobody looks for attempts that are not reported."""
    backend: ResultBackend | None = None
    exploration: Exploration | None = None
    trace: EmitLater | None = None
    """Who is told, in trace events, of what is decided."""
    place: Place = field(default_factory=Place)
    spans: EmitSpansLater | None = None
    keeps_schedules: bool = True
    """Whether runs are started by the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatcherSettings:
    decider: DeciderSettings = field(default_factory=DeciderSettings)
    outbox: OutboxSettings = field(default_factory=OutboxSettings)
    watchdog: WatchdogSettings = field(default_factory=WatchdogSettings)
    intake: int = 1000
    """Deliveries taken from the broker at a time, at most."""


class Dispatcher:
    """`await dispatcher.run()` serves one partition until cancelled; broker and store must be entered already."""

    def __init__(self, around: Surroundings, settings: DispatcherSettings | None = None) -> None:
        self._around = around
        self._settings = settings or DispatcherSettings()
        self._replies = Replies(around.broker)
        self._reader = ResultReader(around.configuration.tasks, around.store, around.results)
        self._headway = Headway(clock=around.clock, tell=self._tell_progress, tell_seen=self._tell_seen)
        self._watchdog = self._watchdog_of(around)
        self._outbox = Outbox(
            broker=around.broker,
            store=around.store,
            clock=around.clock,
            settings=self._settings.outbox,
            follower=self._follower(),
        )
        self._timers = Timers(clock=around.clock, fire=self._fire)
        self._live = Live(
            waiting=self._outbox.waiting, progress=self._headway.newest, whereabouts=self._headway.whereabouts
        )
        self._decider: Decider
        self._front: Front
        self._intake = anyio.CancelScope()
        self._group: anyio.abc.TaskGroup

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Continue what the store holds, then serve.

        Raises StoreError when that cannot be read, and LeaseLostError when the partition is another dispatcher's.
        """
        around = self._around
        ours = [around.place.partition]
        async with anyio.create_task_group() as group:
            self._assemble(group)
            flows = self._around.configuration.flows.values()
            await self._around.store.keep_outlines([outline_of(flow) for flow in flows], self._around.clock.now())
            self._outbox.add(await self._around.store.unpublished(ours))
            self._timers.add(await self._around.store.timers(ours))
            for part in (self._decider, self._outbox, self._timers, self._replies, self._headway):
                group.start_soon(part.run)
            group.start_soon(self._take_in)
            if around.keeps_schedules:
                group.start_soon(self._schedules(around).run)
            if self._watchdog is not None:
                now = self._around.clock.now()
                self._watchdog.take_over(await self._around.store.outstanding(now, ours))
                group.start_soon(self._watchdog.run)
            if self._around.backend is not None:
                group.start_soon(self._around.backend.listen, self._in_flight, self._take_result)
            _log.info("dispatching %s", counted(len(self._around.configuration.flows), "flow"))
            task_status.started()

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Take nothing more in, and finish what is begun; what is not finished in time is left to who comes next."""
        self._intake.cancel()
        with anyio.move_on_after(seconds):
            await self._decider.wait_idle()
            await self._outbox.wait_flushed()
            await self._front.hand_over()
            await self._replies.wait_sent()
            with suppress(StoreError):  # what was marked as published is written with it
                await self._around.store.commit(Batch(fences=self._around.place.fences))

    @property
    def connected(self) -> bool:
        """Always: requests of this process need no broker."""
        return True

    @asynccontextmanager
    async def answers(self, request: Request) -> AsyncIterator[AsyncIterator[dict[str, Json]]]:
        """The `Line` of clients in this process: they get the answers that clients over the broker get."""
        send, receive = anyio.create_memory_object_stream[bytes](float("inf"))

        async def decoded() -> AsyncIterator[dict[str, Json]]:
            async for body in receive:
                yield decode_reply(body)

        with send, receive:
            self._front.handle(request, lambda body: _send_if_open(send, body), None, lambda _: None)
            yield decoded()

    def _assemble(self, group: anyio.abc.TaskGroup) -> None:
        self._group = group
        around = self._around
        rules = Rules(
            flows=around.configuration.flows,
            new_id=TaskIds(around.store.secret),
            select=around.select,
            tasks=around.configuration.tasks,
        )
        world = World(
            broker=around.broker,
            store=around.store,
            codec=around.codec,
            results=around.results,
            clock=around.clock,
            outbox=self._outbox,
            timers=self._timers,
            committed=self._tell,
            group=group,
            place=around.place,
            headway=self._headway,
            trace=self._trace(),
        )
        self._decider = Decider(world=world, rules=rules, reader=self._reader, settings=self._settings.decider)
        self._front = Front(
            Desk(
                configuration=around.configuration,
                place=around.place,
                broker=around.broker,
                store=around.store,
                reader=self._reader,
                looks=self._looks(),
                clock=around.clock,
                submit=self._decider.submit,
                select=around.select,
                group=group,
                live=self._live,
            )
        )

    def _looks(self) -> Looks:
        around = self._around
        surveyed = Surveyed(
            store=cast(Survey, around.store),  # every store is more than the `Store` that dispatching needs
            outbox=self._outbox,
            configuration=around.configuration,
            clock=around.clock,
            workers=around.workers,
        )
        return Looks(
            store=around.store,
            stories=Stories(around.store, self._reader, around.clock, self._live),
            overview=Overview(surveyed),
            statistics=Statistics(around.store),
            schedules=around.configuration.schedules,
            clock=around.clock,
        )

    @property
    def outbox_size(self) -> int:
        """Attempts that are committed and not known to be published."""
        return len(self._outbox)

    @property
    def trouble(self) -> str:
        """Why nothing can be decided just now; empty where all is well."""
        return self._decider.trouble

    def _schedules(self, around: Surroundings) -> Schedules:
        """Those that this partition sees to."""
        ours = [one for one in around.configuration.schedules.values() if is_of(one.name, around.place)]
        return Schedules(schedules=ours, store=around.store, clock=around.clock, submit=self._decider.submit)

    def _trace(self) -> Callable[[Turn], None] | None:
        around = self._around
        if around.trace is None and around.spans is None:
            return None
        return Tracing(around.configuration.flows, around.trace, around.spans).committed

    async def _take_in(self) -> None:
        with self._intake:
            while True:
                for delivery in await self._around.broker.receive(self._settings.intake):
                    if delivery.type == REQUEST_TYPE:
                        await self._take_request(delivery)
                    else:
                        await self._take_completion(delivery)

    async def _take_request(self, delivery: Delivery) -> None:
        send = self._replies.to(delivery)
        try:
            request = decode_request(delivery.body)
        except RequestError as exc:
            send(encode_refusal(exc))
            await self._refuse(delivery, str(exc))
            return
        self._front.handle(request, send, delivery, self._ack_later)

    async def _take_completion(self, delivery: Delivery) -> None:
        try:
            completion = self._around.codec.decode_completion(delivery)
        except EnvelopeError as exc:
            await self._refuse(delivery, str(exc))
            return
        self._submit(completion, delivery)

    def _submit(self, completion: Completion, delivery: Delivery | None) -> None:
        if self._watchdog is not None:
            self._watchdog.heard(completion)
        self._decider.submit(Work(completion=completion, delivery=delivery))

    # --- what nobody reports ------------------------------------------------------------------------------------------

    def _watchdog_of(self, around: Surroundings) -> Watchdog | None:
        if around.workers is None:
            return None
        senses = Senses(
            workers=around.workers,
            clock=around.clock,
            tasks=around.configuration.tasks,
            submit=lambda work: self._decider.submit(work),  # noqa: PLW0108  (the decider is made later)
            revoke=self._revoke,
            find=None if around.backend is None else self._find,
            exploration=around.exploration,
            saw=self._headway.saw,
        )
        return Watchdog(senses, self._settings.watchdog)

    def _follower(self) -> Follower:
        watchdog = self._watchdog
        if watchdog is None:
            return Follower(give_up=self._give_up, waiting=self._tell_waiting)
        return Follower(
            give_up=self._give_up,
            sending=watchdog.sending,
            not_sent=watchdog.forget,
            waiting=self._tell_waiting,
        )

    def _tell_waiting(self, waiting: Sequence[Waiting]) -> None:
        self._front.tell_waiting(waiting)

    def _tell_progress(self, progressed: Sequence[Progressed]) -> None:
        self._front.watchers.notify_progress(progressed)

    def _tell_seen(self, seen: Sequence[Seen]) -> None:
        self._front.watchers.notify_seen(seen, self._decider.root_of)

    def _revoke(self, id: TaskId) -> None:
        """A lost attempt that turns up after all need not run."""
        message = self._around.codec.encode_revoke([id], terminate=False)
        self._group.start_soon(self._around.broker.publish, [message])

    def _in_flight(self) -> Collection[TaskId]:
        """Attempts whose result may be left somewhere, those included that are just being sent."""
        return () if self._watchdog is None else self._watchdog.ids

    async def _find(self, ids: Sequence[TaskId]) -> None:
        assert self._around.backend is not None, "asked only where there is one"
        for delivery in await self._around.backend.fetch(ids):
            self._take_result(delivery)

    def _take_result(self, delivery: Delivery) -> None:
        """One that a worker has left in its result backend: there is nothing to acknowledge."""
        try:
            completion = self._around.codec.decode_completion(delivery)
        except EnvelopeError as exc:
            _log.warning("unreadable result: %s", exc)
            return
        self._submit(completion, None)

    async def _refuse(self, delivery: Delivery, reason: str) -> None:
        """Nobody understands it: keep it for people, and go on."""
        self._decider.counts.unknown += 1
        _log.warning("parked: %s", reason)
        await self._around.broker.park(delivery, reason)
        await self._around.broker.ack([delivery])

    def _ack_later(self, delivery: Delivery) -> None:
        self._decider.acknowledge(delivery)

    def _fire(self, timer: SetTimer) -> None:
        event = TimerDue(
            at=self._around.clock.now(),
            run_id=timer.run_id,
            kind=timer.kind,
            id=timer.id,
            attempt=timer.attempt,
            where=None if timer.id is None else self._headway.where(timer.id),
        )
        self._decider.submit(Work(event=event, timer=timer))

    def _give_up(self, attempt: Attempt) -> None:
        queue = attempt.message.routing_key
        error = TaskError(
            type="UnroutableError",
            message=f"no queue named {queue!r} exists; start a worker with `-Q {queue}`",
            module="asyncflow",
        )
        now = self._around.clock.now()
        event = AttemptFailed(at=now, run_id=attempt.run_id, id=attempt.id, error=error, blame=Blame.REVOKED)
        self._decider.submit(Work(event=event))

    def _tell(self, turn: Turn) -> None:
        if self._watchdog is not None:
            self._watchdog.forget(verdict.id for verdict in turn.verdicts)
        self._front.watchers.notify(turn.entries, turn.runs)


def _send_if_open(send: MemoryObjectSendStream[bytes], body: bytes) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # the client has left
        send.send_nowait(body)
