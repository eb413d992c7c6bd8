"""What a client has in the broker: a way to publish requests, and a queue of its own for the answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self
from uuid import uuid4

from asyncflow.adapters.amqp_address import Address
from asyncflow.adapters.amqp_connection import Broken, LastingConnection
from asyncflow.adapters.amqp_inbox import Inbox
from asyncflow.adapters.amqp_lanes import LaneConnection
from asyncflow.adapters.amqp_publisher import Publisher
from asyncflow.adapters.amqp_topology import declare_exchange
from asyncflow.ports import Delivery, Message, Published


class AmqpMailbox:
    """A connection that heals itself, with an exclusive queue for answers. Used as an async context manager.

    The queue goes with its connection, and what was on its way to it is lost. So after a reconnection
    `generation` is one more, `reply_queue` is another one, and what is still unanswered must be asked again.
    Entering raises BrokerError when the broker cannot be reached or refuses.
    """

    def __init__(self, url: str, *, namespace: str = "asyncflow", heartbeat: int = 30) -> None:
        self._namespace = namespace
        self._publisher = Publisher(own_exchange=namespace, confirm_seconds=max(10.0, 2.0 * heartbeat))
        self._inbox = Inbox(prefetch=None)
        self._connection = LastingConnection(
            Address(url), name=f"{namespace} client", heartbeat=heartbeat, open=self._open, lost=self._lost
        )
        self._tasks = asyncio.TaskGroup()
        self._keeper: asyncio.Task[None] | None = None
        self._reply_queue = ""
        self._generation = 0
        self._reconnected = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._connection.connect()
        await self._tasks.__aenter__()
        self._keeper = self._tasks.create_task(self._connection.keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
        # Without the exception: the group would wrap it in an ExceptionGroup on its way out.
        await self._tasks.__aexit__(None, None, None)
        self._lost()
        await self._connection.close()

    @property
    def exchange(self) -> str:
        """The exchange that routes a request to the slot of its run."""
        return self._namespace

    @property
    def reply_queue(self) -> str:
        """The name for `reply_to`."""
        return self._reply_queue

    @property
    def generation(self) -> int:
        """Counts the connections, from 1."""
        return self._generation

    @property
    def connected(self) -> bool:
        return self._connection.connected

    async def wait_connected(self) -> None:
        await self._connection.wait_connected()

    async def wait_generation_after(self, generation: int) -> int:
        """Wait until the connection has been made again since that generation; return the new one."""
        while self._generation <= generation:
            self._reconnected.clear()
            await self._reconnected.wait()
        return self._generation

    async def publish(self, messages: Sequence[Message]) -> list[Published]:
        """As `ports.Broker.publish`. UNROUTABLE: no dispatcher has ever been connected to this broker."""
        return await self._publisher.publish(messages)

    async def receive(self, most: int) -> list[Delivery]:
        """Wait for answers; return at least one and at most `most`. There is nothing to acknowledge."""
        return await self._inbox.receive(most)

    async def replies(self) -> AsyncIterator[Delivery]:
        """Every answer, one by one, across reconnections."""
        while True:
            for delivery in await self._inbox.receive(100):
                yield delivery

    async def _open(self, connection: LaneConnection, broken: Broken) -> None:
        name = f"{self._namespace}.client.{uuid4().hex}"
        async with connection.channel() as channel:
            raw = await channel.get_underlay_channel()
            await declare_exchange(raw, self._namespace)
            await raw.queue_declare(name, exclusive=True, auto_delete=True)
        await self._inbox.attach(connection, name, broken)
        await self._publisher.attach(connection, broken)
        self._reply_queue = name
        self._generation += 1
        self._reconnected.set()

    def _lost(self) -> None:
        self._inbox.detach()
        self._publisher.detach()
