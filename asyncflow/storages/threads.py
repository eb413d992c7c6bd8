"""Threads of one storage: what hangs there holds up neither other storages nor the end of the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Semaphore, Thread
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

_Call: TypeAlias = tuple["Future[Any]", Callable[[], Any]]


class Threads:
    """At most `most` daemon threads, started as needed.

    Not anyio's: a call that was given up must still count as long as its thread hangs, or a storage that hangs would
    take a new thread at every try; and the interpreter waits at its end for threads that are no daemons.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._idle = Semaphore(0)
        self._lock = Lock()
        self._started = 0

    async def run(self, call: Callable[[], T], seconds: float) -> T:
        """The outcome of a call in a thread. Raises TimeoutError; the call may still go on then."""
        future: Future[T] = Future()
        self._calls.put((future, call))
        self._start_where_none_is_idle()
        async with asyncio.timeout(seconds):
            return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Let the threads end, each after the calls that wait now."""
        with self._lock:
            for _ in range(self._started):
                self._calls.put(None)

    def _start_where_none_is_idle(self) -> None:
        with self._lock:
            if not self._idle.acquire(blocking=False) and self._started < self._most:
                self._started += 1
                Thread(target=self._serve, name=f"{self._name} {self._started}", daemon=True).start()

    def _serve(self) -> None:
        while (taken := self._calls.get()) is not None:
            future, call = taken
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as exc:  # noqa: BLE001  (whatever it is goes to who waits)
                    future.set_exception(exc)
            del taken, future, call  # a result must not live until the next call
            self._idle.release()
