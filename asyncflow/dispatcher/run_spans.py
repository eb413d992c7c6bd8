"""Spans from facts, as runs and attempts end."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import TypeAlias

from asyncflow.model import facts as f
from asyncflow.model.names import TaskId
from asyncflow.model.run import Active, NodeKind, Run
from asyncflow.model.spans import Span, span_id_of, trace_id_of

_MOST = 100_000

_How: TypeAlias = tuple[str, str]
"""Outcome and error."""


class RunSpans:
    """Remembers when attempts began; facts say it only as it happens."""

    def __init__(self) -> None:
        self._began: OrderedDict[TaskId, float] = OrderedDict()

    def spans_of(self, fact: f.Fact, run: Run, at: float) -> Iterator[Span]:
        """The spans that a fact ends; `run` is as it was before."""
        match fact:
            case f.NodeStarted(kind=NodeKind.TASK):
                self._begin(fact.id, at if fact.due is None else fact.due)
            case f.AttemptRetried():
                yield from self._attempt(fact.id, run, at, ("retried", str(fact.error)))
                self._begin(fact.next_id, fact.due)
            case f.NodeSucceeded():
                yield from self._attempt(fact.id, run, at, ("succeeded", ""))
            case f.NodeFailed():
                yield from self._attempt(fact.id, run, at, ("failed", str(fact.error)))
            case f.NodeCancelled():
                yield from self._attempt(fact.id, run, at, ("cancelled", "cancelled"))
            case f.RunSucceeded():
                yield _of_run(run, at, ("succeeded", ""))
            case f.RunFailed():
                yield _of_run(run, at, ("failed", str(fact.error)))
            case f.RunCancelled():
                yield _of_run(run, at, ("cancelled", f"cancelled: {fact.reason}" if fact.reason else "cancelled"))

    def _begin(self, id: TaskId, at: float) -> None:
        self._began[id] = at
        if len(self._began) > _MOST:
            self._began.popitem(last=False)

    def _attempt(self, id: TaskId, run: Run, at: float, how: _How) -> Iterator[Span]:
        node = run.active.get(id)
        if node is None or node.kind is not NodeKind.TASK:
            return
        began = self._began.pop(id, None)
        yield Span(
            name=f"task {node.name}",
            trace_id=trace_id_of(run.root_id),
            span_id=span_id_of(id),
            parent_id=span_id_of(run.id),
            # Of an attempt that began before this dispatcher did, only the end is known.
            start=at if began is None else min(began, at),
            end=at,
            outcome=how[0],
            error=how[1],
            attributes=_attributes(run, id, node, known=began is not None),
        )


def _attributes(run: Run, id: TaskId, node: Active, *, known: bool) -> dict[str, str | int]:
    told: dict[str, str | int] = {
        "asyncflow.flow": run.flow,
        "asyncflow.run": run.id,
        "asyncflow.task": node.name,
        "asyncflow.attempt": node.attempt,
        "celery.task_id": id,
    }
    return told if known else {**told, "asyncflow.start": "unknown"}


def _of_run(run: Run, at: float, how: _How) -> Span:
    parent = run.parent_node
    return Span(
        name=f"flow {run.flow}",
        trace_id=trace_id_of(run.root_id),
        span_id=span_id_of(run.id),
        parent_id=None if parent is None else span_id_of(parent.run_id),
        start=run.started_at,
        end=at,
        outcome=how[0],
        error=how[1],
        attributes={"asyncflow.flow": run.flow, "asyncflow.run": run.id, "asyncflow.attempts": run.attempt},
    )
