"""Starts runs by the clock. Each schedule is the matter of one partition; each tick is one run, whoever starts it.

The run's id follows from the schedule and the tick, so that a tick that is started twice is one run. The last tick that
was seen to is kept in the store after the start is durable: what a crash leaves is started again, under the same id.
"""

from __future__ import annotations

import logging
import uuid
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import anyio
import anyio.to_thread

from asyncflow.dispatcher.place import Place
from asyncflow.dispatcher.work import Work
from asyncflow.errors import AsyncflowError, StoreError
from asyncflow.model.events import RunRequested
from asyncflow.model.history import instant
from asyncflow.model.names import Json, RunId
from asyncflow.model.schedule import Schedule
from asyncflow.ports import Clock, Store

_log = logging.getLogger("asyncflow.schedules")

_TICKS = uuid.UUID("c2f1c1b2-54a4-5a0f-8d6e-0a8f2b0d3c11")
"""Run ids are made of ticks under this namespace; it may never change."""

_LONGEST_SLEEP = 60.0
"""The clock may be put forward, or the machine sleep."""
_LONG = 3600.0
"""After such a time there may be many ticks to go through: beside the event loop."""
_START_SECONDS = 60.0
_AFTER_TROUBLE = 1.0
_SHOWN = 3


def run_of_tick(schedule: str, tick: float) -> RunId:
    return RunId(str(uuid.uuid5(_TICKS, f"{schedule}\n{instant(tick)}")))


def is_of(schedule: str, place: Place) -> bool:
    """Whether the partition sees to a schedule."""
    return zlib.crc32(schedule.encode()) % place.partitions == place.partition


class Schedules:
    def __init__(
        self, *, schedules: Iterable[Schedule], store: Store, clock: Clock, submit: Callable[[Work], None]
    ) -> None:
        self._schedules = tuple(schedules)
        self._store = store
        self._clock = clock
        self._submit = submit
        self._last: dict[str, float] = {}

    async def run(self) -> None:
        """Start what is due, for ever; at once, where there is nothing to see to."""
        while self._schedules:
            try:
                pause = await self._look()
            except StoreError as exc:
                _log.warning("store away: %s", exc)
                pause = _AFTER_TROUBLE
            await self._clock.sleep(pause)

    async def _look(self) -> float:
        """Start what is due by now; return how long until the next tick."""
        now = self._clock.now()
        nearest = now + _LONGEST_SLEEP
        for schedule in self._schedules:
            last = await self._last_of(schedule, now)
            due, seen = (
                await anyio.to_thread.run_sync(schedule.due, last, now)
                if now - last > _LONG
                else schedule.due(last, now)
            )
            for tick in due if schedule.enabled else ():
                await self._start(schedule, tick)
            if seen > last:
                await self._note(schedule, seen)
            coming = schedule.next_tick(max(self._last[schedule.name], now))
            nearest = nearest if coming is None else min(nearest, coming)
        return max(0.0, nearest - self._clock.now())

    async def _last_of(self, schedule: Schedule, now: float) -> float:
        """The last tick that was seen to; of a new schedule, the moment in which it was first seen."""
        if schedule.name not in self._last:
            known = await last_tick(self._store, schedule.name)
            self._last[schedule.name] = known
            if not known:
                await self._note(schedule, now)
        return self._last[schedule.name]

    async def _note(self, schedule: Schedule, tick: float) -> None:
        self._last[schedule.name] = await self._store.take_slot(_slot(schedule.name), tick, 0.0)

    async def _start(self, schedule: Schedule, tick: float) -> None:
        """Returns when the start is durable."""
        over = anyio.Event()
        run_id = run_of_tick(schedule.name, tick)

        def refused(error: AsyncflowError) -> None:
            _log.error("schedule %s: %s", schedule.name, error)
            over.set()

        event = RunRequested(
            at=self._clock.now(),
            run_id=run_id,
            flow=schedule.flow,
            root_id=run_id,
            node_args=schedule.node_args,
            labels={**schedule.labels, "schedule": schedule.name, "tick": instant(tick) or ""},
        )
        self._submit(Work(event=event, committed=over.set, refused=refused))
        with anyio.move_on_after(_START_SECONDS) as scope:
            await over.wait()
        if scope.cancelled_caught:
            _log.error("schedule %s: the start of run %s is not durable yet; going on", schedule.name, run_id)


def _slot(schedule: str) -> str:
    """Where the store keeps the last tick: a slot is the latest of what it was told, and no node has such a name."""
    return f"schedule {schedule}"


async def last_tick(store: Store, schedule: str) -> float:
    """0 for a schedule that was never seen. Raises StoreError."""
    return await store.take_slot(_slot(schedule), 0.0, 0.0)


async def told(schedules: Mapping[str, Schedule], store: Store, now: float) -> Sequence[Json]:
    """All schedules, for clients. Raises StoreError."""
    return [schedule_json(one, now) | {"last": _moment(await last_tick(store, one.name))} for one in schedules.values()]


def schedule_json(schedule: Schedule, now: float) -> dict[str, Json]:
    return {
        "name": schedule.name,
        "flow": schedule.flow,
        "cron": schedule.cron or None,
        "every": schedule.every,
        "timezone": schedule.timezone,
        "enabled": schedule.enabled,
        "catch_up": schedule.catch_up.value,
        "node_args": schedule.node_args,
        "labels": dict(schedule.labels),
        "next": [instant(tick) for tick in schedule.coming(now, _SHOWN)] if schedule.enabled else [],
    }


def _moment(seconds: float) -> str | None:
    return instant(seconds) if seconds else None
