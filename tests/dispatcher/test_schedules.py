"""Runs that are started by the clock, by dispatchers on a store in memory and a clock that tests move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.client import Client
from asyncflow.config import load_mapping
from asyncflow.dispatcher.dispatcher import Dispatcher, Surroundings
from asyncflow.dispatcher.place import Place
from asyncflow.dispatcher.schedules import is_of, run_of_tick
from asyncflow.errors import StoreError
from asyncflow.predicates import BUILT_INS
from asyncflow.testing.broker import MemoryBroker
from asyncflow_celery.wire import CeleryCodec

BEGIN = 1_800_000_000.0


class HandClock:
    def __init__(self) -> None:
        self._now = BEGIN
        self._moved = anyio.Event()

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        until = self._now + seconds
        while self._now < until:
            await self._moved.wait()

    async def advance(self, seconds: float) -> None:
        self._now += seconds
        moved, self._moved = self._moved, anyio.Event()
        moved.set()
        await anyio.sleep(0.05)


class Kitchen:
    """What outlives its dispatchers."""

    def __init__(self, **schedule: Any) -> None:
        written = {
            "tasks": [{"name": "Cook", "celery_task": "cook"}],
            "flow-definitions": [{"name": "dinner", "edges": [{"from": None, "to": "Cook"}]}],
            "schedules": [{"name": "often", "flow": "dinner", "node_args": {"guests": 2}, **schedule}],
        }
        self.configuration = load_mapping(written, builtins=BUILT_INS, environ={}).configuration
        self.store = MemoryStore()
        self.clock = HandClock()

    @asynccontextmanager
    async def serving(self, place: Place | None = None, *, keeps_schedules: bool = True) -> AsyncIterator[Client]:
        dispatcher = Dispatcher(
            Surroundings(
                configuration=self.configuration,
                broker=MemoryBroker(),
                store=self.store,
                codec=CeleryCodec(),
                results=None,  # type: ignore[arg-type]  # no task here has a storage
                clock=self.clock,
                select=None,  # type: ignore[arg-type]  # no run here is selective
                place=place or Place(),
                keeps_schedules=keeps_schedules,
            )
        )
        async with anyio.create_task_group() as group:
            await group.start(dispatcher.run)
            await anyio.sleep(0.05)
            yield Client(dispatcher)
            group.cancel_scope.cancel()

    async def ticks(self, client: Client) -> list[str]:
        """When nothing more has been started for a while."""
        before: list[str] | None = None
        while True:
            await anyio.sleep(0.2)
            found = sorted(run["labels"]["tick"][11:19] for run in await client.list(limit=1000))
            if found == before:
                return found
            before = found


async def test_each_tick_is_a_run_with_labels_and_node_args() -> None:
    kitchen = Kitchen(every=10, labels={"team": "kitchen"})
    async with kitchen.serving() as client:
        await kitchen.clock.advance(9.9)
        assert await kitchen.ticks(client) == []
        await kitchen.clock.advance(0.1)
        await kitchen.clock.advance(10)
        await kitchen.ticks(client)
        runs = await client.list()
        newest = (await client.run(runs[0]["run_id"]).status()).report
    assert [run["run_id"] for run in runs] == [run_of_tick("often", BEGIN + 20), run_of_tick("often", BEGIN + 10)]
    assert newest["labels"] == {"team": "kitchen", "schedule": "often", "tick": "2027-01-15T08:00:20.000+00:00"}
    assert newest["node_args"] == {"guests": 2}


async def test_a_restart_starts_no_tick_twice_and_loses_none() -> None:
    kitchen = Kitchen(every=10, catch_up="none")
    async with kitchen.serving():
        await kitchen.clock.advance(10)
    async with kitchen.serving() as client:
        assert await kitchen.ticks(client) == ["08:00:10"]
    await kitchen.clock.advance(25)
    async with kitchen.serving() as client:
        assert await kitchen.ticks(client) == ["08:00:10", "08:00:20", "08:00:30"]


@pytest.mark.parametrize(
    ("keys", "hours"),
    [
        ({"catch_up": "none"}, ["09:00:00"]),
        ({}, ["09:00:00", "13:00:00"]),
        ({"catch_up": "all"}, ["09:00:00", "10:00:00", "11:00:00", "12:00:00", "13:00:00"]),
        ({"catch_up": "all", "catch_up_limit": 2}, ["09:00:00", "12:00:00", "13:00:00"]),
    ],
)
async def test_after_a_time_without_dispatchers_ticks_are_caught_up(keys: dict[str, Any], hours: list[str]) -> None:
    kitchen = Kitchen(every="1h", **keys)
    async with kitchen.serving() as client:
        await kitchen.clock.advance(3600)
        assert await kitchen.ticks(client) == ["09:00:00"]
    await kitchen.clock.advance(4.5 * 3600)
    async with kitchen.serving() as client:
        assert await kitchen.ticks(client) == hours
        (told,) = await client.schedules()
    assert told["last"] == "2027-01-15T13:00:00.000+00:00"
    assert told["next"][0] == "2027-01-15T14:00:00.000+00:00"


async def test_a_schedule_that_is_seen_for_the_first_time_has_missed_nothing() -> None:
    kitchen = Kitchen(every="1h", catch_up="all")
    async with kitchen.serving() as client:
        assert await kitchen.ticks(client) == []
        assert (await client.schedules())[0]["last"] is not None


async def test_what_is_disabled_starts_nothing_and_misses_nothing() -> None:
    kitchen = Kitchen(every="1h", catch_up="all", enabled=False)
    async with kitchen.serving() as client:
        await kitchen.clock.advance(5 * 3600)
        assert await kitchen.ticks(client) == []
        assert (await client.schedules())[0]["next"] == []
    again = Kitchen(every="1h", catch_up="all")
    again.store, again.clock = kitchen.store, kitchen.clock
    async with again.serving() as client:
        assert await again.ticks(client) == []
        await again.clock.advance(3600)
        assert await again.ticks(client) == ["14:00:00"]


async def test_a_crash_between_the_start_and_the_note_of_it_starts_the_same_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kitchen = Kitchen(every=10)
    take_slot = kitchen.store.take_slot

    async def down(name: str, now: float, interval: float) -> float:
        if now > BEGIN:
            raise StoreError("away")
        return await take_slot(name, now, interval)

    async with kitchen.serving() as client:
        monkeypatch.setattr(kitchen.store, "take_slot", down)
        await kitchen.clock.advance(10)
        await kitchen.clock.advance(1)
        assert await kitchen.ticks(client) == ["08:00:10"]
    monkeypatch.undo()
    async with kitchen.serving() as client:
        assert await kitchen.ticks(client) == ["08:00:10"]
        await kitchen.clock.advance(9)
        assert await kitchen.ticks(client) == ["08:00:10", "08:00:20"]


async def test_one_partition_sees_to_a_schedule() -> None:
    kitchen = Kitchen(every=10)
    places = [Place(partition=number, partitions=4) for number in range(4)]
    (owner,) = [place for place in places if is_of("often", place)]
    other = next(place for place in places if place != owner)
    async with kitchen.serving(other) as client:
        await kitchen.clock.advance(10)
        assert await kitchen.ticks(client) == []
        assert [one["name"] for one in await client.schedules()] == ["often"]
    async with kitchen.serving(owner) as client:
        await kitchen.clock.advance(10)
        assert await kitchen.ticks(client) == ["08:00:20"]


async def test_two_that_start_the_same_tick_start_one_run() -> None:
    """As when one has lost its partition and does not know it yet."""
    kitchen = Kitchen(every=10)
    async with kitchen.serving() as client, kitchen.serving():
        await kitchen.clock.advance(10)
        await kitchen.clock.advance(10)
        assert await kitchen.ticks(client) == ["08:00:10", "08:00:20"]


async def test_a_command_for_one_run_starts_nothing_by_the_clock() -> None:
    kitchen = Kitchen(every=10)
    async with kitchen.serving(keeps_schedules=False) as client:
        await kitchen.clock.advance(30)
        assert await kitchen.ticks(client) == []
