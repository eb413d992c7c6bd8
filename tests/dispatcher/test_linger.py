"""Reports that decide nothing urgent share a commit; nobody who waits for a decision waits for others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.client import Client
from asyncflow.dispatcher.decider import DeciderSettings
from asyncflow.model.facts import NodeSucceeded
from asyncflow.ports import Batch, Message, Published
from asyncflow.testing.broker import MemoryBroker, worked
from tests.dispatcher.test_memory import dispatcher

WIDTH = 20
HOUR = 3600.0
TASKS = [{"name": name, "celery_task": f"t.{name}", "queue": "q"} for name in "ABC"]
CHAIN = {"name": "chain", "edges": [{"from": None, "to": "A"}, {"from": "A", "to": "B"}, {"from": "B", "to": "C"}]}
EACH = {"name": "each", "edges": [{"from": None, "to": ["A"] * WIDTH}]}
FAN = {"name": "fan", "edges": [{"from": None, "to": "each"}, {"from": "each", "to": "B"}]}
FLOWS = {"tasks": TASKS, "flows": ["chain", "each", "fan"], "flow-definitions": [CHAIN, EACH, FAN]}


class Silent(MemoryBroker):
    """Its workers report when the test says so."""

    def _take(self, message: Message) -> Published:
        self.published.append(message)
        return Published.CONFIRMED


class Counted(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.verdicts: list[int] = []

    async def commit(self, batch: Batch) -> None:
        self.verdicts.append(len(batch.verdicts))
        await super().commit(batch)


@asynccontextmanager
async def serving(broker: MemoryBroker, store: MemoryStore, linger: float) -> AsyncIterator[Client]:
    dispatching = dispatcher(broker, store, DeciderSettings(linger=linger), FLOWS)
    async with anyio.create_task_group() as group:
        await group.start(dispatching.run)
        yield Client(dispatching)
        group.cancel_scope.cancel()


async def report_one_by_one(broker: MemoryBroker, count: int) -> None:
    """As tasks of a fan-out do: a little apart."""
    for message in broker.published[:count]:
        broker.deliver(worked(lambda headers, body: None, message))
        await anyio.sleep(0)


async def test_a_fan_out_is_committed_in_a_few_turns_and_its_join_starts_at_once() -> None:
    broker, store = Silent(), Counted()
    async with serving(broker, store, HOUR) as client:
        run = await client.start("fan")
        with anyio.fail_after(5):
            while len(broker.published) < WIDTH:
                await anyio.sleep(0.01)
            await report_one_by_one(broker, WIDTH)
            while len(broker.published) == WIDTH:
                await anyio.sleep(0.01)
        assert [count for count in store.verdicts if count] == [WIDTH]
        assert broker.published[-1].headers["task"] == "t.B"
        assert len(broker.acked) >= WIDTH
        assert (await run.status()).state == "running"


async def test_a_step_of_a_chain_waits_for_nobody() -> None:
    async with serving(MemoryBroker({"q": lambda headers, body: None}), Counted(), HOUR) as client:
        outcome = await (await client.start("chain")).wait(timeout=5)
    assert outcome.succeeded


async def test_who_asks_is_answered_though_reports_wait() -> None:
    broker, store = Silent(), Counted()
    async with serving(broker, store, HOUR) as client:
        await client.start("fan")
        with anyio.fail_after(5):
            while len(broker.published) < WIDTH:
                await anyio.sleep(0.01)
            await report_one_by_one(broker, 3)
            second = await client.start("chain")
        assert [count for count in store.verdicts if count] == [3]
        assert (await second.status()).state == "running"


async def test_a_report_that_nothing_follows_is_committed_all_the_same() -> None:
    broker, store = Silent(), Counted()
    async with serving(broker, store, 0.01) as client:
        run = await client.start("each")
        with anyio.fail_after(5):
            while len(broker.published) < WIDTH:
                await anyio.sleep(0.01)
            await report_one_by_one(broker, 1)
            while not broker.acked:
                await anyio.sleep(0.01)
        facts: list[Any] = [fact for entry in await store.journal(run.id) for fact in entry.facts]
    assert sum(isinstance(fact, NodeSucceeded) for fact in facts) == 1
