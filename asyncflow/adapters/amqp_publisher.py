"""Publishing with confirms: one outcome for every message, whatever becomes of the connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from aio_pika.abc import AbstractChannel
from aiormq import exceptions as refused
from aiormq import spec
from aiormq.channel import Channel

from asyncflow.adapters.amqp_confirms import Confirms
from asyncflow.adapters.amqp_connection import FOREIGN_ERRORS, Broken, is_stray
from asyncflow.adapters.amqp_lanes import LaneConnection
from asyncflow.ports import Message, Published

_IN_FLIGHT = 256
"""More unconfirmed messages at a time than this bring no more throughput."""

_BYTES_IN_FLIGHT = 8 * 1024 * 1024
"""Bodies that are written to the socket before the first of them is confirmed."""

_PATIENCE = 1.0
"""How long to wait for a connection before a message counts as not known to be published."""

_SLOW = 5.0
"""Seconds without a confirm after which people are told."""

_log = logging.getLogger(__name__)


class Publisher:
    """Publishes over a lane of the connection that is up. `own_exchange` is known to exist."""

    def __init__(self, *, own_exchange: str, confirm_seconds: float) -> None:
        self._known_exchanges = frozenset({"", own_exchange})
        self._confirm_seconds = confirm_seconds
        self._connection: LaneConnection | None = None
        self._confirms: Confirms | None = None
        self._broken: Broken | None = None
        self._attached = asyncio.Event()
        self._apart = asyncio.Lock()
        self._deadlines: set[asyncio.Timeout] = set()

    async def attach(self, connection: LaneConnection, broken: Broken) -> None:
        """Open a channel on a new connection; a channel that closes takes its connection with it."""
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        channel.close_callbacks.add(lambda *_: broken())
        raw = await channel.get_underlay_channel()
        confirms = Confirms(raw.number, connection.frame_max)
        connection.add_lane(raw.number, confirms.take)
        self._connection, self._broken, self._confirms = connection, broken, confirms
        self._attached.set()

    def detach(self) -> None:
        """Forget the connection, and end what still waits on it."""
        self._attached.clear()
        if self._confirms is not None:
            self._confirms.abandon()
        self._connection = self._confirms = self._broken = None
        now = asyncio.get_running_loop().time()
        for deadline in self._deadlines:
            if not deadline.expired():
                deadline.reschedule(now)

    async def publish(self, messages: Sequence[Message]) -> list[Published]:
        if not messages:
            return []
        if not self._attached.is_set():
            await self._wait_attached()
        if all(message.exchange in self._known_exchanges for message in messages):
            return [outcome for part in _portions(messages) for outcome in await self._publish(part)]
        outcomes: list[Published] = []
        for message in messages:
            if message.exchange in self._known_exchanges:
                outcomes += await self._publish([message])
            else:
                outcomes.append(await self._publish_apart(message))
        return outcomes

    async def _wait_attached(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._attached.wait()
        except TimeoutError:
            _log.debug("broker.publish_without_connection")

    async def _publish(self, messages: Sequence[Message]) -> list[Published]:
        """Write all of them at once, and wait for every confirm."""
        connection, confirms, broken = self._connection, self._confirms, self._broken
        if connection is None or confirms is None or broken is None:
            return [Published.UNKNOWN] * len(messages)
        sent, frames = confirms.write(messages, _tell_not_encodable)
        told = asyncio.get_running_loop().call_later(_SLOW, _tell_slow, len(messages))
        try:
            connection.write(frames)
            async with asyncio.timeout(self._confirm_seconds):
                await sent.settled
        except (ConnectionError, TimeoutError):
            # Whatever comes later on this channel could be taken for the answer to another message.
            broken()
        finally:
            told.cancel()
        return sent.outcomes

    async def _publish_apart(self, message: Message) -> Published:
        """Publish to an exchange that may not exist, which would close the channel: over one of its own."""
        async with self._apart:
            connection = self._connection
            if connection is None:
                return Published.UNKNOWN
            try:
                async with self._deadline(), connection.channel(on_return_raises=True) as channel:
                    return await self._outcome(await _raw(channel), message)
            except (*FOREIGN_ERRORS, asyncio.CancelledError) as exc:
                if isinstance(exc, asyncio.CancelledError) and not is_stray(exc):
                    raise
                return Published.UNKNOWN

    @asynccontextmanager
    async def _deadline(self) -> AsyncIterator[None]:
        """Raises TimeoutError when the broker takes too long, or the connection is lost."""
        async with asyncio.timeout(self._confirm_seconds) as deadline:
            self._deadlines.add(deadline)
            try:
                yield
            finally:
                self._deadlines.discard(deadline)

    async def _outcome(self, channel: Channel, message: Message) -> Published:
        broken = self._broken
        try:
            async with self._deadline():
                await channel.basic_publish(
                    message.body,
                    exchange=message.exchange,
                    routing_key=message.routing_key,
                    properties=_properties(message),
                    mandatory=True,
                    wait=False,
                )
        except asyncio.CancelledError as exc:
            if not is_stray(exc):
                raise
            return Published.UNKNOWN
        except TimeoutError:
            # Whatever comes later on this channel could be taken for the answer to another message.
            if broken is not None:
                broken()
            return Published.UNKNOWN
        except Exception as exc:  # noqa: BLE001  (each message has an outcome, also one that cannot be encoded)
            return _refusal(exc)
        return Published.CONFIRMED


async def _raw(channel: AbstractChannel) -> Channel:
    """The channel of aiormq: only it can publish without waiting for the socket after each message."""
    raw = await channel.get_underlay_channel()
    assert isinstance(raw, Channel), f"aio-pika gave a {type(raw).__name__}"
    return raw


def _portions(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Parts of what is to be published, each small enough to be in flight at once."""
    start = size = 0
    for place, message in enumerate(messages):
        if place > start and (place - start >= _IN_FLIGHT or size + len(message.body) > _BYTES_IN_FLIGHT):
            yield messages[start:place]
            start, size = place, 0
        size += len(message.body)
    yield messages[start:]


def _tell_slow(messages: int) -> None:
    _log.warning(
        "the broker has not confirmed %d messages for %g s; is it short of memory or disk (`rabbitmqctl status`)?",
        messages,
        _SLOW,
    )


def _tell_not_encodable(exc: Exception) -> None:
    _log.error("broker.message_not_encodable reason=%s", exc)


def _refusal(exc: Exception) -> Published:
    match exc:
        case refused.PublishError() | refused.ChannelNotFoundEntity():
            return Published.UNROUTABLE
        case refused.DeliveryError() | refused.ChannelAccessRefused():
            return Published.REFUSED
    if isinstance(exc, FOREIGN_ERRORS):
        return Published.UNKNOWN
    _tell_not_encodable(exc)
    return Published.REFUSED


def _properties(message: Message) -> spec.Basic.Properties:
    return spec.Basic.Properties(
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        headers=dict(message.headers),
        delivery_mode=2 if message.persistent else 1,
        priority=message.priority,
        correlation_id=message.correlation_id or None,
        reply_to=message.reply_to or None,
        message_type=message.type or None,
    )
