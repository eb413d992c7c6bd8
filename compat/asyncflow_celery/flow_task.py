"""What flow tasks are written with: a class with `run(self, node_args)`, and what it knows of its place in a flow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from asyncflow.errors import AsyncflowError, MissingResultError, RequestError
from asyncflow.model.names import FlowName, Json, TaskId
from asyncflow_celery.exceptions import exception_of
from asyncflow_celery.local import Declared


class FatalTaskError(AsyncflowError):
    """Raised by a task that must not be tried again. The dispatcher knows it by the name of its type."""


class NoParentNodeError(AsyncflowError):
    """A task asked for the result of a node that did not start it."""


class RetryRequested(AsyncflowError):  # noqa: N818  (no error: what `retry` asks of the worker)
    """Ends `run` so that the worker runs the task again later, as the same attempt."""

    def __init__(self, countdown: float) -> None:
        super().__init__(f"again in {countdown:g} s")
        self.countdown = countdown


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a task's object learns beside Selinon's five arguments."""

    declared: Declared
    attempt: int = 1
    results: Mapping[str, Json] = field(default_factory=dict)
    """Results of parents that are kept inline, by task id."""
    errors: Mapping[str, Json] = field(default_factory=dict)
    """For a fallback: why its parents failed, by task id."""
    report: Callable[[Mapping[str, Json]], None] | None = None
    """Tells the dispatcher how far the task is."""


class FlowTask:
    """The class to inherit from. Nothing is asked of a flow task but `run`, which may be `async def`.

    `parent` holds the ids of the nodes that started this one: {task: id}, {flow: {task: [ids]}}.
    """

    _place: Place | None = None

    def __init__(
        self, flow_name: str, task_name: str, parent: Mapping[str, Json] | None, task_id: str, dispatcher_id: str
    ) -> None:
        self.flow_name = flow_name
        self.task_name = task_name
        self.parent = parent
        self.task_id = task_id
        self.dispatcher_id = dispatcher_id
        """The id of the run."""
        self.log = logging.getLogger(f"{type(self).__module__}.{type(self).__qualname__}")

    def run(self, node_args: Json) -> Any:
        """The work. What it returns is the result of the node."""
        raise NotImplementedError(f"{type(self).__qualname__} has no method `run(self, node_args)`")

    @property
    def attempt(self) -> int:
        """Counts the dispatcher's attempts at this node, from 1."""
        return self._place.attempt if self._place else 1

    @property
    def storage(self) -> Any:
        """The connected object of the storage that the configuration gives to this task."""
        declared = self._known().declared
        task = declared.task(self.task_name)
        if task.storage is None:
            raise ValueError(f"task {self.task_name!r} has no storage; add the key `storage` to it")
        return declared.storages.of(task).instance()

    def parent_task_result(self, name: str) -> Json:
        """The result of the task that started this one. Raises NoParentNodeError for any other name."""
        return self._result(self.flow_name, name, self._task_id(name))

    def parent_flow_result(self, flow_names: str | Sequence[str], task_name: str, index: int | None = None) -> Json:
        """The result of a task that ran in a sub-flow which started this one, and which propagates what finished.

        `flow_names` leads from the outermost sub-flow to the one of the task. Of several instances of the task, `index`
        picks one; without it, it is the last. Raises NoParentNodeError for names and indexes that are not there.
        """
        path = _path(flow_names)
        return self._result(path[-1], task_name, self._id_in_flow(path, task_name, index))

    def parent_task_exception(self, name: str) -> Exception:
        """In a fallback: what the failed task raised. Raises NoParentNodeError, and RequestError if it did not fail."""
        return self._exception(name, self._task_id(name))

    def parent_flow_exception(
        self, flow_names: str | Sequence[str], task_name: str, index: int | None = None
    ) -> Exception:
        """In the fallback of a sub-flow that propagates its failures: what a task in it raised.

        Takes and raises what `parent_flow_result` does, and RequestError where the task did not fail.
        """
        return self._exception(task_name, self._id_in_flow(_path(flow_names), task_name, index))

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Tell people how far this task is, as often as you like: the newest word is passed on twice a second."""
        report = self._known().report
        if report is not None:
            report({"done": done, "total": total, "text": text})

    def retry(self, countdown: float = 0) -> NoReturn:
        """Stop here and run again after so many seconds; this counts as no failure and no new attempt."""
        raise RetryRequested(countdown)

    def _known(self) -> Place:
        if self._place is None:
            raise RuntimeError(f"{type(self).__qualname__} was not made by a worker, so it has no results and storages")
        return self._place

    def _task_id(self, name: str) -> TaskId:
        id = (self.parent or {}).get(name)
        if not isinstance(id, str):
            raise NoParentNodeError(
                f"task {name!r} did not start {self.task_name!r}; its parents: {_names(self.parent)}"
            )
        return TaskId(id)

    def _id_in_flow(self, path: Sequence[str], task_name: str, index: int | None) -> TaskId:
        inside: Json = self.parent or {}
        for flow in path:
            inside = inside.get(flow) if isinstance(inside, Mapping) else None
        ids = inside.get(task_name) if isinstance(inside, Mapping) else None
        where = ".".join(path)
        if not isinstance(ids, list):
            known = _names(inside if isinstance(inside, Mapping) else self.parent)
            raise NoParentNodeError(f"{self.task_name!r} knows of no task {task_name!r} in {where}; it knows: {known}")
        try:
            return TaskId(ids[-1 if index is None else index])
        except IndexError:
            raise NoParentNodeError(
                f"task {task_name!r} ran {len(ids)} times in {where}, so there is no index {index}"
            ) from None

    def _result(self, flow: str, name: str, id: TaskId) -> Json:
        place = self._known()
        if id in place.results:
            return place.results[id]
        task = place.declared.task(name)
        if task.storage is None:
            raise MissingResultError("the dispatcher", self.flow_name, name, id)
        return place.declared.storages.of(task).retrieve(task, FlowName(flow), id)

    def _exception(self, name: str, id: TaskId) -> Exception:
        error = self._known().errors.get(id)
        if error is None:
            raise RequestError(f"task {name!r} did not fail, or {self.task_name!r} is not its fallback")
        return exception_of(error)


def _path(flow_names: str | Sequence[str]) -> Sequence[str]:
    return [flow_names] if isinstance(flow_names, str) else flow_names


def _names(parent: Mapping[str, Json] | None) -> str:
    return ", ".join(sorted(parent or {})) or "none"
