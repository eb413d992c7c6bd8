"""Facts as trace events, with the details that Selinon gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from asyncflow.engine.step import as_text
from asyncflow.model import facts as f
from asyncflow.model.decision import Answer, ItemsOf, Question
from asyncflow.model.flow import Edge, Flow, Selective, Task
from asyncflow.model.names import Json, NodeName, RunId, TaskId
from asyncflow.model.run import Active, Ids, NodeKind, Run, Selection, TaskError
from asyncflow.model.trace_events import TraceEvent as T

Told: TypeAlias = tuple[T, dict[str, Json]]

DISPATCHER_FAILURE = "DispatcherFailure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where a fact stands: the run before it, and what else was decided with it."""

    flow: Flow
    run: Run
    at: float
    facts: Sequence[f.Fact] = ()
    """All of the decision."""
    children: Mapping[RunId, f.RunStarted] = field(default_factory=dict)
    """Child runs that began in the same commit."""
    answers: Mapping[Question, Answer] = field(default_factory=dict)
    """What users' functions have answered."""


def events_of(fact: f.Fact, scene: Scene) -> Iterator[Told]:
    """The trace events that a fact stands for; many facts stand for none."""
    match fact:
        case f.RunStarted():
            return _started(fact, scene)
        case f.RunMigrated():
            return iter([(T.MIGRATION, _migration_details(fact, scene))])
        case f.RunRestarted():
            return iter([(T.FLOW_START, _start_details(scene))])
        case f.NodeStarted():
            return _node_started(fact, scene)
        case f.NodeReused():
            return _reused(fact, scene)
        case f.AttemptRetried():
            return _retried(fact, scene)
        case f.NodeSucceeded() | f.NodeFailed():
            return _node_ended(fact, scene)
        case f.SignalKept() | f.SignalPassed() | f.NodeReleased():
            return _signal(fact, scene)
        case f.EdgeFired() | f.EdgeNotFired() | f.EdgeOmitted():
            return _edge(fact, scene)
        case f.FallbackStarted() | f.FallbackNotStarted():
            return _fallback(fact, scene)
        case f.RunSucceeded() | f.RunFailed() | f.RunCancelled() | f.RunRetried():
            return _ended(fact, scene)
    return iter(())


# --- Runs -------------------------------------------------------------------------------------------------------------


def _started(fact: f.RunStarted, scene: Scene) -> Iterator[Told]:
    details = _start_details(scene)
    if fact.parent_node is None:
        yield T.FLOW_SCHEDULE, dict(details)
    if not any(isinstance(other, f.RunDelayed) for other in scene.facts):
        yield T.FLOW_START, details


def _start_details(scene: Scene) -> dict[str, Json]:
    return {**_where(scene), "queue": scene.flow.queue, "node_args": scene.run.node_args}


def _migration_details(fact: f.RunMigrated, scene: Scene) -> dict[str, Json]:
    """Tainted, in Selinon's words, is a run that has gone by an edge which is there no longer."""
    run = scene.run
    return {
        **_flow_details(scene),
        "new_migration_version": fact.version,
        "old_migration_version": run.version,
        "tainted": any(fact.edges.get(edge, edge) is None for edge in run.triggered),
    }


def _ended(fact: f.RunSucceeded | f.RunFailed | f.RunCancelled | f.RunRetried, scene: Scene) -> Iterator[Told]:
    told = _flow_details(scene)
    match fact:
        case f.RunSucceeded():
            yield T.FLOW_END, told
        case f.RunFailed(error=error) if error.type == DISPATCHER_FAILURE:
            yield T.DISPATCHER_FAILURE, {**told, "what": _what(error)}
        case f.RunFailed(error=error):
            yield T.FLOW_FAILURE, {**told, "what": _what(error), "will_retry": False}
        case f.RunCancelled(reason=reason):
            what = f"cancelled: {reason}" if reason else "cancelled"
            yield T.FLOW_FAILURE, {**told, "what": what, "will_retry": False}
        case f.RunRetried(error=error, due=due, attempt=attempt):
            yield T.FLOW_FAILURE, {**told, "what": _what(error), "will_retry": True}
            again = {name: told[name] for name in ("flow_name", "node_args", "parent", "selective", "queue", "retry")}
            more = {"dispatcher_id": scene.run.id, "retried_count": attempt - 1, "countdown": due - scene.at}
            yield T.FLOW_RETRY, {**again, **more, "state": None}


def _flow_details(scene: Scene) -> dict[str, Json]:
    """What Selinon calls the flow's info. Nothing is polled, so there is no `retry`, the pause until the next look."""
    run = scene.run
    return {
        **_where(scene),
        "node_args": run.node_args,
        "retry": None,
        "queue": scene.flow.queue,
        "state": {
            "active_nodes": [{"name": node.name, "id": id} for id, node in run.active.items()],
            "finished_nodes": _listed(run.finished),
            "failed_nodes": _listed(run.failed),
        },
        "retried_count": run.attempt - 1,
        "parent": run.parent,
        "migration_version": run.version,
    }


def _listed(nodes: Mapping[NodeName, Ids]) -> dict[str, Json]:
    return {name: list(ids) for name, ids in nodes.items()}


# --- Nodes ------------------------------------------------------------------------------------------------------------


def _node_started(fact: f.NodeStarted, scene: Scene) -> Iterator[Told]:
    edge = None if fact.edge is None else scene.flow.edges[fact.edge]
    node_args = fact.node_args if fact.own_args else scene.run.node_args
    told: dict[str, Json] = {
        **_where(scene),
        "condition_str": _condition_of(fact, scene),
        "foreach_str": _foreach_of(edge),
        "countdown": None if fact.due is None else fact.due - scene.at,
    }
    node = scene.flow.nodes[fact.name]
    if fact.kind in (NodeKind.WAIT, NodeKind.DELAY):
        more = {"node_name": fact.name, "node_id": fact.id, "parent": fact.parent, "node_args": node_args}
        waits = {"condition_str": told["condition_str"], "event": fact.event, "until": fact.until}
        yield T.WAIT_START if fact.kind is NodeKind.WAIT else T.DELAY_START, {**_where(scene), **more, **waits}
        return
    if not isinstance(node, Task):
        yield T.SUBFLOW_SCHEDULE, {**told, **_child_details(fact, edge, scene)}
        return
    if _was_asked_for_reuse(node, scene):
        yield T.SELECTIVE_RUN_FUNC, _function_details(fact, scene, node_args, fact.parent)
    more = {"task_name": fact.name, "task_id": fact.id, "parent": fact.parent, "node_args": node_args}
    yield T.TASK_SCHEDULE, {**told, **more, "queue": node.queue, "selective_edge": False}


def _child_details(fact: f.NodeStarted, edge: Edge | None, scene: Scene) -> dict[str, Json]:
    child = scene.children.get(RunId(fact.id))
    return {
        "child_flow_name": fact.name,
        "child_dispatcher_id": fact.id,
        "queue": scene.flow.queue,
        "selective_edge_conf": _wish(edge.selective if edge is not None else None),
        "child_selective": _selection(child.selection if child is not None else None),
        "node_args": child.node_args if child is not None else fact.node_args,
    }


def _was_asked_for_reuse(task: Task, scene: Scene) -> bool:
    selection = scene.run.selection
    return (
        selection is not None
        and task.selective_run_function is not None
        and task.name not in selection.tasks
        and bool(selection.edges.get(scene.flow.name))
    )


def _function_details(
    fact: f.NodeStarted | f.NodeReused, scene: Scene, node_args: Json, parent: Json
) -> dict[str, Json]:
    result = fact.id if isinstance(fact, f.NodeReused) else None
    return {**_where(scene), "node_name": fact.name, "node_args": node_args, "parent": parent, "result": result}


def _reused(fact: f.NodeReused, scene: Scene) -> Iterator[Told]:
    yield T.SELECTIVE_RUN_FUNC, _function_details(fact, scene, scene.run.node_args, scene.run.parent)
    edge = _edge_details(scene.flow.edges[fact.edge], scene)
    yield T.SELECTIVE_TASK_REUSE, {**edge, "task_name": fact.name, "task_id": fact.id}


def _retried(fact: f.AttemptRetried, scene: Scene) -> Iterator[Told]:
    node = scene.run.active.get(fact.id)
    task = None if node is None else scene.flow.nodes.get(node.name)
    if node is None or not isinstance(task, Task):
        return
    told = {
        **_task_details(fact.id, node, task, scene),
        "what": _what(fact.error),
        "retry_countdown": fact.due - scene.at,
        "retried_count": node.failures,
        "user_retry": False,
        "max_retry": task.retries.most,
    }
    yield T.TASK_RETRY, told


def _signal(fact: f.SignalKept | f.SignalPassed | f.NodeReleased, scene: Scene) -> Iterator[Told]:
    told = {**_where(scene), "event": fact.event, "signal_id": fact.key}
    match fact:
        case f.SignalKept():
            yield T.SIGNAL_KEPT, told
        case f.SignalPassed():
            yield T.SIGNAL_PASSED, {**told, "child_dispatcher_id": fact.run_id}
        case f.NodeReleased():
            yield T.SIGNAL_TAKEN, {**told, "node_name": fact.name, "node_id": fact.id}


def _node_ended(fact: f.NodeSucceeded | f.NodeFailed, scene: Scene) -> Iterator[Told]:
    node = scene.run.active.get(fact.id)
    if node is None:
        return
    told = {**_where(scene), "node_name": node.name, "node_id": fact.id}
    if isinstance(fact, f.NodeSucceeded):
        yield T.NODE_SUCCESSFUL, told
        return
    what = _what(fact.error)
    task = scene.flow.nodes.get(node.name)  # a flow that was defined anew may have lost it
    if node.kind is NodeKind.TASK and isinstance(task, Task):
        yield (
            T.TASK_FAILURE,
            {**_task_details(fact.id, node, task, scene), "what": what, "retried_count": node.failures},
        )
    yield T.NODE_FAILURE, {**told, "what": what}
    if node.name in scene.flow.eager_failures:
        yield T.EAGER_FAILURE, {**told, "what": what}


def _task_details(id: str, node: Active, task: Task, scene: Scene) -> dict[str, Json]:
    return {
        "flow_name": scene.flow.name,
        "task_name": node.name,
        "task_id": id,
        "parent": node.parent,
        "node_args": node.node_args if node.own_args else scene.run.node_args,
        "queue": task.queue,
        "dispatcher_id": scene.run.id,
    }


# --- Edges and fallbacks ----------------------------------------------------------------------------------------------


def _edge(fact: f.EdgeFired | f.EdgeNotFired | f.EdgeOmitted, scene: Scene) -> Iterator[Told]:
    edge = scene.flow.edges[fact.edge]
    told = _edge_details(edge, scene)
    match fact:
        case f.EdgeNotFired():
            short = {name: value for name, value in told.items() if name not in ("condition_str", "foreach_str")}
            yield T.EDGE_COND_FALSE, {**short, "condition": fact.why}
        case f.EdgeFired(items=int(count)):
            yield T.FOREACH_RESULT, {**told, "result": _items(fact, edge, scene, count)}
        case f.EdgeOmitted(targets=targets) if len(targets) == len(edge.targets):
            yield T.SELECTIVE_OMIT_EDGE, told
        case f.EdgeOmitted(targets=targets):
            for target in targets:
                yield T.SELECTIVE_OMIT_NODE, {**told, "omitted_node": target}


def _edge_details(edge: Edge, scene: Scene) -> dict[str, Json]:
    return {
        **_where(scene),
        "nodes_to": list(edge.targets),
        "nodes_from": list(edge.sources),
        "condition_str": str(edge.condition),
        "foreach_str": _foreach_of(edge),
        "parent": scene.run.parent,
        "node_args": scene.run.node_args,
    }


def _items(fact: f.EdgeFired, edge: Edge, scene: Scene, count: int) -> Json:
    """What the foreach function has yielded, or how many items, where that is all that is known."""
    if edge.foreach is None:
        return count
    sources = fact.sources
    if not edge.sources:  # those of a starting edge are the run's own parents
        told = scene.run.parent or {}
        sources = {NodeName(name): TaskId(id) for name, id in told.items() if isinstance(id, str)}
    written = as_text(scene.run.node_args)
    asked = ItemsOf(scene.flow.name, edge.foreach.function, written, tuple(sources.items()), edge.index)
    found = scene.answers.get(asked)
    return list(found) if isinstance(found, Sequence) else count


def _fallback(fact: f.FallbackStarted | f.FallbackNotStarted, scene: Scene) -> Iterator[Told]:
    indexes = fact.fallbacks if isinstance(fact, f.FallbackStarted) else (fact.fallback,)
    for index in indexes:
        fallback = scene.flow.fallbacks[index]
        failed = {name: ids.last for name, ids in scene.run.failed.items() if name in fallback.nodes}
        handled = fact.handled if isinstance(fact, f.FallbackStarted) else failed
        told = {
            **_where(scene),
            "nodes": [{"name": name, "id": handled.get(name)} for name in sorted(fallback.nodes)],
            "fallback": list(fallback.targets) or True,
            "condition_strs": [str(fallback.condition)],
        }
        if isinstance(fact, f.FallbackNotStarted):
            yield T.FALLBACK_COND_FALSE, told
        else:
            yield T.FALLBACK_COND_TRUE, told
            yield T.FALLBACK_START, dict(told)


# --- Words that many events share -------------------------------------------------------------------------------------


def _where(scene: Scene) -> dict[str, Json]:
    selective = _selection(scene.run.selection)
    return {"flow_name": scene.flow.name, "dispatcher_id": scene.run.id, "selective": selective}


def _selection(selection: Selection | None) -> Json:
    if selection is None:
        return False
    edges = {flow: {str(index): list(to) for index, to in taken.items()} for flow, taken in selection.edges.items()}
    return {"task_names": list(selection.tasks), "waiting_edges_subset": edges}


def _wish(wish: Selective | None) -> Json:
    if wish is None:
        return False
    subsequent = wish.run_subsequent if isinstance(wish.run_subsequent, bool) else list(wish.run_subsequent)
    return {"tasks": list(wish.tasks), "follow_subflows": wish.follow_subflows, "run_subsequent": subsequent}


def _condition_of(fact: f.NodeStarted, scene: Scene) -> str:
    if fact.edge is not None:
        return str(scene.flow.edges[fact.edge].condition)
    return "True" if fact.fallback is None else str(scene.flow.fallbacks[fact.fallback].condition)


def _foreach_of(edge: Edge | None) -> str | None:
    return None if edge is None or edge.foreach is None else str(edge.foreach)


def _what(error: TaskError) -> str:
    return error.traceback or str(error)
