"""Pausing: what is under way goes on and is recorded, nothing new is published; sub-flows pause with their run."""

from __future__ import annotations

from asyncflow.engine.edges import selection_of
from asyncflow.engine.nodes import release_held
from asyncflow.engine.step import Step
from asyncflow.model.commands import PauseChildRun, ResumeChildRun
from asyncflow.model.facts import NodeCancelled, RunPaused, RunResumed
from asyncflow.model.names import TaskId
from asyncflow.model.run import NodeKind, Status


def pause(step: Step) -> None:
    """Hold what would start from now on."""
    if step.run.status is not Status.RUNNING:
        return
    step.record(RunPaused())
    step.commands.extend(PauseChildRun(run_id=step.run.id, id=id) for id in _children(step))


def resume(step: Step) -> None:
    """Begin what was held, and go on."""
    if step.run.status is not Status.PAUSED:
        return
    held = tuple(step.run.held)
    step.record(RunResumed())
    waiting = frozenset(held)
    begun = (id for id in _children(step) if id not in waiting)
    step.commands.extend(ResumeChildRun(run_id=step.run.id, id=id) for id in begun)
    release_held(step, held, lambda node: selection_of(step, node))


def resume_before_end(step: Step) -> None:
    """A run that ends while it is paused: nobody could resume its sub-flows and unwaited nodes later."""
    if step.run.status is not Status.PAUSED or not step.run.active:
        return
    for id in step.run.held:
        if id in step.run.active and step.run.active[id].waited:
            step.record(NodeCancelled(id=id))
    resume(step)


def resume_superseded(step: Step) -> None:
    """The sub-flows of a paused run that begins anew: it knows them no longer, and they go on as they would."""
    if step.run.status is Status.PAUSED:
        held = frozenset(step.run.held)
        begun = (id for id in _children(step) if id not in held and step.run.active[id].waited)
        step.commands.extend(ResumeChildRun(run_id=step.run.id, id=id) for id in begun)


def _children(step: Step) -> list[TaskId]:
    """In the order of their starts: the map has them in any order, and decisions must not."""
    active = sorted(step.run.active.items(), key=lambda item: item[1].number)
    return [id for id, node in active if node.kind is NodeKind.FLOW]
