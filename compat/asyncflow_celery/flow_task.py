"""What flow tasks are written with: a class with `run(self, node_args)`, and what it knows of its place in a flow."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from asyncflow.errors import MissingResultError
from asyncflow.model.names import FlowName, Json, TaskId
from asyncflow_celery.local import Declared


class FatalTaskError(Exception):
    """Raised by a task that must not be tried again. The dispatcher knows it by the name of its type."""


class NoParentNodeError(Exception):
    """A task asked for the result of a node that did not start it."""


class RetryRequested(Exception):  # noqa: N818  (no error: what `retry` asks of the worker)
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
        id = (self.parent or {}).get(name)
        if not isinstance(id, str):
            known = ", ".join(sorted(self.parent or {})) or "none"
            raise NoParentNodeError(f"task {name!r} did not start {self.task_name!r}; its parents: {known}")
        place = self._known()
        if id in place.results:
            return place.results[id]
        task = place.declared.task(name)
        if task.storage is None:
            raise MissingResultError("the dispatcher", self.flow_name, name, id)
        return place.declared.storages.of(task).retrieve(task, FlowName(self.flow_name), TaskId(id))

    def retry(self, countdown: float = 0) -> NoReturn:
        """Stop here and run again after so many seconds; this counts as no failure and no new attempt."""
        raise RetryRequested(countdown)

    def _known(self) -> Place:
        if self._place is None:
            raise RuntimeError(f"{type(self).__qualname__} was not made by a worker, so it has no results and storages")
        return self._place
