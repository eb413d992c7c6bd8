"""Selinon's `SelinonTask`: the class that tasks inherit from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from celery.result import AsyncResult

from asyncflow.errors import RequestError as WrongRequestError
from asyncflow.model.names import Json, TaskId
from asyncflow_celery.flow_task import FlowTask, Place
from asyncflow_celery.local import LOCAL
from asyncflow_selinon.errors import RequestError, Retry
from asyncflow_selinon.storage_pool import StoragePool, failing_as_storage_error


class SelinonTask(FlowTask):
    """As asyncflow_celery.FlowTask, with the exceptions that Selinon's raised."""

    @property
    def storage(self) -> Any:
        """The connected object of the task's storage; None where it has none."""
        return StoragePool.get_storage_by_task_name(self.task_name)

    def parent_task_result(self, parent_name: str) -> Json:
        """The result of the task that started this one. Raises NoParentNodeError, StorageError."""
        with failing_as_storage_error():
            return super().parent_task_result(parent_name)

    def parent_flow_result(self, flow_names: str | Sequence[str], task_name: str, index: int | None = None) -> Json:
        """The result of a task in a sub-flow that started this one. Raises NoParentNodeError, StorageError."""
        with failing_as_storage_error():
            return super().parent_flow_result(flow_names, task_name, index)

    def parent_task_exception(self, parent_name: str) -> Exception:
        """In a fallback: what the failed task raised. Raises NoParentNodeError, RequestError."""
        with _requests():
            return super().parent_task_exception(parent_name)

    def parent_flow_exception(
        self, flow_names: str | Sequence[str], task_name: str, index: int | None = None
    ) -> Exception:
        """In the fallback of a sub-flow: what a task in it raised. Raises NoParentNodeError, RequestError."""
        with _requests():
            return super().parent_flow_exception(flow_names, task_name, index)

    @staticmethod
    def retry(countdown: float = 0) -> NoReturn:
        """Stop here and run again after so many seconds; this counts as no failure."""
        raise Retry(countdown)

    def _known(self) -> Place:
        """Outside of workers too, in a test of a task for example."""
        return self._place or Place(declared=LOCAL.declared())

    def _exception(self, name: str, id: TaskId) -> Exception:
        """Selinon's envelope does not bring errors: then, as under Selinon, the result backend has them, or nobody."""
        if id not in self._known().errors:
            found = AsyncResult(id)
            if found.failed() and isinstance(found.result, Exception):
                return found.result
        return super()._exception(name, id)


@contextmanager
def _requests() -> Iterator[None]:
    try:
        yield
    except WrongRequestError as exc:
        raise RequestError(str(exc)) from exc
