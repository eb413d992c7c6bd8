"""Whether a condition holds for one combination of finished sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from asyncflow.engine.propagation import instances_of
from asyncflow.engine.step import (
    UNANSWERED,
    FunctionRaisedError,
    Sources,
    Step,
    Unanswered,
    as_text,
)
from asyncflow.model.condition import (
    Always,
    And,
    Condition,
    Expression,
    Not,
    Or,
    Predicate,
)
from asyncflow.model.decision import PredicateOf, ResultOf
from asyncflow.model.names import Json, NodeName, TaskId

Verdict = bool | Unanswered


def holds(step: Step, condition: Condition, sources: Sources, place: str) -> Verdict:
    """Evaluate a condition; `place` names the edge or fallback for messages. Raises FunctionRaisedError."""
    match condition:
        case Always():
            return True
        case Predicate():
            return _predicate_holds(step, condition, sources, place)
        case And(parts):
            return _first(parts, False, lambda part: holds(step, part, sources, place))
        case Or(parts):
            return _first(parts, True, lambda part: holds(step, part, sources, place))
        case Not(part):
            verdict = holds(step, part, sources, place)
            return UNANSWERED if verdict is UNANSWERED else not verdict
        case Expression():
            return _expression_holds(step, condition, sources)


def _first(parts: Iterable[Any], decisive: bool, verdict_of: Callable[[Any], Verdict]) -> Verdict:
    """The decisive verdict if some part has it, else the opposite; later parts are not looked at, as in Python."""
    for part in parts:
        verdict = verdict_of(part)
        if verdict is UNANSWERED or verdict is decisive:
            return verdict
    return not decisive


def _predicate_holds(step: Step, predicate: Predicate, sources: Sources, place: str) -> Verdict:
    source = None
    if predicate.node is not None:
        source = sources.get(predicate.node)
        if source is None:  # a join that does not wait for all of its sources: there is nothing to look at
            return False
    if predicate.call is None:
        return _ask(step, predicate, sources, place)
    if predicate.task is not None and source is not None:
        return _holds_inside(step, predicate, instances_of(step.run, source, predicate.task))
    if not predicate.reads_result or predicate.node is None or source is None:
        return _call(step, predicate, {})
    result = step.ask(ResultOf(step.flow.name, predicate.node, source))
    return UNANSWERED if result is UNANSWERED else _call(step, predicate, {"message": result})


def _holds_inside(step: Step, predicate: Predicate, ids: list[TaskId]) -> Verdict:
    """On the instances of a task in a sub-flow; none at all satisfies nothing."""
    assert predicate.task is not None
    task = predicate.task
    results = [step.ask(ResultOf(step.flow.name, task, id)) for id in ids]
    if step.is_open:
        return UNANSWERED
    if not results:
        return False
    return _first(results, predicate.instances == "any", lambda result: _call(step, predicate, {"message": result}))


def _call(step: Step, predicate: Predicate, subject: dict[str, Json]) -> bool:
    assert predicate.call is not None
    if predicate.reads_node_args:
        subject["node_args"] = step.run.node_args
    try:
        return bool(predicate.call(**subject, **predicate.args))
    except Exception as exc:  # whatever a predicate raises is an answer about the user's data, never our bug
        raise FunctionRaisedError(f"predicate {predicate}: {type(exc).__name__}: {exc}") from exc


def _ask(step: Step, predicate: Predicate, sources: Sources, place: str) -> Verdict:
    assert predicate.function is not None
    answer = step.ask(
        PredicateOf(
            step.flow.name,
            predicate.function,
            as_text(step.run.node_args),
            as_text(predicate.args),
            tuple(sources.items()),
            predicate.node,
            place,
        )
    )
    return UNANSWERED if answer is UNANSWERED else bool(answer)


def _expression_holds(step: Step, expression: Expression, sources: Sources) -> Verdict:
    results: dict[NodeName, Json] = {
        name: step.ask(ResultOf(step.flow.name, name, sources[name])) for name in expression.nodes if name in sources
    }
    if step.is_open:
        return UNANSWERED
    try:
        return bool(expression.call({"results": results, "node_args": step.run.node_args}))
    except Exception as exc:  # as in _call
        raise FunctionRaisedError(f"expression {expression}: {type(exc).__name__}: {exc}") from exc
