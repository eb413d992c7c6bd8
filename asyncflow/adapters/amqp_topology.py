"""The exchange and the queues that are ours, and what they are called. Queues of workers are never declared.

A direct exchange bears the namespace. Each partition has a durable queue, bound with the partition's number
for callbacks, and with the keys of the slots that it serves: clients publish a request to the slot of its
run, and need not know who serves that.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq import exceptions as refused
from aiormq.abc import AbstractChannel as RawChannel

from asyncflow.model.names import RunId

SLOTS = 64

_DELIVERY_LIMIT = 1_000_000
"""RabbitMQ 4 drops a message from a quorum queue at its 20th delivery; restarts must not cost completions."""


def slot_of(run_id: RunId) -> int:
    return zlib.crc32(run_id.encode()) % SLOTS


def slot_key(run_id: RunId) -> str:
    """The routing key under which a request for a run reaches the dispatcher that serves it."""
    return _key_of_slot(slot_of(run_id))


def _key_of_slot(slot: int) -> str:
    return f"slot.{slot}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """The names of one partition's objects in the broker."""

    namespace: str
    partition: int

    @property
    def exchange(self) -> str:
        return self.namespace

    @property
    def queue(self) -> str:
        return f"{self.namespace}.{self.partition}"

    @property
    def callback_key(self) -> str:
        return str(self.partition)

    @property
    def dead_queue(self) -> str:
        return f"{self.namespace}.dead"

    @property
    def _rejects(self) -> Mapping[str, str | int]:
        return {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": self.dead_queue}

    async def is_quorum(self, connection: AbstractConnection) -> bool:
        """Whether our queue, which must exist, is the quorum queue that `declare` prefers: if not, that is refused."""
        try:
            async with connection.channel() as channel:
                await _declare(channel, self.queue, _as_quorum(self._rejects))
        except (refused.ChannelPreconditionFailed, refused.ChannelInvalidStateError):
            return False
        return True

    async def declare(self, connection: AbstractConnection) -> None:
        """Make what is missing. Raises what aiormq raises."""
        await _declare_queue(connection, self.dead_queue, {})
        await _declare_queue(connection, self.queue, self._rejects)
        async with connection.channel() as channel:
            raw = await channel.get_underlay_channel()
            await declare_exchange(raw, self.exchange)
            for slot in range(SLOTS):
                await raw.queue_bind(self.queue, self.exchange, _key_of_slot(slot), nowait=True)
            await raw.queue_bind(self.queue, self.exchange, self.callback_key)


async def declare_exchange(channel: RawChannel, name: str) -> None:
    await channel.exchange_declare(name, exchange_type="direct", durable=True)


async def _declare_queue(connection: AbstractConnection, name: str, arguments: Mapping[str, str | int]) -> None:
    """Take the queue as it is, or make a quorum queue, or where the broker has none, a classic one.

    A refused declaration closes its channel, so each goes over its own.
    """
    if await _exists(connection, name):
        return
    try:
        async with connection.channel() as channel:
            await _declare(channel, name, _as_quorum(arguments))
    except (refused.ChannelPreconditionFailed, refused.ChannelInvalidStateError, refused.ConnectionNotImplemented):
        async with connection.channel() as channel:
            await _declare(channel, name, arguments)


def _as_quorum(arguments: Mapping[str, str | int]) -> Mapping[str, str | int]:
    return {**arguments, "x-queue-type": "quorum", "x-delivery-limit": _DELIVERY_LIMIT}


async def _exists(connection: AbstractConnection, name: str) -> bool:
    channel = await connection.channel()
    try:
        raw: RawChannel = await channel.get_underlay_channel()
        await raw.queue_declare(name, passive=True)
    except refused.ChannelNotFoundEntity:
        return False
    else:
        await channel.close()
        return True


async def _declare(channel: AbstractChannel, name: str, arguments: Mapping[str, str | int]) -> None:
    raw = await channel.get_underlay_channel()
    await raw.queue_declare(name, durable=True, arguments=dict(arguments))
