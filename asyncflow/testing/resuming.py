"""Going on with a run from its facts alone: what its active nodes were ordered to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from asyncflow.engine.nodes import publish_attempt
from asyncflow.engine.step import Step
from asyncflow.engine.waits import begin_waiting
from asyncflow.model import facts as f
from asyncflow.model.commands import Command, StartChildRun
from asyncflow.model.decision import Answer, Context, Needs, Question
from asyncflow.model.flow import Delay, Flow, Task, Wait
from asyncflow.model.names import FlowName, TaskId
from asyncflow.model.run import Active, ParentNode, Run, Status


def commands_of_active(
    flow: Flow, run: Run, facts: Iterable[f.Fact], answer: Callable[[Question], Answer], context: Context
) -> tuple[Command, ...]:
    """The commands that started the active nodes, in the order of their starts; a paused run holds some back."""
    dues, held = _dues(facts), frozenset(run.held)
    begun = sorted((item for item in run.active.items() if item[0] not in held), key=lambda item: item[1].number)
    going = replace(run, status=Status.RUNNING)
    answers: dict[Question, Answer] = dict(context.answers)
    while True:
        step = Step(flow, going, run.started_at, Context(new_id=context.new_id, answers=answers, select=context.select))
        for id, node in begun:
            due = dues.get(id)
            task = flow.nodes[node.name]
            if isinstance(task, Task):
                publish_attempt(step, id, task, due)
            elif isinstance(task, (Wait, Delay)):
                begin_waiting(step, id, task)
            else:
                step.commands.append(_child_order(flow, run, id, node, due))
        outcome = step.outcome()
        if not isinstance(outcome, Needs):
            return outcome.commands
        answers |= {question: answer(question) for question in outcome.questions}


def _child_order(flow: Flow, run: Run, id: TaskId, node: Active, due: float | None) -> StartChildRun:
    node_args = node.node_args if node.own_args else run.node_args if node.name in flow.propagate_node_args else None
    return StartChildRun(
        run_id=run.id,
        root_id=run.root_id,
        id=id,
        parent_node=ParentNode(run_id=run.id, id=id),
        flow=FlowName(node.name),
        node_args=node_args,
        parent=node.parent if node.name in flow.propagate_parent else None,
        due=due,
    )


def _dues(facts: Iterable[f.Fact]) -> Mapping[TaskId, float]:
    dues: dict[TaskId, float] = {}
    for fact in facts:
        match fact:
            case f.NodeStarted(due=due) if due is not None:
                dues[fact.id] = due
            case f.AttemptRetried():
                dues[fact.next_id] = fact.due
    return dues
