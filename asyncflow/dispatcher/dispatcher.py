"""The dispatcher: intake, decider, outbox and timers, side by side until it is stopped."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import anyio
import anyio.abc
from anyio.streams.memory import MemoryObjectSendStream

from asyncflow.dispatcher.cascade import Rules
from asyncflow.dispatcher.decider import Decider, DeciderSettings, World
from asyncflow.dispatcher.front import Desk, Front
from asyncflow.dispatcher.ids import TaskIds
from asyncflow.dispatcher.outbox import Outbox, OutboxSettings
from asyncflow.dispatcher.reader import ResultReader
from asyncflow.dispatcher.replies import Replies
from asyncflow.dispatcher.timers import Timers
from asyncflow.dispatcher.turn import Turn
from asyncflow.dispatcher.work import Work
from asyncflow.errors import EnvelopeError, RequestError
from asyncflow.model.commands import SetTimer
from asyncflow.model.events import AttemptFailed, Blame, TimerDue
from asyncflow.model.flow import Configuration, Selective
from asyncflow.model.names import FlowName, Json
from asyncflow.model.requests import REQUEST_TYPE, Request, decode_reply, decode_request, encode_refusal
from asyncflow.model.run import Selection, TaskError
from asyncflow.ports import Attempt, Broker, Clock, Codec, Delivery, Results, Store

_log = logging.getLogger("asyncflow.dispatcher")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatcherSettings:
    decider: DeciderSettings = field(default_factory=DeciderSettings)
    outbox: OutboxSettings = field(default_factory=OutboxSettings)
    intake: int = 1000
    """Deliveries taken from the broker at a time, at most."""


class Dispatcher:
    """`await dispatcher.run()` serves until cancelled; the broker and the store must be entered already."""

    def __init__(self, around: Surroundings, settings: DispatcherSettings | None = None) -> None:
        self._around = around
        self._settings = settings or DispatcherSettings()
        self._replies = Replies(around.broker)
        self._reader = ResultReader(around.configuration.tasks, around.store, around.results)
        self._outbox = Outbox(
            broker=around.broker,
            store=around.store,
            clock=around.clock,
            settings=self._settings.outbox,
            give_up=self._give_up,
        )
        self._timers = Timers(clock=around.clock, fire=self._fire)
        self._decider: Decider
        self._front: Front

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Continue what the store holds, then serve. Raises StoreError when that cannot be read."""
        async with anyio.create_task_group() as group:
            self._assemble(group)
            self._outbox.add(await self._around.store.unpublished())
            self._timers.add(await self._around.store.timers())
            for serve in (self._decider.run, self._outbox.run, self._timers.run, self._replies.run, self._take_in):
                group.start_soon(serve)
            _log.info("dispatching %d flows", len(self._around.configuration.flows))
            task_status.started()

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
        around = self._around
        rules = Rules(flows=around.configuration.flows, new_id=TaskIds(around.store.secret), select=around.select)
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
        )
        self._decider = Decider(world=world, rules=rules, reader=self._reader, settings=self._settings.decider)
        self._front = Front(
            Desk(
                configuration=around.configuration,
                store=around.store,
                reader=self._reader,
                clock=around.clock,
                submit=self._decider.submit,
                select=around.select,
                group=group,
            )
        )

    async def _take_in(self) -> None:
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
        self._decider.submit(Work(completion=completion, delivery=delivery))

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
            at=self._around.clock.now(), run_id=timer.run_id, kind=timer.kind, id=timer.id, attempt=timer.attempt
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
        self._front.watchers.notify(turn.entries, turn.runs)


def _send_if_open(send: MemoryObjectSendStream[bytes], body: bytes) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # the client has left
        send.send_nowait(body)
