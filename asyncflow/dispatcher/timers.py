"""Timers that were set and are not due yet. They stand in the store as well: a restart loses none."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

import anyio

from asyncflow.model.commands import SetTimer
from asyncflow.ports import Clock


class Timers:
    """Calls back with each timer when it is due."""

    def __init__(self, *, clock: Clock, fire: Callable[[SetTimer], None]) -> None:
        self._clock = clock
        self._fire = fire
        self._heap: list[tuple[float, int, SetTimer]] = []
        self._sequence = 0
        self._changed = anyio.Event()

    def add(self, timers: Iterable[SetTimer]) -> None:
        for timer in timers:
            self._sequence += 1
            heapq.heappush(self._heap, (timer.due, self._sequence, timer))
        self._changed.set()

    async def run(self) -> None:
        """Fire what is due, for ever."""
        while True:
            self._changed = anyio.Event()
            now = self._clock.now()
            while self._heap and self._heap[0][0] <= now:
                self._fire(heapq.heappop(self._heap)[2])
            if not self._heap:
                await self._changed.wait()
                continue
            with anyio.move_on_after(self._heap[0][0] - now):
                await self._changed.wait()
