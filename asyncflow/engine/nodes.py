"""Starting nodes: tasks get an attempt, sub-flows a child run; waits and delays get a timer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from asyncflow.engine.propagation import errors_of
from asyncflow.engine.step import UNANSWERED, Step
from asyncflow.engine.templates import NoDurationError, arguments_of, duration_of
from asyncflow.engine.waits import begin_waiting
from asyncflow.model.commands import PublishTask, SetTimer, StartChildRun
from asyncflow.model.decision import SlotOf
from asyncflow.model.events import TimerKind
from asyncflow.model.facts import NodeCancelled, NodeStarted
from asyncflow.model.flow import Delay, Node, SubFlow, Task, TaskKind, Wait
from asyncflow.model.names import FlowName, Json, NodeName, TaskId
from asyncflow.model.run import Active, NodeKind, Parent, ParentNode, Selection, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a node comes from, and what that gives it.

    `node_args` counts only with `own_args`; `selection` only where the edge asked for one.
    """

    edge: int | None = None
    fallback: int | None = None
    parent: Parent | None = None
    node_args: Json = None
    own_args: bool = False
    selection: Selection | None = None
    kept: Mapping[str, Json] | None = None
    """Of a sub-flow in a retry: what stands for nodes inside it."""
    item: Json = None
    """What the edge's foreach yielded for it."""


def start_node(step: Step, name: NodeName, origin: Origin) -> None:
    """Start one instance of a node (R13, R15, R16)."""
    node = step.flow.nodes[name]
    number = step.run.number + 1
    id = step.context.new_id(step.run.id, name, number, 1)
    due = _slot_of(step, id, node) if isinstance(node, (Task, SubFlow)) else None
    step.record(
        NodeStarted(
            id=id,
            name=name,
            number=number,
            kind=kind_of(node),
            waited=name not in step.flow.nowait,
            parent=origin.parent,
            node_args=origin.node_args,
            own_args=origin.own_args,
            edge=origin.edge,
            fallback=origin.fallback,
            due=due,
            event=node.event if isinstance(node, Wait) else None,
            until=_end_of(step, node, origin),
            queue=queue_of(step, node),
            kept=origin.kept if step.run.status is Status.PAUSED else None,
        )
    )
    match node:
        case Task():
            publish_attempt(step, id, node, due)
        case SubFlow():
            _start_child_run(step, id, name, origin, due)
        case Wait() | Delay():
            begin_waiting(step, id, node)


def kind_of(node: Node) -> NodeKind:
    return _KINDS[type(node)]


_KINDS: Mapping[type[Node], NodeKind] = {
    Task: NodeKind.TASK,
    SubFlow: NodeKind.FLOW,
    Wait: NodeKind.WAIT,
    Delay: NodeKind.DELAY,
}


def queue_of(step: Step, node: Node) -> str | None:
    """Where an attempt that begins now is sent; what a paused run holds is sent by the definition of another time."""
    return node.taken_from if isinstance(node, Task) and step.run.status is not Status.PAUSED else None


def _slot_of(step: Step, id: TaskId, node: Task | SubFlow) -> float | None:
    """When a throttled node may begin; None for now."""
    if node.throttling is None:
        return None
    slot = step.ask(SlotOf(node.name, id, node.throttling))
    if slot is UNANSWERED:
        return None  # the step is open and will not count, but may ask more by going on
    return float(slot) if slot > step.at else None


def _end_of(step: Step, node: Node, origin: Origin) -> float | None:
    """When a wait gives up, or a delay is over; None where nobody can say, and then a delay fails."""
    match node:
        case Wait(timeout=float(seconds)):
            return step.at + seconds
        case Delay():
            try:
                duration = duration_of(step, node, origin)
            except NoDurationError:
                return None
            return None if duration is UNANSWERED else step.at + duration
    return None


def release_held(step: Step, held: Iterable[TaskId], selection_of: Callable[[Active], Selection | None]) -> None:
    """Begin the nodes that were started while the run was paused."""
    for id in held:
        active = step.run.active.get(id)
        if active is None:
            continue
        node = step.flow.nodes.get(active.name)
        if isinstance(node, Task) is not (active.kind is NodeKind.TASK) or node is None:
            step.record(NodeCancelled(id=id))  # the flow was defined anew without it
            continue
        if isinstance(node, Task):
            publish_attempt(step, id, node, None)
            continue
        origin = Origin(
            edge=active.edge,
            fallback=active.fallback,
            parent=active.parent,
            node_args=active.node_args,
            own_args=active.own_args,
            selection=selection_of(active),
            kept=active.kept,
        )
        _start_child_run(step, id, active.name, origin, None)


def publish_attempt(step: Step, id: TaskId, task: Task, due: float | None) -> None:
    """Order the current attempt of an active task to be published; a paused run holds it."""
    if step.run.status is Status.PAUSED:
        return
    node = step.run.active[id]
    args, kwargs, errors = (), None, None
    if task.kind is TaskKind.CELERY:
        arguments = arguments_of(step, task, node)
        if arguments is UNANSWERED:
            return
        args, kwargs = arguments
    elif task.kind is TaskKind.FLOW and node.fallback is not None:
        errors = errors_of(step.run, node.parent)
    step.commands.append(
        PublishTask(
            run_id=step.run.id,
            root_id=step.run.root_id,
            flow=step.flow.name,
            id=id,
            task=task if step.run.priority is None else replace(task, priority=step.run.priority),
            attempt=node.attempt,
            node_args=node.node_args if node.own_args else step.run.node_args,
            parent=node.parent,
            args=args,
            kwargs=kwargs,
            errors=errors,
            due=due,
        )
    )
    if task.timeout is not None:
        starts = step.at if due is None else due
        step.commands.append(
            SetTimer(run_id=step.run.id, kind=TimerKind.NODE_TIMEOUT, due=starts + task.timeout, id=id)
        )


def _start_child_run(step: Step, id: TaskId, name: NodeName, origin: Origin, due: float | None) -> None:
    flow, run = step.flow, step.run
    if run.status is Status.PAUSED:
        return
    node_args = origin.node_args if origin.own_args else run.node_args if name in flow.propagate_node_args else None
    tells_parent = flow.propagate_parent
    if origin.fallback is not None:
        tells_parent = flow.propagate_parent | flow.propagate_parent_failures
    step.commands.append(
        StartChildRun(
            run_id=run.id,
            root_id=run.root_id,
            id=id,
            parent_node=ParentNode(run_id=run.id, id=id),
            flow=FlowName(name),
            node_args=node_args,
            parent=origin.parent if name in tells_parent else None,
            selection=origin.selection or _inherited_selection(step),
            reports=run.reports or name in flow.reported,
            due=due,
            kept=origin.kept,
            priority=run.priority,
        )
    )


def _inherited_selection(step: Step) -> Selection | None:
    """A flow that runs fully in a selective run, as a dependency, has nothing to hand on (R37)."""
    selection = step.run.selection
    return selection if selection is not None and selection.edges.get(step.flow.name) else None
