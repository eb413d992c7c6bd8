"""Opens a storage as the configuration declares it, and speaks to it for tasks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from asyncflow.errors import ConfigurationError, MissingResultError, Problem, StorageError
from asyncflow.model.flow import Cache, Storage, Task
from asyncflow.model.names import FlowName, Json, TaskId
from asyncflow.storages.classes import find_class, is_ours
from asyncflow.storages.connection import Connection
from asyncflow.storages.environment import expand
from asyncflow.storages.interface import ExcInfo
from asyncflow.storages.quiet_cache import QuietCache
from asyncflow.storages.troubles import is_missing, is_passing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What one process has of a storage."""

    connection: Connection
    cache: QuietCache


class OpenStorage:
    """A storage, for any thread and any process: each process that uses it gets its own connection.

    Methods raise StorageError where waiting may help, and otherwise what the storage raises.
    """

    def __init__(self, name: str, make: Callable[[], Any], make_cache: Callable[[], Any]) -> None:
        self.name = name
        self._make = make
        self._make_cache = make_cache
        # Those of a parent process stay here, so that no destructor writes to its sockets.
        self._held: dict[int, _Held] = {}

    def retrieve(self, task: Task, flow: FlowName, id: TaskId) -> Json:
        """The result of a task. Raises MissingResultError too."""
        name = _stored_as(task)
        cache = self._here().cache
        found, result = cache.get(id, name, flow)
        if not found:
            result = self._find(task, flow, id, lambda storage: storage.retrieve(flow, name, id))
            cache.add(id, result, name, flow)
        return result

    def store(self, task: Task, flow: FlowName, id: TaskId, node_args: Json, result: Json) -> Json:
        """Keep a result; returns the storage's id of the record. Does nothing for a task that only reads its storage."""
        if task.storage_readonly:
            return None
        name = _stored_as(task)
        try:
            return self._use(lambda storage: storage.store(node_args, flow, name, id, result))
        finally:
            self._here().cache.discard(id)  # a task may run twice, and return something else

    def store_error(self, task: Task, flow: FlowName, id: TaskId, node_args: Json, exc_info: ExcInfo) -> Json:
        """Keep why a task failed. Raises NotImplementedError where the storage keeps no errors."""
        name = _stored_as(task)

        def store(storage: Any) -> Any:
            if not hasattr(storage, "store_error"):
                raise NotImplementedError
            return storage.store_error(node_args, flow, name, id, exc_info)

        return self._use(store)

    def delete(self, task: Task, flow: FlowName, id: TaskId) -> None:
        """Forget a result. Raises MissingResultError too, and NotImplementedError where the storage cannot delete."""
        name = _stored_as(task)

        def delete(storage: Any) -> Any:
            if not hasattr(storage, "delete"):
                raise NotImplementedError(f"storage {self.name!r} cannot delete results")
            return storage.delete(flow, name, id)

        try:
            self._find(task, flow, id, delete)
        finally:
            self._here().cache.discard(id)

    def instance(self) -> Any:
        """The connected object of the storage's class, for tasks that call it in ways of their own."""
        return self._use(lambda storage: storage)

    def close(self) -> None:
        """Disconnect this process. The next use connects again."""
        held = self._held.get(os.getpid())
        if held is not None:
            held.connection.close()

    def _find(self, task: Task, flow: FlowName, id: TaskId, call: Callable[[Any], Any]) -> Any:
        try:
            return self._use(call)
        except Exception as exc:
            if is_missing(exc):
                raise MissingResultError(self.name, flow, task.name, id) from exc
            raise

    def _use(self, call: Callable[[Any], Any]) -> Any:
        try:
            return self._here().connection.use(call)
        except Exception as exc:
            if is_passing(exc):
                raise self._unreachable(exc) from exc
            raise

    def _unreachable(self, exc: Exception) -> StorageError:
        if isinstance(exc, StorageError):
            return exc
        return StorageError(f"storage {self.name!r} cannot be reached: {type(exc).__name__}: {exc}")

    def _here(self) -> _Held:
        process = os.getpid()
        held = self._held.get(process)
        if held is None:
            # Of two threads that come here at once, one wins.
            connection, cache = Connection(self.name, self._make), QuietCache(self.name, self._make_cache())
            made = _Held(connection=connection, cache=cache)
            held = self._held.setdefault(process, made)
        return held


def open_storage(storage: Storage, *, environ: Mapping[str, str]) -> OpenStorage:
    """Import the class of a storage. It is made and connected when first used. Raises ConfigurationError."""
    what = f"storage `{storage.name}`"
    kind = find_class(storage.module, storage.classname, what)
    given = storage.configuration
    if is_ours(storage.module):  # classes of users expand what they want expanded, as under Selinon
        given = expand(given, environ, f"{what}, `configuration`")
    return OpenStorage(storage.name, _maker(kind, given, what), _cache_maker(storage.cache, what))


def _maker(kind: type[Any], given: Json, what: str) -> Callable[[], Any]:
    def make() -> Any:
        try:
            return _called(kind, given)
        except (TypeError, ValueError) as exc:
            message = f"{what} cannot be made with its `configuration`: {exc}"
            raise ConfigurationError([Problem(code="F704", message=message)]) from exc

    return make


def _called(kind: type[Any], given: Json) -> Any:
    if isinstance(given, Mapping):
        return kind(**given)
    return kind() if given is None else kind(given)


def _cache_maker(cache: Cache | None, what: str) -> Callable[[], Any]:
    if cache is None:
        return lambda: None
    kind = find_class(cache.module, cache.name, f"{what}, cache `{cache.name}`")
    options: Json = cache.options
    if is_ours(cache.module):
        options = {"max_cache_size": 0, **cache.options}
    return _maker(kind, options, f"{what}, cache `{cache.name}`,")


def _stored_as(task: Task) -> str:
    return task.storage_task_name or task.name
