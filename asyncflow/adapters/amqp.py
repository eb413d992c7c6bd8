"""The broker over AMQP 0-9-1: RabbitMQ, through aio-pika."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from asyncflow.adapters.amqp_address import Address
from asyncflow.adapters.amqp_connection import Broken, LastingConnection
from asyncflow.adapters.amqp_inbox import Inbox
from asyncflow.adapters.amqp_lanes import LaneConnection
from asyncflow.adapters.amqp_mailbox import AmqpMailbox
from asyncflow.adapters.amqp_publisher import Publisher
from asyncflow.adapters.amqp_topology import Topology
from asyncflow.model.names import Json
from asyncflow.ports import Delivery, Message, Published

__all__ = ["REASON_HEADER", "AmqpBroker", "AmqpMailbox", "Share"]

REASON_HEADER = "asyncflow_reason"

_PARK_TRIES = 5
_PARK_PAUSE = 1.0
_REASON_CHARACTERS = 1000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Which partition of how many a broker serves."""

    partition: int = 0
    partitions: int = 1
    priority: int = 0
    """Among consumers of the same partition: one that has frozen and lost it is passed over."""


_WHOLE = Share()


class AmqpBroker:
    """Fulfils `ports.Broker`.

    Two connections, for a broker that is short of memory stops reading from those that publish, and
    completions must be acknowledged even then.
    """

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "asyncflow",
        share: Share = _WHOLE,
        heartbeat: int = 30,
        prefetch: int = 1000,
    ) -> None:
        address = Address(url)
        self._topology = Topology(namespace=namespace, partition=share.partition, partitions=share.partitions)
        # A publish that nobody confirms is given up once two heartbeats would have found a dead peer.
        self._publisher = Publisher(own_exchange=self._topology.exchange, confirm_seconds=max(10.0, 2.0 * heartbeat))
        self._inbox = Inbox(prefetch=prefetch, priority=share.priority)
        self._consuming = LastingConnection(
            address,
            name=f"{self._topology.queue} consume",
            heartbeat=heartbeat,
            open=self._open_inbox,
            lost=self._inbox.detach,
        )
        self._publishing = LastingConnection(
            address,
            name=f"{self._topology.queue} publish",
            heartbeat=heartbeat,
            open=self._publisher.attach,
            lost=self._publisher.detach,
        )
        self._tasks = asyncio.TaskGroup()
        self._keepers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        try:
            # The one that consumes declares what the other publishes to.
            await self._consuming.connect()
            await self._publishing.connect()
        except BaseException:
            await self._consuming.close()
            raise
        await self._tasks.__aenter__()
        self._keepers = [
            self._tasks.create_task(connection.keep()) for connection in (self._consuming, self._publishing)
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        # Without the exception: the group would wrap it in an ExceptionGroup on its way out.
        await self._tasks.__aexit__(None, None, None)
        self._publisher.detach()
        self._inbox.flush()
        self._inbox.detach()
        await self._publishing.close()
        await self._consuming.close()

    @property
    def reply_queue(self) -> str:
        return self._topology.queue

    @property
    def callback_exchange(self) -> str:
        return self._topology.exchange

    @property
    def callback_key(self) -> str:
        return self._topology.callback_key

    @property
    def connected(self) -> bool:
        return self._consuming.connected and self._publishing.connected

    async def wait_connected(self) -> None:
        while not self.connected:
            await self._consuming.wait_connected()
            await self._publishing.wait_connected()

    async def publish(self, messages: Sequence[Message]) -> list[Published]:
        return await self._publisher.publish(messages)

    async def receive(self, most: int) -> list[Delivery]:
        return await self._inbox.receive(most)

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        await self._inbox.ack(deliveries)

    async def park(self, delivery: Delivery, reason: str) -> None:
        """Returns when the copy is safe, or when the broker will deliver the message again anyway."""
        copy = _parked(delivery, reason, self._topology.dead_queue)
        for _ in range(_PARK_TRIES):
            if not self._inbox.is_current(delivery):
                return
            [outcome] = await self._publisher.publish([copy])
            if outcome is Published.CONFIRMED:
                return
            await asyncio.sleep(_PARK_PAUSE)
        _log.error("broker.not_parked reason=%r bytes=%d body=%.200r", reason, len(delivery.body), delivery.body)

    async def _open_inbox(self, connection: LaneConnection, broken: Broken) -> None:
        await self._topology.declare(connection)
        await self._inbox.attach(connection, self._topology.queue, broken)


def _parked(delivery: Delivery, reason: str, queue: str) -> Message:
    headers: dict[str, Json] = {**delivery.headers, REASON_HEADER: reason[:_REASON_CHARACTERS]}
    return Message(
        routing_key=queue,
        body=delivery.body,
        headers=headers,
        type=delivery.type,
        content_type=delivery.content_type,
        content_encoding=delivery.content_encoding,
        correlation_id=delivery.correlation_id,
        reply_to=delivery.reply_to,
    )
