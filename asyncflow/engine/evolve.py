"""evolve(run, fact) -> run: the meaning of each fact, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from immutables import Map

from asyncflow.model import facts as f
from asyncflow.model.facts import Fact
from asyncflow.model.names import NodeName, TaskId
from asyncflow.model.run import GONE, Active, Ids, NodeKind, Run, Signal, Status, TaskError, mark_of

MOST_MARKS = 1000
"""Signals of a run that are known again when they are delivered twice: the latest so many."""


def evolve(run: Run | None, fact: Fact, at: float) -> Run:
    """The run after a fact. Only `RunStarted` begins one; it takes None. `at` is when it was decided."""
    if isinstance(fact, f.RunStarted):
        return _begin(fact, at)
    assert run is not None, f"{type(fact).__name__} before RunStarted"
    return _APPLY[type(fact)](run, fact, at)


def _begin(fact: f.RunStarted, at: float) -> Run:
    return Run(
        id=fact.run_id,
        flow=fact.flow,
        version=fact.version,
        root_id=fact.root_id,
        parent_node=fact.parent_node,
        started_at=at,
        node_args=fact.node_args,
        first_node_args=fact.node_args,
        parent=fact.parent,
        selection=fact.selection,
        reports=fact.reports,
        labels=fact.labels,
        kept=fact.kept,
        priority=fact.priority,
    )


def _with(run: Run, **changes: Any) -> Run:
    """dataclasses.replace, ten times as fast: it skips the checks of an __init__ that has none."""
    made = object.__new__(Run)
    object.__setattr__(made, "__dict__", {**run.__dict__, **changes})
    return made


def _run_migrated(run: Run, fact: f.RunMigrated, at: float) -> Run:
    triggered = {fact.edges.get(edge, edge): times for edge, times in run.triggered.items()}
    active = run.active
    if fact.edges or fact.fallbacks:
        active = Map({id: _moved(node, fact) for id, node in active.items()})
    return _with(
        run,
        version=fact.version,
        active=active,
        met=Map(fact.met),
        triggered=Map({edge: times for edge, times in triggered.items() if edge is not None}),
        selection=fact.selection or run.selection,
    )


def _moved(node: Active, fact: f.RunMigrated) -> Active:
    """It stays a node of an edge, or of a fallback, though that may be gone."""
    if node.edge is not None:
        edge = fact.edges.get(node.edge, node.edge)
        return replace(node, edge=GONE if edge is None else edge)
    if node.fallback is not None:
        fallback = fact.fallbacks.get(node.fallback, node.fallback)
        return replace(node, fallback=GONE if fallback is None else fallback)
    return node


def _node_started(run: Run, fact: f.NodeStarted, at: float) -> Run:
    active = Active(
        name=fact.name,
        number=fact.number,
        kind=fact.kind,
        attempt=1,
        waited=fact.waited,
        parent=fact.parent,
        node_args=fact.node_args,
        own_args=fact.own_args,
        edge=fact.edge,
        fallback=fact.fallback,
        event=fact.event,
        until=fact.until,
        kept=fact.kept,
    )
    is_sent = fact.kind is NodeKind.TASK or fact.kind is NodeKind.FLOW
    return _with(
        run,
        number=fact.number,
        active=run.active.set(fact.id, active),
        waited=run.waited + fact.waited,
        held=_held(run, fact.id) if is_sent else run.held,
    )


def _node_reused(run: Run, fact: f.NodeReused, at: float) -> Run:
    if not fact.waited:
        return run
    reports_of = run.reports_of if fact.report is None else run.reports_of.set(fact.id, fact.report)
    return _with(run, finished=_added(run.finished, fact.name, fact.id), reports_of=reports_of)


def _attempt_retried(run: Run, fact: f.AttemptRetried, at: float) -> Run:
    old = run.active[fact.id]
    again = Active(
        name=old.name,
        number=old.number,
        kind=old.kind,
        attempt=old.attempt + 1,
        failures=old.failures + fact.counts,
        waited=old.waited,
        parent=old.parent,
        node_args=old.node_args,
        own_args=old.own_args,
        edge=old.edge,
        fallback=old.fallback,
    )
    return _with(run, active=run.active.delete(fact.id).set(fact.next_id, again), held=_held(run, fact.next_id))


def _node_succeeded(run: Run, fact: f.NodeSucceeded, at: float) -> Run:
    node = run.active[fact.id]
    active = run.active.delete(fact.id)
    if not node.waited:
        return _with(run, active=active)
    reports_of = run.reports_of if fact.report is None else run.reports_of.set(fact.id, fact.report)
    return _with(
        run,
        active=active,
        waited=run.waited - 1,
        finished=_added(run.finished, node.name, fact.id),
        reports_of=reports_of,
    )


def _node_failed(run: Run, fact: f.NodeFailed, at: float) -> Run:
    node = run.active[fact.id]
    active = run.active.delete(fact.id)
    if not node.waited:
        return _with(run, active=active)
    reports_of = run.reports_of if fact.report is None else run.reports_of.set(fact.id, fact.report)
    return _with(
        run,
        active=active,
        waited=run.waited - 1,
        failed=_added(run.failed, node.name, fact.id),
        errors=_with_errors(run, fact),
        reports_of=reports_of,
    )


def _with_errors(run: Run, fact: f.NodeFailed) -> Map[TaskId, TaskError]:
    """A sub-flow that failed brings the errors of what failed inside it."""
    errors = run.errors.set(fact.id, fact.error)
    inside = (fact.report or {}).get("errors") or {}
    return errors.update({TaskId(id): TaskError(**error) for id, error in inside.items()}) if inside else errors


def _node_cancelled(run: Run, fact: f.NodeCancelled, at: float) -> Run:
    node = run.active[fact.id]
    return _with(run, active=run.active.delete(fact.id), waited=run.waited - node.waited)


def _signal_kept(run: Run, fact: f.SignalKept, at: float) -> Run:
    kept = Signal(event=fact.event, key=fact.key, payload=fact.payload, at=at)
    return _with(run, signals=(*run.signals, kept), signal_marks=_marked(run, kept.mark))


def _signal_taken(run: Run, fact: f.SignalPassed | f.NodeReleased, at: float) -> Run:
    mark = mark_of(fact.event, fact.key)
    left = tuple(kept for kept in run.signals if kept.mark != mark)
    return _with(run, signals=left, signal_marks=_marked(run, mark))


def _node_released(run: Run, fact: f.NodeReleased, at: float) -> Run:
    released = replace(run.active[fact.id], released=True)
    return _signal_taken(_with(run, active=run.active.set(fact.id, released)), fact, at)


def _marked(run: Run, mark: str) -> tuple[str, ...]:
    """The marks with one more; a kept signal that is taken has its mark already."""
    return run.signal_marks if mark in run.signal_marks else (*run.signal_marks, mark)[-MOST_MARKS:]


def _source_met(run: Run, fact: f.SourceMet, at: float) -> Run:
    return _with(run, met=run.met.set(fact.edge, run.met.get(fact.edge, 0) + 1))


def _edge_fired(run: Run, fact: f.EdgeFired, at: float) -> Run:
    return _with(run, triggered=run.triggered.set(fact.edge, run.triggered.get(fact.edge, 0) + 1))


def _unchanged(run: Run, fact: Fact, at: float) -> Run:
    return run


def _node_args_replaced(run: Run, fact: f.NodeArgsReplaced, at: float) -> Run:
    return _with(run, node_args=fact.node_args)


def _fallback_started(run: Run, fact: f.FallbackStarted, at: float) -> Run:
    failed = run.failed
    for name in fact.handled:  # always the last that failed: taking it off costs the same at any length
        left = failed[name].before
        failed = failed.set(name, left) if left else failed.delete(name)
    return _with(run, failed=failed, must_fail=run.must_fail or fact.must_fail)


def _run_succeeded(run: Run, fact: f.RunSucceeded, at: float) -> Run:
    return _with(run, status=Status.SUCCEEDED, ended_at=at)


def _run_failed(run: Run, fact: f.RunFailed, at: float) -> Run:
    return _with(run, status=Status.FAILED, ended_at=at, error=fact.error)


def _run_cancelled(run: Run, fact: f.RunCancelled, at: float) -> Run:
    return _with(run, status=Status.CANCELLED, ended_at=at)


def _run_retried(run: Run, fact: f.RunRetried, at: float) -> Run:
    """Only what runs unwaited stays known; the rest of the failed attempt is superseded."""
    unwaited = {id: node for id, node in run.active.items() if not node.waited}
    return _with(
        run,
        attempt=fact.attempt,
        restarting=True,
        active=Map(unwaited),
        waited=0,
        finished=Map(),
        failed=Map(),
        errors=Map(),
        reports_of=Map(),
        met=Map(),
        triggered=Map(),
        must_fail=False,
        kept=None,
    )


def _run_delayed(run: Run, fact: f.RunDelayed, at: float) -> Run:
    return _with(run, restarting=True)


def _run_restarted(run: Run, fact: f.RunRestarted, at: float) -> Run:
    return _with(run, restarting=False, node_args=run.first_node_args)


def _run_paused(run: Run, fact: f.RunPaused, at: float) -> Run:
    return _with(run, status=Status.PAUSED)


def _run_resumed(run: Run, fact: f.RunResumed, at: float) -> Run:
    return _with(run, status=Status.RUNNING, held=Ids.EMPTY)


def _held(run: Run, id: TaskId) -> Ids:
    return run.held.add(id) if run.status is Status.PAUSED else run.held


def _added(lists: Map[NodeName, Ids], name: NodeName, one: TaskId) -> Map[NodeName, Ids]:
    return lists.set(name, lists.get(name, Ids.EMPTY).add(one))


_Apply = Callable[[Run, Any, float], Run]

_APPLY = cast(
    "dict[type[Any], _Apply]",
    {
        f.RunMigrated: _run_migrated,
        f.NodeStarted: _node_started,
        f.NodeReused: _node_reused,
        f.AttemptRetried: _attempt_retried,
        f.NodeSucceeded: _node_succeeded,
        f.NodeFailed: _node_failed,
        f.NodeCancelled: _node_cancelled,
        f.SignalKept: _signal_kept,
        f.SignalPassed: _signal_taken,
        f.NodeReleased: _node_released,
        f.SourceMet: _source_met,
        f.EdgeFired: _edge_fired,
        f.EdgeNotFired: _unchanged,
        f.EdgeOmitted: _unchanged,
        f.NodeArgsReplaced: _node_args_replaced,
        f.FallbackStarted: _fallback_started,
        f.FallbackNotStarted: _unchanged,
        f.RunSucceeded: _run_succeeded,
        f.RunFailed: _run_failed,
        f.RunRetried: _run_retried,
        f.RunDelayed: _run_delayed,
        f.RunRestarted: _run_restarted,
        f.RunCancelled: _run_cancelled,
        f.RunPaused: _run_paused,
        f.RunResumed: _run_resumed,
    },
)
