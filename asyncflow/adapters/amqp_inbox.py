"""Deliveries of one queue, in order, acknowledged to the channel that they came over."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from aio_pika.abc import AbstractConnection
from aiormq.abc import AbstractChannel, DeliveredMessage

from asyncflow.adapters.amqp_connection import FOREIGN_ERRORS, Broken
from asyncflow.ports import Delivery

_ACK_SECONDS = 10.0
"""An acknowledgement is only written; this long, and nobody takes anything off the connection any more."""


@dataclass(slots=True, eq=False)
class _Generation:
    """One channel's deliveries. Tags count from 1 on each channel, so they mean nothing on another."""

    channel: AbstractChannel
    broken: Broken
    unacknowledged: dict[int, None] = field(default_factory=dict)
    """In the order of their arrival."""


@dataclass(frozen=True, slots=True)
class _Tag:
    generation: _Generation
    number: int


class Inbox:
    """What has arrived and nobody has taken yet.

    With a `prefetch` deliveries must be acknowledged, and those of a channel that is gone are forgotten, for
    the broker delivers them again. Without one they count as acknowledged when they are sent.
    """

    def __init__(self, *, prefetch: int | None) -> None:
        self._prefetch = prefetch
        self._generation: _Generation | None = None
        self._arrived: deque[Delivery] = deque()
        self._news = asyncio.Event()

    async def attach(self, connection: AbstractConnection, queue: str, broken: Broken) -> None:
        """Consume a queue. A channel that closes, or a queue that is deleted, takes the connection with it."""
        channel = await connection.channel(publisher_confirms=False)
        channel.close_callbacks.add(lambda *_: broken())
        raw = await channel.get_underlay_channel()
        raw.on_consumer_cancel_callbacks.add(lambda *_: broken())
        if self._prefetch is not None:
            await raw.basic_qos(prefetch_count=self._prefetch)
        generation = self._generation = _Generation(raw, broken)

        async def arrive(message: DeliveredMessage) -> None:
            self._arrive(generation, message)

        await raw.basic_consume(queue, arrive, no_ack=self._prefetch is None)

    def detach(self) -> None:
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
        numbers = [
            delivery.tag.number
            for delivery in deliveries
            if isinstance(delivery.tag, _Tag) and delivery.tag.generation is generation
            if unacknowledged.pop(delivery.tag.number, delivery) is None
        ]
        try:
            async with asyncio.timeout(_ACK_SECONDS):
                await _acknowledge(generation, numbers)
        except FOREIGN_ERRORS:
            generation.broken()  # so that the broker delivers them again

    def _arrive(self, generation: _Generation, message: DeliveredMessage) -> None:
        number = message.delivery_tag
        if generation is not self._generation or number is None:
            return
        if self._prefetch is not None:
            generation.unacknowledged[number] = None
        self._arrived.append(_delivery(message, _Tag(generation, number)))
        self._news.set()


async def _acknowledge(generation: _Generation, numbers: Sequence[int]) -> None:
    """One acknowledgement for all up to the first that is still open, one each for those behind it."""
    oldest = next(iter(generation.unacknowledged), None)
    together = [number for number in numbers if oldest is None or number < oldest]
    if together:
        await generation.channel.basic_ack(max(together), multiple=True, wait=False)
    for number in numbers:
        if oldest is not None and number > oldest:
            await generation.channel.basic_ack(number, wait=False)


def _delivery(message: DeliveredMessage, tag: _Tag) -> Delivery:
    properties = message.header.properties
    return Delivery(
        body=message.body,
        headers=properties.headers or {},
        type=properties.message_type or "",
        content_type=properties.content_type or "",
        content_encoding=properties.content_encoding or "",
        correlation_id=properties.correlation_id or "",
        reply_to=properties.reply_to or "",
        redelivered=bool(message.redelivered),
        tag=tag,
    )
