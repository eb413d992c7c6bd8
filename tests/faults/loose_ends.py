"""A dispatcher in this process on a broker in memory, whose store keeps the order of its commits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import anyio

from asyncflow.adapters.clock import SystemClock
from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.client import Client
from asyncflow.config import load_mapping
from asyncflow.dispatcher.dispatcher import Dispatcher, Surroundings
from asyncflow.engine.selective import select
from asyncflow.model.flow import Configuration
from asyncflow.model.names import RunId
from asyncflow.ports import Batch, Entry, Store
from asyncflow.predicates import BUILT_INS
from asyncflow.testing.broker import MemoryBroker
from asyncflow_celery.wire import CeleryCodec
from tests.faults.workers import Execution
from tests.faults.world import World


class LoggedStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.log: list[tuple[RunId, Entry]] = []

    async def commit(self, batch: Batch) -> None:
        await super().commit(batch)
        self.log.extend((advance.header.run_id, advance.entry) for advance in batch.advances)


def loaded(document: Mapping[str, Any]) -> Configuration:
    return load_mapping(document, builtins=BUILT_INS, environ={}).configuration


@asynccontextmanager
async def dispatching(
    configuration: Configuration, broker: MemoryBroker, store: Store
) -> AsyncIterator[tuple[Client, Dispatcher]]:
    dispatcher = Dispatcher(
        Surroundings(
            configuration=configuration,
            broker=broker,
            store=store,
            codec=CeleryCodec(),
            results=None,  # type: ignore[arg-type]  # no task here has a storage
            clock=SystemClock(),
            select=lambda flow, wish: select(configuration.flows, flow, wish.tasks),
        )
    )
    async with anyio.create_task_group() as group:
        await group.start(dispatcher.run)
        yield Client(dispatcher), dispatcher
        group.cancel_scope.cancel()


def world_of(configuration: Configuration, store: LoggedStore, ledger: list[Execution]) -> World:
    """For the invariants."""
    found = SimpleNamespace(
        configuration=configuration,
        functions={},
        store=store,
        stored_results={},
        client=SimpleNamespace(accepted=set()),
        workers=SimpleNamespace(ledger=ledger, lost=set()),
        broker=SimpleNamespace(is_empty=True),
        log=store.log,
        decided_by=[configuration] * len(store.log),
    )
    return cast(World, found)
