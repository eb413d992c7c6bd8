"""A broker in this process that costs almost nothing, so that what is measured is the dispatcher."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio

from asyncflow.adapters.clock import SystemClock
from asyncflow.client import Client
from asyncflow.config import load_mapping
from asyncflow.dispatcher.dispatcher import Dispatcher, DispatcherSettings, Surroundings
from asyncflow.engine.selective import select
from asyncflow.ports import Delivery, Message, Published, Store
from asyncflow.predicates import BUILT_INS
from asyncflow_celery.wire import CeleryCodec

_DONE = b'{"task_id": "%b", "status": "SUCCESS", "result": null, "traceback": null, "children": []}'


class Nowhere:
    """Fulfils `ports.Broker`. Messages to the queue "kept" are confirmed and never answered, all others at once."""

    reply_queue = "asyncflow.0"
    callback_exchange = "asyncflow"
    callback_key = "0"
    connected = True

    def __init__(self) -> None:
        self.kept: list[str] = []
        self._waiting: deque[Delivery] = deque()
        self._arrived = asyncio.Event()

    async def wait_connected(self) -> None: ...

    async def publish(self, messages: Sequence[Message]) -> list[Published]:
        for message in messages:
            if message.routing_key == "kept":
                self.kept.append(message.correlation_id)
            else:
                self.finish(message.correlation_id)
        await asyncio.sleep(0)
        return [Published.CONFIRMED] * len(messages)

    def finish(self, id: str) -> None:
        """Report an attempt as succeeded."""
        self._waiting.append(
            Delivery(
                body=_DONE % id.encode(),
                content_type="application/json",
                content_encoding="utf-8",
                correlation_id=id,
            )
        )
        self._arrived.set()

    async def receive(self, most: int) -> list[Delivery]:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    async def ack(self, deliveries: Sequence[Delivery]) -> None: ...

    async def park(self, delivery: Delivery, reason: str) -> None:
        raise AssertionError(f"parked: {reason}")


@asynccontextmanager
async def dispatching(configuration: Mapping[str, Any], broker: Nowhere, store: Store) -> AsyncIterator[Client]:
    """A dispatcher on such a broker, in this process."""
    loaded = load_mapping(configuration, builtins=BUILT_INS, environ={}).configuration
    dispatcher = Dispatcher(
        Surroundings(
            configuration=loaded,
            broker=broker,
            store=store,
            codec=CeleryCodec(),
            results=None,  # type: ignore[arg-type]  # no task here has a storage
            clock=SystemClock(),
            select=lambda flow, wish: select(loaded.flows, flow, wish.tasks),
        ),
        DispatcherSettings(),
    )
    async with anyio.create_task_group() as group:
        await group.start(dispatcher.run)
        yield Client(dispatcher)
        group.cancel_scope.cancel()
