"""Deliveries of one queue, in order, acknowledged to the channel that they came over."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiormq.abc import DeliveredMessage
from pamqp.common import FieldValue

from asyncflow.adapters import amqp_properties
from asyncflow.adapters.amqp_connection import Broken
from asyncflow.adapters.amqp_frames import BODY, DELIVER, HEADER, METHOD, ack_frame, delivered, method_of
from asyncflow.adapters.amqp_lanes import LaneConnection
from asyncflow.ports import Delivery

_ACK_DELAY = 0.01
"""Seconds that an acknowledgement may wait for others: for each one a quorum queue writes to its disk."""
_ACKS_MOST = 200


@dataclass(slots=True, eq=False)
class _Generation:
    """One channel's deliveries. Tags count from 1 on each channel, so they mean nothing on another."""

    connection: LaneConnection
    channel: int
    broken: Broken
    unacknowledged: dict[int, None] = field(default_factory=dict)
    """In the order of their arrival."""
    settled: list[int] = field(default_factory=list)
    """To be acknowledged with the next write."""
    timer: asyncio.TimerHandle | None = None

    def acknowledge(self, number: int, *, multiple: bool = False) -> None:
        self.connection.write(ack_frame(number, self.channel, multiple=multiple))


@dataclass(frozen=True, slots=True)
class _Tag:
    generation: _Generation
    number: int


class _Assembly:
    """Puts deliveries together from their frames: a method, a content header, and as many bodies as it takes."""

    def __init__(self, generation: _Generation, arrive: Callable[[Delivery, _Tag], None]) -> None:
        self._generation = generation
        self._arrive = arrive
        self._number = 0
        self._redelivered = False
        self._header = b""
        self._size = 0
        self._bodies: list[bytes] = []

    def take(self, kind: int, payload: bytes) -> bool:
        """A frame of the channel: whether it was part of a delivery."""
        if kind == METHOD:
            if method_of(payload) != DELIVER:
                return False
            self._number, self._redelivered = delivered(payload)
            return True
        if kind == HEADER:
            self._header, self._size, self._bodies = payload, amqp_properties.body_size(payload), []
        elif kind == BODY:
            self._size -= len(payload)
            self._bodies.append(payload)
        if self._size == 0:
            self._finish()
        return True

    def _finish(self) -> None:
        told = amqp_properties.read(self._header)
        tag = _Tag(self._generation, self._number)
        delivery = Delivery(
            body=b"".join(self._bodies),
            headers=told.headers,
            type=told.type,
            content_type=told.content_type,
            content_encoding=told.content_encoding,
            correlation_id=told.correlation_id,
            reply_to=told.reply_to,
            redelivered=self._redelivered,
            tag=tag,
        )
        self._bodies = []
        self._arrive(delivery, tag)


class Inbox:
    """What has arrived and nobody has taken yet.

    With a `prefetch` deliveries must be acknowledged, and those of a channel that is gone are forgotten, for
    the broker delivers them again. Without one they count as acknowledged when they are sent. Of several consumers
    of a queue the broker serves the one of the highest `priority`.
    """

    def __init__(self, *, prefetch: int | None, priority: int = 0) -> None:
        self._prefetch = prefetch
        self._arguments: dict[str, FieldValue] = {"x-priority": priority} if priority else {}
        self._generation: _Generation | None = None
        self._arrived: deque[Delivery] = deque()
        self._news = asyncio.Event()

    async def attach(self, connection: LaneConnection, queue: str, broken: Broken) -> None:
        """Consume a queue. A channel that closes, or a queue that is deleted, takes the connection with it."""
        channel = await connection.channel(publisher_confirms=False)
        channel.close_callbacks.add(lambda *_: broken())
        raw = await channel.get_underlay_channel()
        raw.on_consumer_cancel_callbacks.add(lambda *_: broken())
        if self._prefetch is not None:
            await raw.basic_qos(prefetch_count=self._prefetch)
        generation = self._generation = _Generation(connection, raw.number, broken)
        connection.add_lane(raw.number, _Assembly(generation, self._arrive).take)
        await raw.basic_consume(queue, _never, no_ack=self._prefetch is None, arguments=self._arguments)

    def flush(self) -> None:
        """Acknowledge now what waits for that."""
        if self._generation is not None:
            _write_acknowledgements(self._generation)

    def detach(self) -> None:
        if self._generation is not None and self._generation.timer is not None:
            self._generation.timer.cancel()
        self._generation = None
        if self._prefetch is not None:
            self._arrived.clear()

    async def receive(self, most: int) -> list[Delivery]:
        while not self._arrived:
            self._news.clear()
            await self._news.wait()
        return [self._arrived.popleft() for _ in range(min(most, len(self._arrived)))]

    def is_current(self, delivery: Delivery) -> bool:
        return isinstance(delivery.tag, _Tag) and delivery.tag.generation is self._generation

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        generation = self._generation
        if generation is None:
            return
        unacknowledged = generation.unacknowledged
        # Who is not in there any more has been acknowledged; a second time would close the channel.
        generation.settled += [
            delivery.tag.number
            for delivery in deliveries
            if isinstance(delivery.tag, _Tag) and delivery.tag.generation is generation
            if unacknowledged.pop(delivery.tag.number, delivery) is None
        ]
        if len(generation.settled) >= _ACKS_MOST:
            _write_acknowledgements(generation)
        elif generation.settled and generation.timer is None:
            # Together, and behind what follows from them: publishing that is more urgent.
            loop = asyncio.get_running_loop()
            generation.timer = loop.call_later(_ACK_DELAY, _write_acknowledgements, generation)

    def _arrive(self, delivery: Delivery, tag: _Tag) -> None:
        if tag.generation is not self._generation:
            return
        if self._prefetch is not None:
            tag.generation.unacknowledged[tag.number] = None
        self._arrived.append(delivery)
        self._news.set()


async def _never(message: DeliveredMessage) -> None:
    """What aiormq would call with a message, if it got to see one."""


def _write_acknowledgements(generation: _Generation) -> None:
    if generation.timer is not None:
        generation.timer.cancel()
        generation.timer = None
    numbers, generation.settled = generation.settled, []
    try:
        _acknowledge(generation, numbers)
    except ConnectionError:
        generation.broken()  # so that the broker delivers them again


def _acknowledge(generation: _Generation, numbers: Sequence[int]) -> None:
    """One acknowledgement for all up to the first that is still open, one each for those behind it."""
    oldest = next(iter(generation.unacknowledged), None)
    together = [number for number in numbers if oldest is None or number < oldest]
    if together:
        generation.acknowledge(max(together), multiple=True)
    for number in numbers:
        if oldest is not None and number > oldest:
            generation.acknowledge(number)
