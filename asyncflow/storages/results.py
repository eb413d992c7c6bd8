"""The dispatcher's way to the storages of task results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Lock
from typing import TypeVar

from asyncflow.errors import AsyncflowError, BrokenStorageError, StorageError
from asyncflow.model.flow import Configuration, Storage, Task
from asyncflow.model.names import FlowName, Json, TaskId
from asyncflow.model.trace_events import Emit
from asyncflow.storages.opening import OpenStorage, open_storage
from asyncflow.storages.threads import Threads

T = TypeVar("T")


class OpenStorages:
    """The storages of a configuration, by name, each opened when first asked for."""

    def __init__(
        self, declared: Mapping[str, Storage], *, environ: Mapping[str, str], emit: Emit | None = None
    ) -> None:
        self._declared = declared
        self._emit = emit
        self._environ = environ
        self._opened: dict[str, OpenStorage] = {}
        self._lock = Lock()

    def named(self, name: str) -> OpenStorage:
        """Raises ConfigurationError where its class cannot be imported, and KeyError for an undeclared name."""
        found = self._opened.get(name)
        if found is not None:
            return found
        made = open_storage(self._declared[name], environ=self._environ, emit=self._emit)
        with self._lock:
            return self._opened.setdefault(name, made)

    def of(self, task: Task) -> OpenStorage:
        """The storage of a task that has one."""
        if task.storage is None:
            raise KeyError(f"task {task.name!r} has no storage")
        return self.named(task.storage)

    def opened(self) -> list[OpenStorage]:
        return list(self._opened.values())


class StorageResults:
    """Fulfils asyncflow.ports.Results. A storage that hangs holds up only those who ask that storage.

    `storages` is for those who share a process and must see the same in-memory results: pass it on to them.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        environ: Mapping[str, str],
        timeout: float = 30.0,
        threads: int = 8,
        emit: Emit | None = None,
    ) -> None:
        self.storages = OpenStorages(configuration.storages, environ=environ, emit=emit)
        self._timeout = timeout
        self._threads = {name: Threads(f"storage {name}", threads) for name in configuration.storages}

    async def retrieve(self, flow: FlowName, task: Task, id: TaskId) -> Json:
        """Raises StorageError where waiting may help; otherwise MissingResultError or BrokenStorageError."""
        return await self._run(task, lambda: self.storages.of(task).retrieve(task, flow, id))

    async def store(self, flow: FlowName, task: Task, id: TaskId, node_args: Json, result: Json) -> None:
        """Raises StorageError or BrokenStorageError. A storage that did not answer in time may have stored the result all the same."""
        await self._run(task, lambda: self.storages.of(task).store(task, flow, id, node_args, result))

    async def close(self) -> None:
        """Disconnect every storage, those that hang aside."""
        for storage in self.storages.opened():
            threads = self._threads[storage.name]
            with suppress(TimeoutError):
                await threads.run(storage.close, 1.0)
            threads.close()

    async def _run(self, task: Task, call: Callable[[], T]) -> T:
        if task.storage is None or task.storage not in self._threads:
            raise KeyError(f"task {task.name!r} has no storage")
        try:
            return await self._threads[task.storage].run(call, self._timeout)
        except TimeoutError as exc:
            raise StorageError(f"storage {task.storage!r} did not answer within {self._timeout:g} s") from exc
        except AsyncflowError:
            raise
        except Exception as exc:
            raise BrokenStorageError(f"storage {task.storage!r} failed: {type(exc).__name__}: {exc}") from exc
