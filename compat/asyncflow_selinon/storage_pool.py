"""Selinon's `StoragePool`: the storages of this process, and the results of the sources of an edge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from asyncflow.errors import AsyncflowError, MissingResultError
from asyncflow.model.flow import Task
from asyncflow.model.names import FlowName, Json, TaskId
from asyncflow.storages.interface import ExcInfo
from asyncflow.storages.opening import OpenStorage
from asyncflow_celery.local import LOCAL, NotConfiguredError
from asyncflow_selinon.errors import StorageError, UnknownStorageError


class StoragePool:
    """Made with the ids of tasks by name, and the flow in which they ran."""

    def __init__(self, id_mapping: Mapping[str, str] | None, flow_name: str) -> None:
        self._ids = id_mapping or {}
        self._flow = flow_name

    def get(self, task_name: str) -> Json:
        """The result of one of the tasks. Raises KeyError for any other, and StorageError."""
        return self.retrieve(self._flow, task_name, self._ids[task_name])

    @classmethod
    def retrieve(cls, flow_name: str, task_name: str, task_id: str) -> Json:
        """The result of a task. Raises StorageError, UnknownStorageError."""
        task, storage = _storage_of(task_name)
        with failing_as_storage_error():
            return storage.retrieve(task, FlowName(flow_name), TaskId(task_id))

    @classmethod
    def delete(cls, flow_name: str, task_name: str, task_id: str) -> None:
        """Forget a result. Raises StorageError, UnknownStorageError."""
        task, storage = _storage_of(task_name)
        with failing_as_storage_error():
            storage.delete(task, FlowName(flow_name), TaskId(task_id))

    @classmethod
    def set(cls, node_args: Json, flow_name: str, task_name: str, task_id: str, result: Json) -> Json:
        """Keep a result; returns the storage's id of the record. Raises StorageError, UnknownStorageError."""
        task, storage = _storage_of(task_name)
        return storage.store(task, FlowName(flow_name), TaskId(task_id), node_args, result)

    @classmethod
    def set_error(cls, node_args: Json, flow_name: str, task_name: str, task_id: str, exc_info: ExcInfo) -> bool:
        """Keep why a task failed; returns whether the storage keeps errors. Raises StorageError, UnknownStorageError."""
        task, storage = _storage_of(task_name)
        try:
            storage.store_error(task, FlowName(flow_name), TaskId(task_id), node_args, exc_info)
        except NotImplementedError:
            return False
        return True

    @classmethod
    def get_connected_storage(cls, storage_name: str) -> Any:
        """The object of a storage's class, connected. Raises UnknownStorageError."""
        return _named(storage_name).instance()

    @classmethod
    def get_storage_by_task_name(cls, task_name: str) -> Any:
        """The object of the task's storage, connected; None for a task without one."""
        name = cls.get_storage_name_by_task_name(task_name, graceful=True)
        return None if name is None else cls.get_connected_storage(name)

    @classmethod
    def get_storage_name_by_task_name(cls, task_name: str, graceful: bool = False) -> str | None:
        """Raises UnknownStorageError for a task without a storage, unless `graceful`."""
        try:
            name = LOCAL.declared().task(task_name).storage
        except NotConfiguredError as exc:
            if not graceful:
                raise UnknownStorageError(str(exc)) from exc
            name = None
        if name is None and not graceful:
            raise UnknownStorageError(f"task {task_name!r} has no storage; add the key `storage` to it")
        return name


@contextmanager
def failing_as_storage_error() -> Iterator[None]:
    """Selinon raised StorageError whatever a storage raised, and where it had no such result."""
    try:
        yield
    except MissingResultError as exc:
        raise StorageError(str(exc)) from exc
    except AsyncflowError:
        raise
    except Exception as exc:
        raise StorageError(f"{type(exc).__name__}: {exc}") from exc


def _storage_of(task_name: str) -> tuple[Task, OpenStorage]:
    name = StoragePool.get_storage_name_by_task_name(task_name)
    assert name is not None, "it would have raised"
    return LOCAL.declared().task(task_name), _named(name)


def _named(storage_name: str) -> OpenStorage:
    try:
        return LOCAL.declared().storages.named(storage_name)
    except KeyError:
        raise UnknownStorageError(f"no storage is named {storage_name!r}") from None
