"""Runs the `async def` methods of a storage from synchronous code."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from threading import Lock, Thread
from typing import Any


class Coroutines:
    """One event loop in one thread, started when first needed: connections of a storage belong to a loop."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def finish(self, value: Any) -> Any:
        """The outcome of an awaitable; anything else as it is."""
        if not inspect.isawaitable(value):
            return value
        future = asyncio.run_coroutine_threadsafe(_awaited(value), self._running())
        try:
            return future.result()
        except BaseException:
            future.cancel()  # who waited was interrupted, by a time limit for example
            raise

    def stop(self) -> None:
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._loop = None

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                Thread(target=_serve, args=(self._loop,), name=self._name, daemon=True).start()
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _awaited(value: Awaitable[Any]) -> Any:
    return await value
