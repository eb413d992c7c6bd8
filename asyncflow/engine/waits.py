"""Nodes for which nothing is sent: waits, which signals release, and delays, which are over after a while.

A signal to a run releases the oldest of its nodes that waits for that event and takes the payload: one signal, one
node. Without such a node in the run, it goes to the runs of its sub-flows, in the order of their starts. When no node
waits yet, the run keeps it, and the next node that waits takes it, in this run or in a sub-flow's.

A released node succeeds in a step of its own, by a timer that is due at once: by then its payload is stored as its
result, and whoever asks for it finds it like that of a task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from asyncflow.engine.step import UNANSWERED, Step, Unanswered
from asyncflow.engine.templates import NoDurationError, duration_of
from asyncflow.errors import SignalRefusedError
from asyncflow.model.commands import AwaitNode, KeepResult, PassSignal, SetTimer
from asyncflow.model.durations import text_of
from asyncflow.model.events import SignalReceived, SignalSought, TimerKind
from asyncflow.model.facts import NodeReleased, SignalKept, SignalPassed
from asyncflow.model.flow import Delay, Flow, SubFlow, Wait
from asyncflow.model.names import FlowName, TaskId
from asyncflow.model.run import Active, Run, Signal, TaskError

MOST_KEPT = 256
"""Signals that a run keeps for nodes that do not wait yet."""

Awaited = Mapping[FlowName, Mapping[str, tuple[Wait, ...]]]
"""By flow and event: the nodes that can ever wait for it, in the flow or in its sub-flows."""


def begin_waiting(step: Step, id: TaskId, node: Wait | Delay) -> None:
    """Begin a node that is recorded already: set its timer, and take a signal that was kept for it."""
    active = step.run.active[id]
    step.commands.append(
        AwaitNode(
            run_id=step.run.id,
            id=id,
            name=active.name,
            kind=active.kind,
            event=active.event,
            until=active.until,
            node_args=active.node_args if active.own_args else step.run.node_args,
            parent=active.parent,
        )
    )
    if active.until is not None:
        kind = TimerKind.NODE_DONE if isinstance(node, Delay) else TimerKind.NODE_TIMEOUT
        step.commands.append(SetTimer(run_id=step.run.id, kind=kind, due=active.until, id=id))
    elif isinstance(node, Delay):  # it fails in a step of its own, as any node does, so that a fallback can handle it
        step.commands.append(SetTimer(run_id=step.run.id, kind=TimerKind.NODE_TIMEOUT, due=step.at, id=id))
    if isinstance(node, Wait):
        kept = kept_for(step.run, node)
        if kept is not None:
            _release(step, id, kept)


def kept_for(run: Run, node: Wait) -> Signal | None:
    """The oldest signal that a run keeps and the node takes."""
    return next((kept for kept in run.signals if kept.event == node.event and not node.complaint(kept.payload)), None)


def waiting_for(run: Run, event: str) -> list[TaskId]:
    """The nodes of a run that wait for an event, the oldest first."""
    waiting = [(node.number, id) for id, node in run.active.items() if node.event == event and not node.released]
    return [id for _, id in sorted(waiting)]


def takers(flow: Flow, run: Run, event: SignalReceived) -> Iterator[tuple[TaskId, str]]:
    """The nodes of a run that the signal can be for, the oldest first, each with what is wrong with the payload."""
    for id in waiting_for(run, event.name):
        node = flow.nodes.get(run.active[id].name)
        if isinstance(node, Wait) and event.id in (None, id):
            yield id, node.complaint(event.payload)


def receive(step: Step, event: SignalReceived) -> None:
    """Raises SignalRefusedError, where the signal cannot be taken. One that came before is not taken again."""
    run = step.run
    signal = Signal(event=event.name, key=event.key, payload=event.payload, at=step.at)
    if signal.mark in run.signal_marks:
        return
    if run.status.is_terminal:
        raise SignalRefusedError.ended(run.id, run.flow, run.status.value)
    if event.bound_for is not None:
        step.record(SignalPassed(event=event.name, key=event.key, run_id=event.bound_for))
        step.commands.append(PassSignal(run_id=event.bound_for, signal=signal, id=event.id))
        return
    taker = next((id for id, complaint in takers(step.flow, run, event) if not complaint), None)
    if taker is not None:
        _release(step, taker, signal)
    elif len(run.signals) < MOST_KEPT:
        step.record(SignalKept(event=event.name, key=event.key, payload=event.payload))
    else:
        raise SignalRefusedError(f"run {run.id} keeps {MOST_KEPT} signals that no node has taken, and takes no more")


def hand_over(step: Step, event: SignalSought) -> None:
    """Give a kept signal to a node in a sub-flow's run."""
    kept = next((each for each in step.run.signals if each.mark == event.mark), None)
    if kept is not None:
        step.record(SignalPassed(event=kept.event, key=kept.key, run_id=event.by))
        step.commands.append(PassSignal(run_id=event.by, signal=kept, id=event.id))


def wait_timeout(flow: Flow, node: Active) -> TaskError:
    """Why a wait node fails for which no signal came."""
    declared = flow.nodes.get(node.name)
    seconds = declared.timeout if isinstance(declared, Wait) else None  # it may be gone since it was set
    within = "in time" if seconds is None else f"within {text_of(seconds)}"
    return TaskError(type="WaitTimeout", message=f"no signal {node.event!r} came {within}", module="asyncflow")


def no_duration(step: Step, node: Active) -> TaskError | Unanswered:
    """Why a delay fails that never had an end."""
    declared = step.flow.nodes.get(node.name)
    message = f"delay {node.name} has no duration"
    if isinstance(declared, Delay):  # it may be gone, or another, since it was begun
        try:
            if duration_of(step, declared, node) is UNANSWERED:
                return UNANSWERED
        except NoDurationError as exc:
            message = str(exc)
    return TaskError(type="NoDuration", message=message, module="asyncflow")


def _release(step: Step, id: TaskId, signal: Signal) -> None:
    run_id, name = step.run.id, step.run.active[id].name
    step.record(NodeReleased(id=id, name=name, event=signal.event, key=signal.key))
    step.commands.append(KeepResult(run_id=run_id, id=id, name=name, result=signal.payload))
    step.commands.append(SetTimer(run_id=run_id, kind=TimerKind.NODE_DONE, due=step.at, id=id))


def awaited_in(flows: Mapping[FlowName, Flow]) -> Awaited:
    """What can be waited for in each flow; flows in which nothing can are left out."""
    own = {name: [node for node in flow.nodes.values() if isinstance(node, Wait)] for name, flow in flows.items()}
    if not any(own.values()):
        return {}
    found: dict[FlowName, dict[str, tuple[Wait, ...]]] = {}
    for name in flows:
        events: dict[str, tuple[Wait, ...]] = {}
        for inside in _inside(flows, name):
            for wait in own[inside]:
                events[wait.event] = (*events.get(wait.event, ()), wait)
        if events:
            found[name] = events
    return found


def _inside(flows: Mapping[FlowName, Flow], name: FlowName) -> dict[FlowName, None]:
    """A flow, and those that it can start, at any depth."""
    seen = {name: None}
    unseen = [name]
    while unseen:
        nodes = flows[unseen.pop()].nodes
        inner = (FlowName(each) for each, node in nodes.items() if isinstance(node, SubFlow))
        new = [flow for flow in inner if flow in flows and flow not in seen]
        seen.update(dict.fromkeys(new))
        unseen.extend(new)
    return seen
