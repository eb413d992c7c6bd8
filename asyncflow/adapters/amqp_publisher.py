"""Publishing with confirms: one outcome for every message, whatever becomes of the connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq import exceptions as refused
from aiormq import spec
from aiormq.channel import Channel

from asyncflow.adapters.amqp_connection import FOREIGN_ERRORS, Broken, is_stray
from asyncflow.ports import Message, Published

_IN_FLIGHT = 256
"""More unconfirmed messages at a time than this bring no more throughput."""

_PATIENCE = 1.0
"""How long to wait for a connection before a message counts as not known to be published."""

_log = logging.getLogger(__name__)


class Publisher:
    """Publishes over the channel of the connection that is up. `own_exchange` is known to exist."""

    def __init__(self, *, own_exchange: str, confirm_seconds: float) -> None:
        self._known_exchanges = frozenset({"", own_exchange})
        self._confirm_seconds = confirm_seconds
        self._connection: AbstractConnection | None = None
        self._channel: Channel | None = None
        self._broken: Broken | None = None
        self._attached = asyncio.Event()
        self._window = asyncio.Semaphore(_IN_FLIGHT)
        self._apart = asyncio.Lock()
        self._deadlines: set[asyncio.Timeout] = set()

    async def attach(self, connection: AbstractConnection, broken: Broken) -> None:
        """Open a channel on a new connection; a channel that closes takes its connection with it."""
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        channel.close_callbacks.add(lambda *_: broken())
        self._connection, self._broken = connection, broken
        self._channel = await _raw(channel)
        self._attached.set()

    def detach(self) -> None:
        """Forget the connection, and end what still waits on it: aiormq at times leaves a confirm pending for ever."""
        self._attached.clear()
        self._connection = self._channel = self._broken = None
        now = asyncio.get_running_loop().time()
        for deadline in self._deadlines:
            if not deadline.expired():
                deadline.reschedule(now)

    async def publish(self, messages: Sequence[Message]) -> list[Published]:
        if not messages:
            return []
        if not self._attached.is_set():
            await self._wait_attached()
        if len(messages) == 1:
            return [await self._publish(messages[0])]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._publish(message)) for message in messages]
        return [task.result() for task in tasks]

    async def _wait_attached(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._attached.wait()
        except TimeoutError:
            _log.debug("broker.publish_without_connection")

    async def _publish(self, message: Message) -> Published:
        if message.exchange not in self._known_exchanges:
            return await self._publish_apart(message)
        async with self._window:
            channel = self._channel
            if channel is None:
                return Published.UNKNOWN
            return await self._outcome(channel, message)

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


def _refusal(exc: Exception) -> Published:
    match exc:
        case refused.PublishError() | refused.ChannelNotFoundEntity():
            return Published.UNROUTABLE
        case refused.DeliveryError() | refused.ChannelAccessRefused():
            return Published.REFUSED
    if isinstance(exc, FOREIGN_ERRORS):
        return Published.UNKNOWN
    _log.error("broker.message_not_encodable reason=%s", exc)
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
