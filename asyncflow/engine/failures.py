"""Failed nodes: fallbacks, and the end of a run that has none left (R22..R29)."""

from __future__ import annotations

from asyncflow.engine.conditions import holds
from asyncflow.engine.nodes import Origin, start_node
from asyncflow.engine.propagation import failed_parent_of
from asyncflow.engine.step import UNANSWERED, Step
from asyncflow.engine.telling import what_was_read
from asyncflow.model.facts import FallbackNotStarted, FallbackStarted
from asyncflow.model.flow import Fallback
from asyncflow.model.names import NodeName
from asyncflow.model.run import TaskError


def start_fallbacks(step: Step) -> None:
    """Handle what has failed, larger sets of nodes first; several disjoint fallbacks start together.

    The ancestor looked up every combination of failed names; it is the same to go through the fallbacks.
    """
    table = step.flow.fallbacks_of
    for nodes in sorted(table, key=lambda names: (-len(names), sorted(names))):
        while all(name in step.run.failed for name in nodes) and not step.is_open:
            if not _handle_one(step, nodes, table[nodes]):
                break


def _handle_one(step: Step, nodes: frozenset[NodeName], fallbacks: tuple[Fallback, ...]) -> bool:
    """Take one failed instance of each node, if some fallback of exactly these nodes will have them (R24)."""
    taken = []
    for fallback in fallbacks:
        verdict = holds(step, fallback.condition, {}, f"fallback {fallback.index}")
        if verdict is UNANSWERED:
            return False
        if verdict:
            taken.append(fallback)
        else:
            read = what_was_read(step, fallback.condition, {})
            step.record(FallbackNotStarted(fallback=fallback.index, why=str(fallback.condition), read=read))
    if not taken:
        return False
    handled = {name: last for name in sorted(nodes) if (last := step.run.failed[name].last) is not None}
    parent = failed_parent_of(step.flow, step.run, handled)
    step.record(
        FallbackStarted(
            fallbacks=tuple(fallback.index for fallback in taken),
            handled=handled,
            must_fail=any(fallback.propagate_failure for fallback in taken),
        )
    )
    for fallback in taken:
        for target in fallback.targets:
            start_node(step, target, Origin(fallback=fallback.index, parent=parent))
    return True


def errors_of_run(step: Step) -> list[TaskError]:
    """The last error of each node that no fallback has handled."""
    last = (ids.last for ids in step.run.failed.values())
    return [step.run.errors[id] for id in last if id is not None and id in step.run.errors]


def error_of_run(step: Step) -> TaskError:
    """Why the run fails: its unhandled failures, the first of them in full."""
    failed = {name: ids.last for name, ids in step.run.failed.items()}
    if not failed:
        return TaskError(type="FlowError", message="a fallback ran and passed the failure on", module="asyncflow")
    names = sorted(failed)
    last = failed[names[0]]
    first = step.run.errors.get(last) if last is not None else None
    return TaskError(
        type="FlowError",
        message=f"{', '.join(names)} failed" + (f" ({names[0]}: {first})" if first else ""),
        module="asyncflow",
        traceback=first.traceback if first else "",
    )
