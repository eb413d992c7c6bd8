"""What people and programs see of a run: its journal, told node by node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from asyncflow.model import facts as f
from asyncflow.model.names import FlowName, Json, NodeName, RunId, TaskId
from asyncflow.model.run import NodeKind, Parent, Status, TaskError


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """One node of a run. `state`: running, retrying, succeeded, failed, cancelled, or reused."""

    id: TaskId
    name: NodeName
    kind: NodeKind
    state: str
    number: int = 0
    """Counts the nodes that the run has started, from 1."""
    attempt: int = 1
    started_at: float = 0.0
    ended_at: float | None = None
    error: TaskError | None = None
    parent: Parent | None = None
    edge: int | None = None
    fallback: int | None = None
    handled: bool = False
    """A fallback took care of its failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as it stands after its journal. Times in seconds since the epoch."""

    run_id: RunId
    flow: FlowName
    state: Status = Status.RUNNING
    root_id: RunId
    started_at: float
    ended_at: float | None = None
    error: TaskError | None = None
    attempt: int = 1
    node_args: Json = None
    labels: Mapping[str, str] = field(default_factory=dict)
    nodes: Mapping[TaskId, NodeView] = field(default_factory=dict)


def view_of(journal: Iterable[tuple[float, tuple[f.Fact, ...]]]) -> RunView:
    """Tell a run's journal, (time, facts) by (time, facts); it must begin with RunStarted."""
    nodes: dict[TaskId, NodeView] = {}
    run: RunView | None = None
    for at, facts in journal:
        for fact in facts:
            if isinstance(fact, f.RunStarted):
                run = _begun(fact, at, nodes)
            else:
                tell_node(nodes, fact, at)
                run = _tell_run(run, fact, at) if run is not None else None
    assert run is not None, "a journal begins with RunStarted"
    return run


def _begun(fact: f.RunStarted, at: float, nodes: Mapping[TaskId, NodeView]) -> RunView:
    return RunView(
        run_id=fact.run_id,
        flow=fact.flow,
        root_id=fact.root_id,
        started_at=at,
        node_args=fact.node_args,
        labels=fact.labels,
        nodes=nodes,
    )


def _tell_run(run: RunView, fact: f.Fact, at: float) -> RunView:
    match fact:
        case f.RunSucceeded():
            return replace(run, state=Status.SUCCEEDED, ended_at=at, error=None)
        case f.RunFailed(error=error):
            return replace(run, state=Status.FAILED, ended_at=at, error=error)
        case f.RunCancelled():
            return replace(run, state=Status.CANCELLED, ended_at=at)
        case f.RunRetried(attempt=attempt, error=error):
            return replace(run, attempt=attempt, error=error)
        case f.RunPaused():
            return replace(run, state=Status.PAUSED)
        case f.RunResumed():
            return replace(run, state=Status.RUNNING)
        case f.NodeArgsReplaced(node_args=node_args):
            return replace(run, node_args=node_args)
    return run


def tell_node(nodes: dict[TaskId, NodeView], fact: f.Fact, at: float) -> None:
    """Take in what a fact says of nodes; the cost does not depend on how many there are."""
    match fact:
        case f.NodeStarted():
            nodes[fact.id] = NodeView(
                id=fact.id,
                name=fact.name,
                kind=fact.kind,
                state="running",
                number=fact.number,
                started_at=at,
                parent=fact.parent,
                edge=fact.edge,
                fallback=fact.fallback,
            )
        case f.NodeReused():
            nodes[fact.id] = NodeView(
                id=fact.id,
                name=fact.name,
                kind=NodeKind.TASK,
                state="reused",
                started_at=at,
                ended_at=at,
                edge=fact.edge,
            )
        case f.AttemptRetried():
            old = nodes.pop(fact.id)
            nodes[fact.next_id] = replace(
                old, id=fact.next_id, state="retrying", attempt=old.attempt + 1, error=fact.error
            )
        case f.NodeSucceeded():
            nodes[fact.id] = replace(nodes[fact.id], state="succeeded", ended_at=at, error=None)
        case f.NodeFailed():
            nodes[fact.id] = replace(nodes[fact.id], state="failed", ended_at=at, error=fact.error)
        case f.NodeCancelled():
            nodes[fact.id] = replace(nodes[fact.id], state="cancelled", ended_at=at)
        case f.FallbackStarted():
            for id in fact.handled.values():
                nodes[id] = replace(nodes[id], handled=True)


def run_json(run: RunView, results: Mapping[TaskId, Json]) -> dict[str, Json]:
    """A run as JSON; `results` are those known of its tasks."""
    return {
        "run_id": run.run_id,
        "flow": run.flow,
        "state": run.state.value,
        "root_id": run.root_id,
        "started_at": instant(run.started_at),
        "ended_at": instant(run.ended_at),
        "error": error_json(run.error),
        "attempt": run.attempt,
        "node_args": run.node_args,
        "labels": dict(run.labels),
        "nodes": [_node_json(node, results.get(node.id)) for node in sorted(run.nodes.values(), key=_by_start)],
    }


def _by_start(node: NodeView) -> tuple[float, int]:
    """A node that was retried keeps its place."""
    return node.started_at, node.number


def _node_json(node: NodeView, result: Json) -> dict[str, Json]:
    return {
        "id": node.id,
        "name": node.name,
        "kind": node.kind.value,
        "state": node.state,
        "attempt": node.attempt,
        "started_at": instant(node.started_at),
        "ended_at": instant(node.ended_at),
        "result": result,
        "error": error_json(node.error),
        "parent": node.parent,
        "handled": node.handled,
        "fallback": node.fallback is not None,
        "waiting_for": None,  # a queue that does not exist yet: only its dispatcher knows
    }


def error_json(error: TaskError | None) -> Json:
    if error is None:
        return None
    return {"type": error.type, "message": error.message, "module": error.module, "traceback": error.traceback}


def instant(seconds: float | None) -> str | None:
    """ISO 8601 in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
