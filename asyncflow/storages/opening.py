"""Opens a storage as the configuration declares it, and speaks to it for tasks."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from asyncflow.errors import ConfigurationError, MissingResultError, Problem, StorageError
from asyncflow.model.flow import Cache, Storage, Task
from asyncflow.model.names import FlowName, Json, TaskId
from asyncflow.model.trace_events import Emit, TraceEvent
from asyncflow.storages.classes import find_class, is_ours
from asyncflow.storages.connection import Connection
from asyncflow.storages.environment import expand
from asyncflow.storages.interface import ExcInfo
from asyncflow.storages.quiet_cache import QuietCache
from asyncflow.storages.telling import Telling, stored_as
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

    def __init__(
        self, name: str, make: Callable[[], Any], make_cache: Callable[[], Any], emit: Emit | None = None
    ) -> None:
        self.name = name
        self._emit = emit
        self._make = make
        self._make_cache = make_cache
        # Those of a parent process stay here, so that no destructor writes to its sockets.
        self._held: dict[int, _Held] = {}

    def retrieve(self, task: Task, flow: FlowName, id: TaskId) -> Json:
        """The result of a task. Raises MissingResultError too."""
        name, tell = stored_as(task), self._telling(task, flow, id)
        cache = self._here().cache
        found, result = cache.get(id, name, flow, tell)
        if not found:
            tell(TraceEvent.STORAGE_RETRIEVE)
            result = self._find(lambda storage: storage.retrieve(flow, name, id), tell)
            cache.add(id, result, name, flow, tell)
        return result

    def store(self, task: Task, flow: FlowName, id: TaskId, node_args: Json, result: Json) -> Json:
        """Keep a result; returns the storage's id of the record. Does nothing for a task that only reads its storage."""
        if task.storage_readonly:
            return None
        name, tell = stored_as(task), self._telling(task, flow, id)
        try:
            record_id = self._use(lambda storage: storage.store(node_args, flow, name, id, result), tell)
        finally:
            self._here().cache.discard(id, tell)  # a task may run twice, and return something else
        tell(TraceEvent.STORAGE_STORE, node_args=node_args, record_id=record_id)
        return record_id

    def store_error(self, task: Task, flow: FlowName, id: TaskId, node_args: Json, exc_info: ExcInfo) -> Json:
        """Keep why a task failed. Raises NotImplementedError where the storage keeps no errors."""
        name, tell = stored_as(task), self._telling(task, flow, id)

        def store(storage: Any) -> Any:
            if not hasattr(storage, "store_error"):
                raise NotImplementedError
            return storage.store_error(node_args, flow, name, id, exc_info)

        record_id = self._use(store, tell)
        tell(TraceEvent.STORAGE_STORE_ERROR, node_args=node_args, record_id=record_id, **error_details(exc_info))
        return record_id

    def delete(self, task: Task, flow: FlowName, id: TaskId) -> None:
        """Forget a result. Raises MissingResultError too, and NotImplementedError where the storage cannot delete."""
        name, tell = stored_as(task), self._telling(task, flow, id)

        def delete(storage: Any) -> Any:
            if not hasattr(storage, "delete"):
                raise NotImplementedError(f"storage {self.name!r} cannot delete results")
            return storage.delete(flow, name, id)

        tell(TraceEvent.STORAGE_DELETE)
        try:
            self._find(delete, tell)
        finally:
            self._here().cache.discard(id, tell)
        tell(TraceEvent.STORAGE_DELETED)

    def instance(self) -> Any:
        """The connected object of the storage's class, for tasks that call it in ways of their own."""
        return self._use(lambda storage: storage)

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of the class that no other method here calls."""
        return self._use(lambda storage: getattr(storage, method)(*arguments))

    def close(self) -> None:
        """Disconnect this process. The next use connects again."""
        held = self._held.get(os.getpid())
        if held is not None:
            held.connection.close()

    def _telling(self, task: Task, flow: FlowName, id: TaskId) -> Telling:
        return Telling(emit=self._emit, storage=self.name, task=task, flow=flow, id=id)

    def _tell_opened(self) -> None:
        if self._emit is not None:
            self._emit(TraceEvent.STORAGE_CONNECT, {"storage_name": self.name})

    def _find(self, call: Callable[[Any], Any], tell: Telling) -> Any:
        try:
            return self._use(call, tell)
        except Exception as exc:
            if is_missing(exc):
                raise MissingResultError(self.name, tell.flow, tell.task.name, tell.id) from exc
            raise

    def _use(self, call: Callable[[Any], Any], tell: Telling | None = None) -> Any:
        try:
            return self._here().connection.use(call)
        except Exception as exc:
            if tell is not None and not isinstance(exc, NotImplementedError):
                tell(TraceEvent.STORAGE_ISSUE, what=f"{type(exc).__name__}: {exc}")
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
            connection = Connection(self.name, self._make, self._tell_opened)
            cache = QuietCache(self.name, self._make_cache())
            made = _Held(connection=connection, cache=cache)
            held = self._held.setdefault(process, made)
        return held


def error_details(exc_info: ExcInfo) -> dict[str, Json]:
    """Why a task failed, as trace events tell it."""
    kind, value, trace = exc_info
    return {
        "error_type": kind.__name__,
        "error_value": str(value),
        "error_traceback": "".join(traceback.format_exception(kind, value, trace)),
    }


def open_storage(storage: Storage, *, environ: Mapping[str, str], emit: Emit | None = None) -> OpenStorage:
    """Import the class of a storage. It is made and connected when first used. Raises ConfigurationError."""
    what = f"storage `{storage.name}`"
    kind = find_class(storage.module, storage.classname, what)
    given = storage.configuration
    if is_ours(storage.module):  # classes of users expand what they want expanded, as under Selinon
        given = expand(given, environ, f"{what}, `configuration`")
    return OpenStorage(storage.name, _maker(kind, given, what), _cache_maker(storage.cache, what), emit)


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
