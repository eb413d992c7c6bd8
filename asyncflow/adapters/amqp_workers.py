"""The workers on a RabbitMQ broker: their heartbeats, their answers, and the queues they consume.

Nothing is declared but a queue of our own that goes with its connection. Whether other queues exist is asked over
channels that are thrown away, for a refused question closes its channel.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from uuid import uuid4

from aio_pika.abc import AbstractConnection
from aiormq import exceptions as refused

from asyncflow.adapters.amqp_address import Address
from asyncflow.adapters.amqp_connection import FOREIGN_ERRORS, Broken, LastingConnection, is_stray, raise_if_cancelled
from asyncflow.adapters.amqp_inbox import Inbox
from asyncflow.adapters.amqp_lanes import LaneConnection
from asyncflow.adapters.amqp_publisher import Publisher
from asyncflow.adapters.amqp_topology import Topology
from asyncflow.errors import BrokerError, EnvelopeError
from asyncflow.fleet import Answers, FleetCodec, QueueState, WorkerReport
from asyncflow.model.names import Json
from asyncflow.ports import Delivery, Published

_EVENT_EXCHANGE = "celeryev"
_EVENT_KEYS = ("worker.#", "task.#")
_LOOK_AGAIN = 2.0
"""How often to look for the exchange of events, which the first worker makes."""
_PASSIVE_SECONDS = 10.0
_AT_A_TIME = 500

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Question:
    """One that waits for answers."""

    expected: frozenset[str]
    answers: dict[str, Json] = field(default_factory=dict)
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_complete(self) -> bool:
        return self.expected <= self.answers.keys()


class AmqpWorkers:
    """Fulfils `fleet.Workers`."""

    def __init__(self, url: str, *, codec: FleetCodec, name: str = "asyncflow", heartbeat: int = 30) -> None:
        self._name = name
        self._codec = codec
        self._address = Address(url)
        self._publisher = Publisher(own_exchange="", confirm_seconds=max(10.0, 2.0 * heartbeat))
        self._inbox = Inbox(prefetch=None)
        self._lasting = LastingConnection(
            self._address, name=f"{name} workers", heartbeat=heartbeat, open=self._open, lost=self._lost
        )
        self._connection: AbstractConnection | None = None
        self._queue = ""
        self._generation = 0
        self._questions: dict[str, _Question] = {}
        self._reports: list[WorkerReport] = []
        self._reported = asyncio.Event()
        self._unbound = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._children: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._lasting.connect()
        await self._tasks.__aenter__()
        self._children = [self._tasks.create_task(run()) for run in (self._lasting.keep, self._take, self._bind)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for child in self._children:
            child.cancel()
        # Without the exception: the group would wrap it in an ExceptionGroup on its way out.
        await self._tasks.__aexit__(None, None, None)
        self._lost()
        await self._lasting.close()

    @property
    def generation(self) -> int:
        return self._generation

    @property
    def connected(self) -> bool:
        return self._lasting.connected

    async def reports(self) -> list[WorkerReport]:
        while not self._reports:
            self._reported.clear()
            await self._reported.wait()
        reports, self._reports = self._reports, []
        return reports

    async def ask(
        self, method: str, arguments: Mapping[str, Json], *, expected: Collection[str] = (), seconds: float = 2.0
    ) -> Answers:
        ticket = uuid4().hex
        question = self._questions[ticket] = _Question(frozenset(expected))
        try:
            message = self._codec.encode_control(method, arguments, reply_to=self._queue, ticket=ticket)
            [outcome] = await self._publisher.publish([message])
            if outcome is Published.UNKNOWN:
                raise BrokerError(f"the AMQP broker at {self._address} was lost while workers were asked")
            if outcome is Published.CONFIRMED:  # otherwise there is nobody to answer
                await self._wait_for_answers(question, seconds)
            return Answers(by_worker=question.answers, complete=question.is_complete)
        finally:
            del self._questions[ticket]

    async def order(self, method: str, workers: Collection[str]) -> None:
        [outcome] = await self._publisher.publish([self._codec.encode_order(method, workers)])
        if outcome is Published.UNKNOWN:
            raise BrokerError(f"the AMQP broker at {self._address} was lost while workers were told")

    async def queue(self, name: str) -> QueueState | None:
        """One that is another connection's own cannot be looked into, and counts as empty with one consumer."""
        connection = self._connection
        if connection is None:
            raise BrokerError(f"the AMQP broker at {self._address} is not connected")
        try:
            async with asyncio.timeout(_PASSIVE_SECONDS):
                channel = await connection.channel(publisher_confirms=False)
                raw = await channel.get_underlay_channel()
                told = await raw.queue_declare(name, passive=True)
                await channel.close()
        except refused.ChannelNotFoundEntity:
            return None
        except refused.ChannelLockedResource:
            return QueueState(messages=0, consumers=1)
        except (*FOREIGN_ERRORS, asyncio.CancelledError) as exc:
            if isinstance(exc, asyncio.CancelledError) and not is_stray(exc):
                raise
            raise BrokerError(f"the AMQP broker at {self._address} did not tell of queue {name!r}: {exc}") from exc
        return QueueState(messages=told.message_count or 0, consumers=told.consumer_count or 0)

    async def has_quorum(self, topology: Topology) -> bool:
        """Whether the queue of a dispatcher, which must exist, is a quorum queue. Raises BrokerError."""
        connection = self._connection
        if connection is None:
            raise BrokerError(f"the AMQP broker at {self._address} is not connected")
        try:
            async with asyncio.timeout(_PASSIVE_SECONDS):
                return await topology.is_quorum(connection)
        except FOREIGN_ERRORS as exc:
            raise BrokerError(f"the AMQP broker at {self._address} did not tell of our queue: {exc}") from exc

    async def is_attached(self, worker: str) -> bool:
        state = await self.queue(self._codec.control_queue(worker))
        return state is not None and state.consumers > 0

    async def _wait_for_answers(self, question: _Question, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not question.expected or not question.is_complete:
                    question.answered.clear()
                    await question.answered.wait()
        except TimeoutError:
            return

    # --- what comes in ------------------------------------------------------------------------------------------------

    async def _take(self) -> None:
        while True:
            for delivery in await self._inbox.receive(_AT_A_TIME):
                try:
                    self._sort(delivery)
                except EnvelopeError as exc:  # anyone may publish events; there is nothing to keep of them
                    _log.debug("workers.unreadable reason=%s", exc)

    def _sort(self, delivery: Delivery) -> None:
        if "ticket" in delivery.headers:
            ticket, answers = self._codec.decode_answer(delivery)
            question = self._questions.get(ticket)
            if question is not None:
                question.answers.update(answers)
                question.answered.set()
        elif reports := self._codec.decode_reports(delivery):
            self._reports.extend(reports)
            self._reported.set()

    # --- the connection -----------------------------------------------------------------------------------------------

    async def _open(self, connection: LaneConnection, broken: Broken) -> None:
        queue = f"{self._name}.workers.{uuid4().hex}"
        async with connection.channel() as channel:
            raw = await channel.get_underlay_channel()
            await raw.queue_declare(queue, exclusive=True, auto_delete=True)
        await self._inbox.attach(connection, queue, broken)
        await self._publisher.attach(connection, broken)
        self._connection, self._queue = connection, queue
        self._generation += 1
        self._unbound.set()

    def _lost(self) -> None:
        self._connection = None
        self._unbound.clear()
        self._inbox.detach()
        self._publisher.detach()

    async def _bind(self) -> None:
        """Ask for the events on each new connection, as soon as there is an exchange for them."""
        while True:
            await self._unbound.wait()
            generation = self._generation
            bound = await self._try_to_bind()
            raise_if_cancelled()
            if not bound:
                await asyncio.sleep(_LOOK_AGAIN)
            elif generation == self._generation:
                self._unbound.clear()

    async def _try_to_bind(self) -> bool:
        connection, queue = self._connection, self._queue
        if connection is None:
            return False
        try:
            async with asyncio.timeout(_PASSIVE_SECONDS):
                channel = await connection.channel(publisher_confirms=False)
                raw = await channel.get_underlay_channel()
                for key in _EVENT_KEYS:
                    await raw.queue_bind(queue, _EVENT_EXCHANGE, key)
                await channel.close()
        except (*FOREIGN_ERRORS, asyncio.CancelledError) as exc:
            if isinstance(exc, asyncio.CancelledError) and not is_stray(exc):
                raise
            return False
        return True
