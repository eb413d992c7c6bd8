"""Nodes that wait for their outcome, and the outcomes that tests give them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from asyncflow.engine.propagation import merged_trees
from asyncflow.errors import RequestError
from asyncflow.model import jsontext
from asyncflow.model.commands import AwaitNode, PublishTask, StartChildRun
from asyncflow.model.flow import TaskKind
from asyncflow.model.names import FlowName, Json, NodeName, RunId, TaskId
from asyncflow.model.run import NodeKind, Parent, Selection, TaskError

Order: TypeAlias = PublishTask | StartChildRun | AwaitNode
"""What began a node that waits for its outcome: a task, a wait, a delay, or a sub-flow that the test ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingNode:
    """A node that is started and not ended, as it stands now. Times in seconds."""

    id: TaskId
    name: NodeName
    kind: NodeKind
    run: RunId
    node_args: Json = None
    parent: Parent | None = None
    args: tuple[Json, ...] = ()
    """For plain Celery tasks: what they are called with; other tasks get `node_args`."""
    kwargs: Mapping[str, Json] | None = None
    errors: Mapping[str, Json] | None = None
    """For flow tasks that are fallbacks: why their parents failed, by id."""
    queue: str = ""
    countdown: float = 0.0
    """How long until it may begin: a retry, or a throttled node."""
    attempt: int = 1
    waited: bool = True
    """False for `nowait` nodes."""
    selection: Selection | None = None
    """What a sub-flow is asked to run, in a selective run."""
    event: str | None = None
    """The signal that a wait node waits for."""
    until: float | None = None
    """When a wait node gives up, or a delay is over."""


def pending_task(order: PublishTask, *, now: float, waited: bool) -> PendingNode:
    is_plain = order.task.kind is TaskKind.CELERY
    return PendingNode(
        id=order.id,
        name=order.task.name,
        kind=NodeKind.TASK,
        run=order.run_id,
        node_args=order.node_args,
        parent=order.parent,
        args=order.args if is_plain else (order.node_args,),
        kwargs=order.kwargs,
        errors=order.errors,
        queue=order.task.queue,
        countdown=_countdown(order, now),
        attempt=order.attempt,
        waited=waited,
    )


def pending_flow(order: StartChildRun, *, now: float, waited: bool, queue: str) -> PendingNode:
    return PendingNode(
        id=order.id,
        name=NodeName(order.flow),
        kind=NodeKind.FLOW,
        run=order.run_id,
        node_args=order.node_args,
        parent=order.parent,
        args=(order.node_args,),
        queue=queue,
        countdown=_countdown(order, now),
        waited=waited,
        selection=order.selection,
    )


def pending_wait(order: AwaitNode, *, now: float, waited: bool) -> PendingNode:
    return PendingNode(
        id=order.id,
        name=order.name,
        kind=order.kind,
        run=order.run_id,
        node_args=order.node_args,
        parent=order.parent,
        args=(order.node_args,),
        countdown=max(0.0, (order.until or 0.0) - now) if order.kind is NodeKind.DELAY else 0.0,
        waited=waited,
        event=order.event,
        until=order.until,
    )


def _countdown(order: PublishTask | StartChildRun, now: float) -> float:
    return 0.0 if order.due is None else max(0.0, order.due - now)


def name_of(order: Order) -> NodeName:
    match order:
        case PublishTask():
            return order.task.name
        case AwaitNode():
            return order.name
        case StartChildRun():
            return NodeName(order.flow)


def due_of(order: Order) -> float:
    """When a node may be ended by its outcome; never, for delays: the clock ends them."""
    if isinstance(order, AwaitNode):
        return math.inf if order.kind is NodeKind.DELAY else 0.0
    return 0.0 if order.due is None else order.due


def plain(value: Json, what: str) -> Json:
    """A copy of a value as JSON gives it back. Raises RequestError for what JSON cannot say."""
    try:
        return jsontext.loads(jsontext.dumps(value))
    except TypeError as exc:
        raise RequestError(f"{what} must be JSON: {exc}") from exc


Failure: TypeAlias = BaseException | type[BaseException] | TaskError | Mapping[str, Json] | str | None
"""An exception, its class, its message, or {"exception": class name, "args": [...]}."""


def error_of(failure: Failure) -> TaskError:
    match failure:
        case None:
            return TaskError(type="Exception", message="failed by the simulation")
        case TaskError():
            return failure
        case str():
            return TaskError(type="Exception", message=failure)
        case BaseException():
            kind = type(failure)
            return TaskError(type=kind.__name__, message=str(failure), module=kind.__module__)
        case type():
            return TaskError(type=failure.__name__, module=failure.__module__)
        case _:
            message = ", ".join(map(str, failure.get("args", ())))
            return TaskError(type=str(failure.get("exception", "Exception")), message=message)


class Reports:
    """What sub-flows that the test ends say of themselves: {"finished_nodes": {name: [ids]}, "failed_nodes": ...}.

    Sub-flows inside are named with the ids of their runs, or with such an object of their own.
    """

    def __init__(self, flows: Iterable[FlowName]) -> None:
        self.flows = frozenset(flows)
        self._known: dict[TaskId, Mapping[str, Json]] = {}

    def note(self, id: TaskId, result: Json) -> None:
        if isinstance(result, Mapping) and ("finished_nodes" in result or "failed_nodes" in result):
            self._known[id] = result

    def report_of(self, id: TaskId) -> dict[str, Json]:
        """In the words of the rules: {"finished": tree, "failed": tree}."""
        known = self._known.get(id, {})
        return {"finished": self._tree(known, "finished_nodes"), "failed": self._tree(known, "failed_nodes")}

    def _tree(self, report: Mapping[str, Json], what: str) -> dict[str, Json]:
        return {name: self._inside(name, ids, what) for name, ids in (report.get(what) or {}).items()}

    def _inside(self, name: str, ids: Json, what: str) -> Json:
        if isinstance(ids, Mapping):
            return ids
        if name not in self.flows:
            return list(ids)
        return merged_trees(self._tree(self._known.get(id, {}), what) for id in ids)
