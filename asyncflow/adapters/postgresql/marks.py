"""Which attempts the broker has confirmed, until that is written: with the next commit, or after a while alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable

from asyncflow.errors import StoreError
from asyncflow.model.names import TaskId

DELAY = 0.05
"""Seconds that a mark may wait for a commit to travel with."""
RETRY_DELAY = 1.0


class Marks:
    """`flush` writes what is here, and takes it away; it may raise StoreError, and is called again then."""

    def __init__(self, flush: Callable[[], Awaitable[None]]) -> None:
        self._flush = flush
        self._waiting: dict[TaskId, float] = {}
        self._flushing: asyncio.Task[None] | None = None

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, ids: Iterable[TaskId], at: float) -> None:
        for one in ids:
            self._waiting.setdefault(one, at)
        if self._waiting and (self._flushing is None or self._flushing.done()):
            self._flushing = asyncio.create_task(self._flush_later())

    def waiting(self) -> list[tuple[TaskId, float]]:
        return list(self._waiting.items())

    def written(self, marks: Iterable[tuple[TaskId, float]]) -> None:
        for one, _ in marks:
            self._waiting.pop(one, None)

    async def stop(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._flushing
            self._flushing = None

    async def _flush_later(self) -> None:
        delay = DELAY
        while self._waiting:
            await asyncio.sleep(delay)
            try:
                await self._flush()
                delay = DELAY
            except StoreError:
                delay = RETRY_DELAY  # commits say what is wrong; the outbox need not know
