"""Several dispatchers on one store in memory: who has what, and what becomes of those that lose it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import anyio.abc
import orjson
import pytest

from asyncflow.adapters.clock import SystemClock
from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.client import Client
from asyncflow.config import load_mapping
from asyncflow.dispatcher.dispatcher import Dispatcher, Surroundings
from asyncflow.dispatcher.hearing import Hearing
from asyncflow.dispatcher.partitions import Partitions, PartitionSettings
from asyncflow.dispatcher.place import Place
from asyncflow.engine.selective import select
from asyncflow.errors import LeaseLostError, StoreError
from asyncflow.fleet import Sign, WorkerReport
from asyncflow.model.requests import REQUEST_TYPE, CancelRun, WaitRun, encode_request
from asyncflow.ports import Delivery, Message, Published
from asyncflow.predicates import BUILT_INS
from asyncflow.testing.broker import MemoryBroker
from asyncflow_celery.wire import CeleryCodec

CONFIGURATION = {
    "tasks": [{"name": "Bake", "celery_task": "t.bake", "queue": "q"}],
    "flows": ["outer", "inner"],
    "flow-definitions": [
        {"name": "outer", "edges": [{"from": [], "to": "inner"}]},
        {"name": "inner", "edges": [{"from": [], "to": "Bake"}]},
    ],
}
TTL = 0.6


class Exchange(MemoryBroker):
    """Keeps what goes to our exchange, and confirms it."""

    def __init__(self, **members: Any) -> None:
        super().__init__(**members)
        self.forwarded: list[Message] = []

    async def publish(self, messages: Any) -> list[Published]:
        self.forwarded += [one for one in messages if one.exchange == self.callback_exchange]
        ours = [Published.CONFIRMED for one in messages if one.exchange == self.callback_exchange]
        return ours + await super().publish([one for one in messages if one.exchange != self.callback_exchange])


class UnsteadyStore(MemoryStore):
    """One whose leases cannot be reached at times."""

    away = False

    async def renew(self, held: Any, ttl: float) -> set[str]:
        if self.away:
            raise StoreError("away")
        return await super().renew(held, ttl)


def surroundings(store: MemoryStore, broker: MemoryBroker, place: Place) -> Surroundings:
    loaded = load_mapping(CONFIGURATION, builtins=BUILT_INS, environ={}).configuration
    return Surroundings(
        configuration=loaded,
        broker=broker,
        store=store,
        codec=CeleryCodec(),
        results=None,  # type: ignore[arg-type]  # no task has a storage
        clock=SystemClock(),
        select=lambda flow, wish: select(loaded.flows, flow, wish.tasks),
        place=place,
    )


@asynccontextmanager
async def dispatching(store: MemoryStore, broker: MemoryBroker, place: Place) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(surroundings(store, broker, place))
    async with anyio.create_task_group() as group:
        await group.start(dispatcher.run)
        try:
            yield dispatcher
        finally:
            group.cancel_scope.cancel()


async def until(holds: Callable[[], object], seconds: float = 5) -> None:
    with anyio.fail_after(seconds):
        while not holds():
            await anyio.sleep(0.005)


def request(wish: Any) -> Delivery:
    return Delivery(
        body=encode_request(wish), type=REQUEST_TYPE, content_type="application/json", reply_to="c", correlation_id="1"
    )


def report(id: str) -> Delivery:
    body = orjson.dumps({"task_id": id, "status": "SUCCESS", "result": 1, "traceback": None, "children": []})
    return Delivery(body=body, content_type="application/json", content_encoding="utf-8", correlation_id=id)


# --- one dispatcher of several ----------------------------------------------------------------------------------------


async def test_a_run_and_its_child_runs_are_stored_with_their_partition() -> None:
    store = MemoryStore()
    place = Place(partition=3, epoch=await store.acquire("partition 3", "a", 60))
    async with dispatching(store, Exchange(workers={"q": lambda *_: 1}), place) as dispatcher:
        outcome = await (await Client(dispatcher).start("outer", run_id="r")).wait(timeout=5)
    assert outcome.succeeded
    assert {run.header.partition for run in store._runs.values()} == {3}
    assert len(store._runs) == 2


async def test_a_dispatcher_continues_the_runs_of_its_partition_only() -> None:
    store = MemoryStore()
    for partition in (1, 2):
        epoch = await store.acquire(f"partition {partition}", "a", 60)
        async with dispatching(store, Exchange(), Place(partition=partition, epoch=epoch)) as dispatcher:
            await Client(dispatcher).start("outer", run_id=f"r{partition}")
    broker = Exchange(workers={"q": lambda *_: 1})
    async with dispatching(store, broker, Place(partition=2)):
        await until(lambda: broker.published)
    assert len(broker.published) == 1
    assert [len(await store.unpublished([partition])) for partition in (1, 2)] == [1, 0]


@pytest.mark.parametrize("delivery", [report("stranger"), request(WaitRun(run_id="absent"))])
async def test_who_has_lost_its_partition_acknowledges_nothing_even_what_would_change_nothing(
    delivery: Delivery,
) -> None:
    store, broker = MemoryStore(), Exchange()
    epoch = await store.acquire("partition 0", "a", 0.0)
    await store.acquire("partition 0", "b", 60)
    with pytest.RaisesGroup(LeaseLostError, flatten_subgroups=True):
        async with dispatching(store, broker, Place(epoch=epoch)):
            broker.deliver(delivery)
            await anyio.sleep(5)
    assert broker.acked == []


async def test_who_has_lost_its_partition_starts_nothing() -> None:
    store, broker = MemoryStore(), Exchange(workers={"q": lambda *_: 1})
    epoch = await store.acquire("partition 0", "a", 0.0)
    await store.acquire("partition 0", "b", 60)
    with pytest.RaisesGroup(LeaseLostError, flatten_subgroups=True):
        async with dispatching(store, broker, Place(epoch=epoch)) as dispatcher:
            await Client(dispatcher).start("outer", run_id="r")
    assert store._runs == {}
    assert broker.published == []


async def test_a_request_about_a_child_run_goes_to_the_dispatcher_of_its_root() -> None:
    store, broker = MemoryStore(), Exchange()
    async with dispatching(store, broker, Place(partition=5)) as dispatcher:
        await Client(dispatcher).start("outer", run_id="r")
    [child] = [id for id in store._runs if id != "r"]
    wishes = [request(CancelRun(run_id=child[:12])), request(WaitRun(run_id=child)), request(CancelRun(run_id="r"))]
    async with dispatching(store, broker, Place(partition=2)):
        for one in wishes:
            broker.deliver(one)
        await until(lambda: len(broker.acked) == 3)
    assert {(one.routing_key, one.body, one.reply_to, one.type) for one in broker.forwarded} == {
        ("5", one.body, "c", REQUEST_TYPE) for one in wishes
    }


async def test_a_dispatcher_that_is_drained_finishes_what_it_has_and_hands_its_waiting_clients_over() -> None:
    store, broker = MemoryStore(), Exchange()
    async with dispatching(store, broker, Place(partition=5)) as dispatcher:
        await Client(dispatcher).start("outer", run_id="r")
        wish = request(WaitRun(run_id="r"))
        broker.deliver(wish)
        await until(lambda: wish in broker.acked)
        await dispatcher.drain()
        broker.deliver(report("late"))
        await anyio.sleep(0.02)
    assert [(one.routing_key, one.body) for one in broker.forwarded] == [("5", wish.body)]
    assert broker.acked == [wish]


async def test_every_dispatcher_of_a_process_hears_the_workers() -> None:
    send, receive = anyio.create_memory_object_stream[list[WorkerReport]](10)

    class Workers:
        async def reports(self) -> list[WorkerReport]:
            return await receive.receive()

    hearing = Hearing(Workers())  # type: ignore[arg-type]  # nothing else is asked
    online = WorkerReport(sign=Sign.ONLINE, worker="w")
    with send, receive:
        async with anyio.create_task_group() as group:
            group.start_soon(hearing.run)
            with hearing.listening() as first, hearing.listening() as second:
                await send.send([online])
                with anyio.fail_after(5):
                    assert [await first.reports(), await second.reports()] == [[online], [online]]
            group.cancel_scope.cancel()


# --- shares -----------------------------------------------------------------------------------------------------------


class Crowd:
    """Processes that share a store; each has a scope that can be cancelled without a word, as by a kill."""

    def __init__(self, store: MemoryStore, group: anyio.abc.TaskGroup, count: int = 8) -> None:
        self.store = store
        self.served: list[tuple[str, int]] = []
        """Who dispatches what just now."""
        self._group = group
        self._settings = PartitionSettings(count=count, ttl=TTL)

    async def join(self, owner: str) -> Partitions:
        partitions = Partitions(leases=self.store, serve=self._serve(owner), settings=self._settings, owner=owner)
        await self._group.start(partitions.run)
        return partitions

    def _serve(self, owner: str) -> Callable[[Place], AbstractAsyncContextManager[Dispatcher]]:
        @asynccontextmanager
        async def serve(place: Place) -> AsyncIterator[Dispatcher]:
            async with dispatching(self.store, Exchange(), place) as dispatcher:
                self.served.append((owner, place.partition))
                try:
                    yield dispatcher
                finally:
                    self.served.remove((owner, place.partition))

        return serve

    def shares(self) -> dict[str, int]:
        owners = [owner for owner, _ in self.served]
        return {owner: owners.count(owner) for owner in owners}

    @property
    def doubled(self) -> bool:
        return len({partition for _, partition in self.served}) < len(self.served)


@pytest.fixture
def store() -> UnsteadyStore:
    return UnsteadyStore()


@pytest.fixture
async def crowd(store: UnsteadyStore) -> AsyncIterator[Crowd]:
    async with anyio.create_task_group() as group:
        yield Crowd(store, group)
        group.cancel_scope.cancel()


async def test_partitions_are_shared_evenly_as_processes_come_and_go(crowd: Crowd) -> None:
    await crowd.join("a")
    await until(lambda: crowd.shares() == {"a": 8})
    second = await crowd.join("b")
    await until(lambda: crowd.shares() == {"a": 4, "b": 4})
    for owner in "cde":
        await crowd.join(owner)
    await until(lambda: crowd.shares() == {"a": 2, "b": 2, "c": 2, "d": 1, "e": 1})
    assert not crowd.doubled
    await second.drain()
    await until(lambda: crowd.shares() == {"a": 2, "c": 2, "d": 2, "e": 2})


async def test_one_process_more_than_there_are_partitions_stands_by(store: UnsteadyStore) -> None:
    async with anyio.create_task_group() as group:
        crowd = Crowd(store, group, count=1)
        first = await crowd.join("a")
        await crowd.join("b")
        await until(lambda: crowd.shares() == {"a": 1})
        await first.drain()
        await until(lambda: crowd.shares() == {"b": 1})
        group.cancel_scope.cancel()


async def test_who_gives_all_up_leaves_no_lease(crowd: Crowd, store: UnsteadyStore) -> None:
    only = await crowd.join("a")
    await until(lambda: crowd.shares() == {"a": 8})
    await only.drain()
    assert crowd.served == []
    assert await store.leases() == []


async def test_dispatching_stops_before_a_lease_ends_that_cannot_be_renewed_and_begins_again_afterwards(
    crowd: Crowd, store: UnsteadyStore
) -> None:
    partitions = await crowd.join("a")
    await until(lambda: crowd.shares() == {"a": 8})
    await anyio.sleep(TTL)
    assert crowd.shares() == {"a": 8}  # all were renewed
    assert partitions.trouble == ""
    store.away = True
    await until(lambda: not crowd.served, TTL)
    assert partitions.trouble.startswith("store away: ")
    store.away = False
    await until(lambda: crowd.shares() == {"a": 8})
    assert partitions.trouble == ""


async def test_a_partition_that_was_taken_away_is_stopped_at_the_next_look(crowd: Crowd, store: UnsteadyStore) -> None:
    partitions = await crowd.join("a")
    await until(lambda: crowd.shares() == {"a": 8})
    stolen = None
    while stolen is None:  # its owner may be the first to take it again
        epochs = {lease.partition: lease.epoch for lease in await store.leases()}
        await store.release({"partition 6": epochs["partition 6"]})
        stolen = await store.acquire("partition 6", "thief", 60)
    await until(lambda: partitions.held == {0, 1, 2, 3, 4, 5, 7})
    assert ("a", 6) not in crowd.served
