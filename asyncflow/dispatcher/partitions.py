"""Which partitions this process dispatches: held by leases, and shared out among all processes that are there.

Each process takes a seat, which is a lease too: seats tell who is there, and in which order. Of P partitions and N
processes each has P // N, and the first P % N of them one more. Who has more than its share drains what is too much
and gives it up; who has less takes what is free. A partition is dispatched by a dispatcher of its own, whose commits
carry the epoch of its lease; it is stopped before its lease ends, unless that is renewed in time.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field

import anyio
import anyio.abc

from asyncflow.dispatcher.dispatcher import Dispatcher
from asyncflow.dispatcher.place import Place
from asyncflow.errors import ConnectionFailedError, LeaseLostError, StoreError
from asyncflow.ports import Lease, Leases

_log = logging.getLogger("asyncflow.partitions")

_SEAT = re.compile(r"seat (\d+)")
_SEATS = 1000
_RELEASE_SECONDS = 1.0
_AFTER_TROUBLE = 2.0
"""Seconds in which no partition is taken, when serving one has failed."""
_LAPSE = 0.05
"""Seconds after which a lease that was to end by now has ended."""

Serve = Callable[[Place], AbstractAsyncContextManager[Dispatcher]]
"""A dispatcher at work on a partition. Its exceptions come as groups, or may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionSettings:
    count: int = 1
    ttl: float = 10.0
    """Seconds that a lease holds: so long a partition rests when its process was killed."""

    @property
    def renewal(self) -> float:
        return self.ttl / 3

    @property
    def margin(self) -> float:
        """Dispatching stops so much before a lease ends that is not renewed."""
        return self.ttl / 10


@dataclass(slots=True, eq=False, kw_only=True)
class _Held:
    """A partition that this process has; mutable, for its deadline moves with each renewal."""

    place: Place
    epoch: int
    scope: anyio.CancelScope
    leaving: anyio.Event = field(default_factory=anyio.Event)
    dispatcher: Dispatcher | None = None


class Partitions:
    def __init__(self, *, leases: Leases, serve: Serve, settings: PartitionSettings, owner: str) -> None:
        """`owner` names this process, and no other: draw it anew at each start."""
        self._leases = leases
        self._serve = serve
        self._settings = settings
        self._owner = owner
        self._held: dict[int, _Held] = {}
        self._seat: tuple[str, int] | None = None
        """A lease and its epoch."""
        self._ends = False
        self._no_more_before = 0.0
        self._trouble = ""
        self._changed = anyio.Event()
        self._gone = anyio.Event()
        self._group: anyio.abc.TaskGroup

    @property
    def held(self) -> frozenset[int]:
        """What is dispatched here, or about to be, or being given up."""
        return frozenset(self._held)

    @property
    def outbox_size(self) -> int:
        """Attempts that are committed and not known to be published, in all partitions that are held."""
        return sum(held.dispatcher.outbox_size for held in self._held.values() if held.dispatcher is not None)

    @property
    def trouble(self) -> str:
        """Why nothing can be dispatched here just now; empty where all is well."""
        at_work = (held.dispatcher for held in self._held.values() if held.dispatcher is not None)
        return self._trouble or next((one.trouble for one in at_work if one.trouble), "")

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Hold a fair share, for ever. Raises StoreError when the first look at the leases fails."""
        async with anyio.create_task_group() as self._group:
            pause = await self._look()
            task_status.started()
            while True:
                with anyio.move_on_after(pause):
                    await self._changed.wait()
                self._changed = anyio.Event()
                try:
                    pause = await self._look()
                except StoreError as exc:
                    self._trouble = f"store away: {exc}"
                    _log.warning("leases: %s", exc)
                    pause = self._settings.margin
                else:
                    self._trouble = ""

    async def drain(self) -> None:
        """Let every dispatcher finish what it has begun, and give all up, so that others can go on at once."""
        self._ends = True
        for held in self._held.values():
            held.leaving.set()
        while self._held:
            self._gone = anyio.Event()
            await self._gone.wait()
        if self._seat is not None:
            await self._release(*self._seat)

    # --- the share ----------------------------------------------------------------------------------------------------

    async def _look(self) -> float:
        """Renew what is held, take or give up what the share asks for; return when to look again, in seconds."""
        await self._renew()
        leases = await self._leases.leases()
        if self._seat is None and not self._ends:
            await self._sit_down(leases)
        lacking = self._share(leases) - sum(not held.leaving.is_set() for held in self._held.values())
        if lacking < 0:
            self._give_up(-lacking)
        elif lacking > 0:
            lacking -= await self._take(lacking, {lease.partition for lease in leases})
        ends = [lease.seconds_left + _LAPSE for lease in leases if lease.owner != self._owner]
        return min([self._settings.renewal, *ends, *([self._settings.margin] if lacking > 0 else [])])

    async def _renew(self) -> None:
        begun = anyio.current_time()
        epochs = {held.place.lease: held.epoch for held in self._held.values()} | dict(
            [self._seat] if self._seat else []
        )
        if not epochs:
            return
        still = await self._leases.renew(epochs, self._settings.ttl)
        for held in self._held.values():
            if held.place.lease in still:
                held.scope.deadline = self._deadline(begun)
            elif held.place.lease in epochs:
                _log.warning("partition %d: its lease was lost", held.place.partition)
                held.scope.cancel()
        if self._seat is not None and self._seat[0] not in still:
            self._seat = None

    def _deadline(self, begun: float) -> float:
        return begun + self._settings.ttl - self._settings.margin

    async def _sit_down(self, leases: Sequence[Lease]) -> None:
        taken = {lease.partition for lease in leases}
        for number in range(_SEATS):
            name = f"seat {number}"
            if name in taken:
                continue
            epoch = await self._leases.acquire(name, self._owner, self._settings.ttl)
            if epoch is not None:
                self._seat = (name, epoch)
                return

    def _share(self, leases: Iterable[Lease]) -> int:
        """How many partitions this process is to have."""
        if self._seat is None or self._ends:
            return 0
        names = {self._seat[0], *(lease.partition for lease in leases)}
        seats = sorted(int(found[1]) for name in names if (found := _SEAT.fullmatch(name)))
        each, left = divmod(self._settings.count, len(seats))
        return each + (seats.index(int(self._seat[0].removeprefix("seat "))) < left)

    def _give_up(self, count: int) -> None:
        staying = sorted(number for number, held in self._held.items() if not held.leaving.is_set())
        for number in staying[-count:]:
            _log.info("partition %d: given up, for others have less", number)
            self._held[number].leaving.set()

    async def _take(self, count: int, taken: set[str]) -> int:
        """Take free partitions; return how many."""
        got = 0
        for number in range(self._settings.count):
            place = Place(partition=number)
            if got == count or self._ends or anyio.current_time() < self._no_more_before:
                break
            if place.lease in taken or number in self._held:
                continue
            begun = anyio.current_time()
            epoch = await self._leases.acquire(place.lease, self._owner, self._settings.ttl)
            if epoch is not None:
                self._begin(number, epoch, begun)
                got += 1
        return got

    # --- one partition ------------------------------------------------------------------------------------------------

    def _begin(self, number: int, epoch: int, begun: float) -> None:
        held = _Held(
            place=Place(partition=number, epoch=epoch, partitions=self._settings.count),
            epoch=epoch,
            scope=anyio.CancelScope(deadline=self._deadline(begun)),
        )
        if self._ends:
            held.leaving.set()
        self._held[number] = held
        self._group.start_soon(self._hold, held)

    async def _hold(self, held: _Held) -> None:
        """Dispatch a partition until it is given up or lost."""
        number = held.place.partition
        try:
            _log.info("partition %d: taken, epoch %d", number, held.epoch)
            await self._dispatch(held)
        finally:
            # Should it be another's by now, the epoch says so, and nothing happens.
            await self._release(held.place.lease, held.epoch)
            del self._held[number]
            self._changed.set()
            self._gone.set()
            _log.info("partition %d: released", number)

    async def _dispatch(self, held: _Held) -> None:
        number = held.place.partition
        try:
            async with self._serve(held.place) as dispatcher:
                held.dispatcher = dispatcher
                # Inside, so that connections are closed in order also when the time is up.
                with held.scope:
                    await held.leaving.wait()
                    await dispatcher.drain()
                if held.scope.cancelled_caught:
                    if anyio.current_time() >= held.scope.deadline:
                        self._trouble = "store away: it has not renewed a lease in time"
                    _log.warning("partition %d: stopped, for its lease has ended or is about to", number)
        except* LeaseLostError as lost:
            _log.warning("partition %d: stopped: %s", number, lost.exceptions[0])
        except* ConnectionFailedError as away:
            _log.warning("partition %d: not served: %s", number, away.exceptions[0])
            self._no_more_before = anyio.current_time() + _AFTER_TROUBLE

    async def _release(self, lease: str, epoch: int) -> None:
        with anyio.move_on_after(_RELEASE_SECONDS, shield=True), suppress(StoreError):
            await self._leases.release({lease: epoch})
