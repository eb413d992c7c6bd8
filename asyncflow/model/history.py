"""What people and programs see of a run: its journal, told node by node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from asyncflow.model import facts as f
from asyncflow.model.names import FlowName, Json, NodeName, RunId, TaskId
from asyncflow.model.run import GONE, NOWHERE, NodeKind, Parent, Signal, Status, TaskError, Whereabouts, mark_of
from asyncflow.model.verdicts import EdgeView, FallbackView, edge_json, fallback_json, tell_edge, tell_fallback


@dataclass(frozen=True, slots=True, kw_only=True)
class TryView:
    """An attempt that failed, and that another one has followed."""

    id: TaskId
    attempt: int
    due: float
    ended_at: float
    error: TaskError
    queue: str | None = None
    where: Whereabouts = NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """One node of a run. `state`: running, waiting, retrying, succeeded, failed, cancelled, or reused."""

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
    due: float = 0.0
    """When the current attempt was, or is, to begin."""
    tries: tuple[TryView, ...] = ()
    """The attempts before the current one."""
    node_args: Json = None
    own_args: bool = False
    """Whether `node_args` stands for itself; otherwise the node gets the run's."""
    event: str | None = None
    """The signal that a wait node waits for."""
    until: float | None = None
    """When a wait node gives up, or a delay is over."""
    queue: str | None = None
    """Where workers take the current attempt from, as far as that is known."""
    where: Whereabouts = NOWHERE
    """Of the current attempt, when it has ended; before, only its dispatcher knows."""

    @property
    def queued(self) -> float | None:
        """Seconds that the current attempt has waited for a worker, where that is known."""
        return None if self.where.since is None else max(0.0, self.where.since - (self.due or self.started_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as it stands after its journal. Times in seconds since the epoch."""

    run_id: RunId
    flow: FlowName
    version: str = ""
    """Of the flow's definition that the run follows: of that one are the indexes of edges and fallbacks."""
    state: Status = Status.RUNNING
    root_id: RunId
    started_at: float
    ended_at: float | None = None
    error: TaskError | None = None
    attempt: int = 1
    node_args: Json = None
    labels: Mapping[str, str] = field(default_factory=dict)
    nodes: dict[TaskId, NodeView] = field(default_factory=dict)
    edges: dict[int, EdgeView] = field(default_factory=dict)
    """What became of edges, by their index; one of which nothing was decided yet is not there."""
    fallbacks: dict[int, FallbackView] = field(default_factory=dict)
    signals: tuple[Signal, ...] = ()
    """Those that no node has taken yet."""


def view_of(journal: Iterable[tuple[float, tuple[f.Fact, ...]]]) -> RunView:
    """Tell a run's journal, (time, facts) by (time, facts); it must begin with RunStarted."""
    run = told_on(None, journal)
    assert run is not None, "a journal begins with RunStarted"
    return run


def told_on(run: RunView | None, journal: Iterable[tuple[float, tuple[f.Fact, ...]]]) -> RunView | None:
    """Tell what follows what is told already. The view that is given is used up: its nodes and edges go on changing."""
    for at, facts in journal:
        for fact in facts:
            if isinstance(fact, f.RunStarted):
                run = _begun(fact, at)
            elif run is not None:
                tell_node(run.nodes, fact, at)
                tell_edge(run.edges, fact)
                tell_fallback(run.fallbacks, fact)
                run = _tell_run(run, fact, at)
    return run


def _begun(fact: f.RunStarted, at: float) -> RunView:
    return RunView(
        run_id=fact.run_id,
        flow=fact.flow,
        version=fact.version,
        root_id=fact.root_id,
        started_at=at,
        node_args=fact.node_args,
        labels=fact.labels,
    )


def _tell_run(run: RunView, fact: f.Fact, at: float) -> RunView:
    match fact:
        case f.RunMigrated(version=version):
            return replace(run, version=version)
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
        case f.SignalKept():
            kept = Signal(event=fact.event, key=fact.key, payload=fact.payload, at=at)
            return replace(run, signals=(*run.signals, kept))
        case f.SignalPassed() | f.NodeReleased() if run.signals:
            taken = mark_of(fact.event, fact.key)
            return replace(run, signals=tuple(kept for kept in run.signals if kept.mark != taken))
    return run


def tell_node(nodes: dict[TaskId, NodeView], fact: f.Fact, at: float) -> None:
    """Take in what a fact says of nodes; how many there are counts only when the flow was defined anew."""
    match fact:
        case f.NodeStarted():
            nodes[fact.id] = _started(fact, at)
        case f.NodeReused():
            nodes[fact.id] = NodeView(
                id=fact.id,
                name=fact.name,
                kind=fact.kind,
                state="reused",
                started_at=at,
                ended_at=at,
                edge=fact.edge,
            )
        case f.AttemptRetried():
            nodes[fact.next_id] = _retried(nodes.pop(fact.id), fact, at)
        case f.NodeSucceeded():
            node = nodes[fact.id]
            nodes[fact.id] = replace(node, state="succeeded", ended_at=at, error=None, where=fact.where or node.where)
        case f.NodeFailed():
            node = nodes[fact.id]
            nodes[fact.id] = replace(
                node, state="failed", ended_at=at, error=fact.error, where=fact.where or node.where
            )
        case f.NodeCancelled():
            nodes[fact.id] = replace(nodes[fact.id], state="cancelled", ended_at=at)
        case f.RunMigrated():
            nodes.update({id: _moved(node, fact) for id, node in nodes.items()})
        case f.FallbackStarted():
            for id in fact.handled.values():
                nodes[id] = replace(nodes[id], handled=True)


def _started(fact: f.NodeStarted, at: float) -> NodeView:
    return NodeView(
        id=fact.id,
        name=fact.name,
        kind=fact.kind,
        state="waiting" if fact.kind in (NodeKind.WAIT, NodeKind.DELAY) else "running",
        number=fact.number,
        started_at=at,
        parent=fact.parent,
        edge=fact.edge,
        fallback=fact.fallback,
        due=at if fact.due is None else fact.due,
        node_args=fact.node_args,
        own_args=fact.own_args,
        event=fact.event,
        until=fact.until,
        queue=fact.queue,
    )


def _retried(node: NodeView, fact: f.AttemptRetried, at: float) -> NodeView:
    failed = TryView(
        id=node.id,
        attempt=node.attempt,
        due=node.due,
        ended_at=at,
        error=fact.error,
        queue=node.queue,
        where=fact.where or node.where,
    )
    return replace(
        node,
        id=fact.next_id,
        state="retrying",
        attempt=node.attempt + 1,
        error=fact.error,
        due=fact.due,
        tries=(*node.tries, failed),
        queue=fact.queue,
        where=NOWHERE,
    )


def _moved(node: NodeView, fact: f.RunMigrated) -> NodeView:
    """Told by the definition that the run follows last."""
    edge = None if node.edge is None else fact.edges.get(node.edge, node.edge)
    fallback = None if node.fallback is None else fact.fallbacks.get(node.fallback, node.fallback)
    if (edge, fallback) == (node.edge, node.fallback):
        return node
    return replace(
        node,
        edge=GONE if edge is None and node.edge is not None else edge,
        fallback=GONE if fallback is None and node.fallback is not None else fallback,
    )


def run_json(run: RunView, results: Mapping[TaskId, Json]) -> dict[str, Json]:
    """A run as JSON; `results` are those known of its tasks."""
    nodes = [node_json(node, results.get(node.id)) for node in sorted(run.nodes.values(), key=by_start)]
    return {**head_json(run), "nodes": nodes}


def head_json(run: RunView) -> dict[str, Json]:
    """All but its nodes."""
    return {
        "run_id": run.run_id,
        "flow": run.flow,
        "version": run.version,
        "state": run.state.value,
        "root_id": run.root_id,
        "started_at": instant(run.started_at),
        "ended_at": instant(run.ended_at),
        "error": error_json(run.error),
        "attempt": run.attempt,
        "node_args": run.node_args,
        "labels": dict(run.labels),
        "edges": [edge_json(index, edge) for index, edge in sorted(run.edges.items())],
        "fallbacks": [fallback_json(index, one) for index, one in sorted(run.fallbacks.items())],
        "signals": [{"event": kept.event, "id": kept.key, "at": instant(kept.at)} for kept in run.signals],
    }


def by_start(node: NodeView) -> tuple[float, int]:
    """A node that was retried keeps its place."""
    return node.started_at, node.number


def node_json(node: NodeView, result: Json) -> dict[str, Json]:
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
        "node_args": node.node_args,
        "own_args": node.own_args,
        "handled": node.handled,
        "fallback": node.fallback is not None,
        "due": instant(node.due or node.started_at),
        "tries": [_try_json(one) for one in node.tries],
        "event": node.event,
        "until": instant(node.until),
        "queue": node.queue,
        **where_json(node.where),
        # What only its dispatcher knows: the queue, where there is none of that name yet, and {done, total, text}.
        "waiting_for": None,
        "progress": None,
    }


def _try_json(one: TryView) -> dict[str, Json]:
    return {
        "id": one.id,
        "attempt": one.attempt,
        "due": instant(one.due),
        "ended_at": instant(one.ended_at),
        "error": error_json(one.error),
        "queue": one.queue,
        **where_json(one.where),
    }


def where_json(where: Whereabouts) -> dict[str, Json]:
    return {"worker": where.worker or None, "running_since": instant(where.since)}


def seconds_between(begin: str, end: str | None) -> float | None:
    """Between two instants as they are told; None while there is no end."""
    return None if end is None else (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def error_json(error: TaskError | None) -> Json:
    if error is None:
        return None
    return {"type": error.type, "message": error.message, "module": error.module, "traceback": error.traceback}


def instant(seconds: float | None) -> str | None:
    """ISO 8601 in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
