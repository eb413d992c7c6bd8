"""One life of a dispatcher in a simulated world: its ports, which a crash makes dead, and its functions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import anyio
import anyio.abc

from asyncflow.adapters.clock import SystemClock
from asyncflow.dispatcher.dispatcher import Dispatcher, DispatcherSettings, Surroundings
from asyncflow.dispatcher.functions import Functions, UserQuestion, answered
from asyncflow.dispatcher.outbox import OutboxSettings
from asyncflow.errors import StorageError, StoreError
from asyncflow.model.commands import SetTimer
from asyncflow.model.decision import Answer, Raised
from asyncflow.model.flow import Task
from asyncflow.model.names import FlowName, Json, NodeName, TaskId
from asyncflow.ports import Batch, Delivery, Message, Outstanding, Published
from tests.faults.virtual_loop import VirtualLoop
from tests.faults.world import World

MOST_EARLY, MOST_LATE = 1.0, 3000.0
"""Seconds between the time that a timer is due and the time that it fires: the commit that sets it may wait for a store that is away."""

_T = TypeVar("_T")


class Life:
    """What all ports of one life share: `dead` from the crash on."""

    def __init__(self, world: World, *, crash_in: int | None = None, crash_at: int | None = None) -> None:
        self.world = world
        world.begin_life()
        self.dead = False
        self.started = False
        self.loop = VirtualLoop(world.agenda)
        self.loop.crash_in = crash_in
        self._crash_at = crash_at
        """The number of the point at which to crash, counted over the world's whole time."""
        self.epoch = world.store._leases.acquire("runs", "dispatcher", 1e9) or 0
        """A life fences the one before it, as leases do, or SQLite's file lock."""
        self.timers: dict[SetTimer, bool] = {}
        """Those that were set in this life, and whether they have fired."""
        self.begin = 0.0
        """What the clock of this life takes for the beginning of the world."""
        self.store = LifeStore(self)

    def live(self, make: Callable[[Surroundings, DispatcherSettings], Dispatcher], until: Callable[[], bool]) -> bool:
        """Dispatch until the crash (False) or until nothing is left to do (True)."""
        self.loop.until = until
        self.world.broker.connect(self)
        ended = False
        try:
            self.loop.live(self._main(make))
            ended = not self.loop.crashed
        except* StoreError:
            if self.started:
                self.world.violate("the dispatcher ended because its store was away")
        finally:
            self.dead = True
            self.world.broker.disconnect(self)
            if not ended:
                self.store.leave_late()
        return ended

    async def _main(self, make: Callable[[Surroundings, DispatcherSettings], Dispatcher]) -> None:
        world = self.world
        loop = asyncio.get_running_loop()
        assert loop is self.loop, "a life has its own loop"
        dispatcher = make(
            Surroundings(
                configuration=world.configuration,
                broker=LifeBroker(self),
                store=self.store,  # type: ignore[arg-type]  # what dispatchers do not call is left out
                codec=world.codec,
                results=LifeResults(self),
                clock=LifeClock(self),
                select=world.select,
                workers=world.fleet(self),
            ),
            DispatcherSettings(
                outbox=OutboxSettings(unroutable_after=3600.0), intake=world.intake, watchdog=world.watchdog
            ),
        )
        async with anyio.create_task_group() as group:
            await group.start(dispatcher.run)
            self.started = True

    def fired(self, timer: SetTimer) -> None:
        """A timer that was set in this life fires once, and when it is due, whatever the wall clock says."""
        if timer not in self.timers:
            return
        late = self.begin + self.world.agenda.now - timer.due
        if not -MOST_EARLY < late < MOST_LATE:
            self.world.violate(f"a timer has fired {late:+.1f} s from when it was due: {timer}")
        if self.timers[timer]:
            self.world.violate(f"a timer has fired twice: {timer}")
        self.timers[timer] = True

    # --- for the ports ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Nothing that a dead life still asks for is done."""
        if self.dead or self.loop.crashed or self.loop.frozen:
            self.dead = True
            raise asyncio.CancelledError

    async def pause(self, longest: float = 0.05) -> None:
        """As long as the world outside takes."""
        self.check()
        drawn = self.world.agenda.random.random()
        if drawn < 0.5:
            await asyncio.sleep(0)
        elif drawn < 0.95:
            await asyncio.sleep(longest * drawn * drawn)
        else:
            await asyncio.sleep(40 * longest * drawn)
        self.check()

    async def point(self, name: str) -> None:
        """A place where a crash matters."""
        self.check()
        if self.world.pass_point(name) == self._crash_at:
            self.loop.crash()
            await self.loop.create_future()


class LifeClock(SystemClock):
    """The real one, on a wall clock that is sometimes set, and virtual time."""

    def __init__(self, life: Life) -> None:
        super().__init__(life.world.wall, lambda: life.world.agenda.now)
        life.begin = self._begin


class LifeBroker:
    """Fulfils `ports.Broker` on the world's broker, which outlives it."""

    reply_queue = "asyncflow.0"
    callback_exchange = "asyncflow"
    callback_key = "0"

    def __init__(self, life: Life) -> None:
        self._life = life
        self._broker = life.world.broker

    @property
    def connected(self) -> bool:
        return self._broker.connected

    async def wait_connected(self) -> None:
        while not self._broker.connected:
            await self._broker.change()

    async def publish(self, messages: Sequence[Message]) -> list[Published]:
        life, broker = self._life, self._broker
        generation = broker.generation if broker.connected else None
        await life.pause()
        outcomes = []
        for message in messages:
            await life.point("before publish")
            if generation != broker.generation:
                outcomes.append(Published.UNKNOWN)
                continue
            outcomes.append(broker.publish(message))
            await life.point("after publish")
        await life.pause()
        if generation != broker.generation:  # the confirms have not come
            outcomes = [Published.UNKNOWN] * len(outcomes)
        await life.point("after confirm")
        return outcomes

    async def receive(self, most: int) -> list[Delivery]:
        while True:
            await self._life.pause(0.005)
            deliveries = self._broker.take(most)
            if deliveries:
                return deliveries
            if not self._broker.has_messages:
                await self._broker.change()

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        await self._life.pause(0.005)
        for delivery in deliveries:
            await self._life.point("before ack")
            self._broker.ack(delivery)
        if deliveries:
            await self._life.point("after ack")

    async def park(self, delivery: Delivery, reason: str) -> None:
        await self._life.pause()
        self._broker.park(delivery, reason)


class LifeStore:
    """The dispatcher's side of `ports.Store`: slow, and sometimes away; then nobody knows what was written."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._world = life.world
        self._store = life.world.store
        self._marks: list[tuple[Sequence[TaskId], float]] = []
        self._written: Batch | None = None
        """Committed, but the dispatcher was perhaps not told."""
        self._on_its_way: Batch | None = None

    @property
    def secret(self) -> bytes:
        return self._store.secret

    async def commit(self, batch: Batch) -> None:
        life = self._life
        self._on_its_way = batch
        await life.pause()
        self._fail_perhaps("before the commit")
        await life.point("before commit")
        if self._written is not batch:
            await self._write(batch)
        self._written = batch
        self._on_its_way = None
        await life.point("after commit")
        self._fail_perhaps("after the commit")
        await life.pause()

    async def _write(self, batch: Batch) -> None:
        fenced = replace(batch, fences=(("runs", self._life.epoch),))
        await self._store.commit(fenced)
        self._world.committed(fenced)
        self._life.timers.update(dict.fromkeys(batch.timers, False))

    def leave_late(self) -> None:
        """What was on its way to a server when the dispatcher died may arrive when the next one is at work."""
        batch, world = self._on_its_way, self._world
        if batch is None or batch is self._written or not world.chance(world.faults.late_commit):
            return

        def arrive() -> None:
            with suppress(StopIteration, StoreError):
                self._write(batch).send(None)

        world.agenda.after(20 * world.agenda.random.random(), arrive)

    async def mark_published(self, ids: Sequence[TaskId], at: float = 0.0) -> None:
        """Not durable at once: a crash within a second may lose it."""
        self._life.check()
        self._marks.append((ids, at))
        self._life.loop.call_later(self._world.agenda.random.random(), self._write_marks)

    def _write_marks(self) -> None:
        if self._life.dead or self._life.loop.frozen:
            return
        for ids, at in self._marks:
            with suppress(StopIteration):
                self._store.mark_published(ids, at).send(None)
        self._marks.clear()

    async def _ask(self, call: Callable[..., Awaitable[_T]], *args: object) -> _T:
        await self._life.pause(0.01)
        self._fail_perhaps("before a read")
        self._write_marks()
        answer = await call(*args)
        self._fail_perhaps("after a read")
        return answer

    def _fail_perhaps(self, when: str) -> None:
        if self._world.chance(self._world.faults.store_away):
            raise StoreError(f"the simulated store is away, {when}")

    async def keep_outlines(self, outlines: Any, at: float) -> None:
        self._life.check()
        await self._store.keep_outlines(outlines, at)

    async def outlines(self, flow: Any) -> Any:
        return await self._ask(self._store.outlines, flow)

    async def journal(self, run_id: Any) -> Any:
        return await self._ask(self._store.journal, run_id)

    async def tails(self, run_ids: Any) -> Any:
        return await self._ask(self._store.tails, run_ids)

    async def run_of(self, ids: Any) -> Any:
        return await self._ask(self._store.run_of, ids)

    async def results(self, ids: Any) -> Any:
        return await self._ask(self._store.results, ids)

    async def unpublished(self, partitions: Any = None) -> Any:
        return await self._ask(self._store.unpublished, partitions)

    async def outstanding(self, before: float, partitions: Any = None) -> list[Outstanding]:
        return await self._ask(self._store.outstanding, before, partitions)

    async def timers(self, partitions: Any = None) -> Any:
        return await self._ask(self._store.timers, partitions)

    async def take_slot(self, name: str, now: float, interval: float) -> float:
        return await self._ask(self._store.take_slot, name, now, interval)

    async def header(self, run_id: Any) -> Any:
        return await self._ask(self._store.header, run_id)

    async def headers(self, which: Any) -> Any:
        return await self._ask(self._store.headers, which)


class LifeResults:
    """Fulfils `ports.Results`: storages that are sometimes away."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._stored = life.world.stored_results

    async def retrieve(self, flow: FlowName, task: Task, id: TaskId) -> Json:
        await self._pause()
        return self._stored[id]

    async def store(self, flow: FlowName, task: Task, id: TaskId, node_args: Json, result: Json) -> None:
        await self._pause()
        self._stored[id] = result

    async def _pause(self) -> None:
        await self._life.pause(1.0)
        if self._life.world.chance(self._life.world.faults.storage_away):
            raise StorageError("the simulated storage is away")


class SimulatedFunctions(Functions):
    """Users' functions on virtual time instead of threads; they take up to a minute."""

    def __init__(self, reader: Any, life: Life) -> None:
        super().__init__(reader)
        self._life = life
        self._results = reader

    async def answer(self, question: UserQuestion) -> Answer:
        await self._life.pause(1.5)
        results = {
            name: await self._results.read(question.flow, name, id) for name, id in dict(question.sources).items()
        }
        try:
            return answered(self._life.world.functions[str(question.function)], question, _Pool(results))
        except Exception as exc:  # noqa: BLE001  (whatever a user's function raises is the answer)
            return Raised(f"{question.function}: {type(exc).__name__}: {exc}")


class _Pool:
    def __init__(self, results: Mapping[NodeName, Json]) -> None:
        self._results = results

    def get(self, task_name: str) -> Json:
        return self._results[NodeName(task_name)]


class SimulatedDispatcher(Dispatcher):
    """The real dispatcher; only the threads of users' functions are replaced."""

    def _assemble(self, group: anyio.abc.TaskGroup) -> None:
        super()._assemble(group)
        self._decider._answers._functions = SimulatedFunctions(self._reader, self.life)

    def _fire(self, timer: SetTimer) -> None:
        self.life.fired(timer)
        super()._fire(timer)

    @property
    def life(self) -> Life:
        broker = self._around.broker
        assert isinstance(broker, LifeBroker), "it lives in a simulated world"
        return broker._life


def made(around: Surroundings, settings: DispatcherSettings) -> Dispatcher:
    return SimulatedDispatcher(around, settings)
