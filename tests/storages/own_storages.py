"""Storages and caches as users write them, for tests."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from asyncflow.storages import DataStorage


class Plain:
    """Inherits nothing, and may be called by one thread only; notes what it is told."""

    def __init__(self, place: str, *, colour: str = "red") -> None:
        self.place = place
        self.colour = colour
        self.told: list[tuple[Any, ...]] = []
        self.overlapped = False
        self._results: dict[str, Any] = {}
        self._busy = threading.Lock()

    def retrieve(self, flow_name, task_name, task_id):
        self._note("retrieve", flow_name, task_name, task_id)
        return self._results[task_id]

    def store(self, node_args, flow_name, task_name, task_id, result):
        self._note("store", node_args, flow_name, task_name, task_id, result)
        self._results[task_id] = result
        return f"record of {task_id}"

    def store_error(self, node_args, flow_name, task_name, task_id, exc_info):
        self._note("store_error", node_args, flow_name, task_name, task_id, exc_info[1])
        return "error record"

    def _note(self, *what):
        if not self._busy.acquire(blocking=False):
            self.overlapped = True
            return
        threading.Event().wait(0.001)
        self.told.append(what)
        self._busy.release()


class Async(DataStorage):
    """Every method is a coroutine function, and what `connect` opens belongs to its event loop."""

    thread_safe = True

    def __init__(self) -> None:
        self._results: dict[str, Any] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def connect(self):
        await asyncio.sleep(0)
        self._loop = asyncio.get_running_loop()

    async def is_connected(self):
        return self._loop is not None

    async def disconnect(self):
        self._loop = None

    async def retrieve(self, flow_name, task_name, task_id):
        assert asyncio.get_running_loop() is self._loop
        await asyncio.sleep(0)
        if task_id not in self._results:
            raise FileNotFoundError
        return self._results[task_id]

    async def store(self, node_args, flow_name, task_name, task_id, result):
        assert asyncio.get_running_loop() is self._loop
        self._results[task_id] = result
        return task_id


class OperationalError(Exception):
    """What DB-API drivers raise when their server is gone."""


class Failing(DataStorage):
    """Its connections break after each `lasts` uses; with `dead` no use succeeds."""

    def __init__(self, lasts: int = 1, dead: bool = False, error: str = "OperationalError") -> None:
        self.connected = 0
        self.disconnected = 0
        self._lasts = lasts
        self._dead = dead
        self._left = 0
        self._error: type[Exception] = {"OperationalError": OperationalError, "ValueError": ValueError}[error]

    def connect(self):
        self.connected += 1
        self._left = self._lasts

    def is_connected(self):
        return self.connected > 0

    def disconnect(self):
        self.disconnected += 1
        raise RuntimeError("a broken connection cannot be closed")

    def retrieve(self, flow_name, task_name, task_id):
        if self._dead or self._left == 0:
            raise self._error("server closed the connection unexpectedly")
        self._left -= 1
        return "result"

    def store(self, node_args, flow_name, task_name, task_id, result):
        raise NotImplementedError


class Shared(DataStorage):
    """Its first connection breaks while all of its threads use it."""

    thread_safe = True

    def __init__(self, threads: int) -> None:
        self.connected = 0
        self._all_there = threading.Barrier(threads)

    def connect(self):
        self.connected += 1

    def is_connected(self):
        return self.connected > 0

    def retrieve(self, flow_name, task_name, task_id):
        if self.connected == 1:
            self._all_there.wait(timeout=10)
            raise OperationalError("server closed the connection unexpectedly")
        return "result"

    def store(self, node_args, flow_name, task_name, task_id, result):
        raise NotImplementedError


class Hanging(DataStorage):
    """Answers only once it is released, by `release` in its configuration."""

    thread_safe = True

    def __init__(self, gate: threading.Event) -> None:
        self._gate = gate
        self.entered = 0

    def retrieve(self, flow_name, task_name, task_id):
        self.entered += 1
        self._gate.wait()
        return "at last"

    def store(self, node_args, flow_name, task_name, task_id, result):
        self._gate.wait()


class CacheMissError(Exception):
    """As Selinon's: another class of the same name."""


class OwnCache:
    """A cache of the user's, by Selinon's interface."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.items: dict[str, Any] = {}

    def add(self, item_id, item, task_name=None, flow_name=None):
        self.items[item_id, task_name, flow_name] = item

    def get(self, item_id, task_name=None, flow_name=None):
        try:
            return self.items[item_id, task_name, flow_name]
        except KeyError as exc:
            raise CacheMissError from exc


class BrokenCache:
    def add(self, item_id, item, task_name=None, flow_name=None):
        raise RuntimeError("cannot add")

    def get(self, item_id, task_name=None, flow_name=None):
        raise RuntimeError("cannot get")
