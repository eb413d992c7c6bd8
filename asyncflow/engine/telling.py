"""What a condition that did not hold has read, in few words for people: of built-in predicates and of expressions.

Only what was read is told: parts that were not looked at are left out. A value is cut short, and so is the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asyncflow.engine.propagation import instances_of
from asyncflow.engine.step import Sources, Step, as_text
from asyncflow.model.condition import And, Condition, Expression, Not, Or, Predicate
from asyncflow.model.decision import Raised, ResultOf
from asyncflow.model.names import Json, NodeName, TaskId

_LONGEST_VALUE = 60
_LONGEST = 300
_MOST_INSTANCES = 3


def what_was_read(step: Step, condition: Condition, sources: Sources) -> str:
    """Such as `Invite: guests = 0; node_args: no shop`."""
    told = dict.fromkeys(_told(step, condition, sources))  # several predicates may look at the same field
    return _cut("; ".join(told), _LONGEST)


def _told(step: Step, condition: Condition, sources: Sources) -> Iterator[str]:
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _told(step, part, sources)
        case Not(part):
            yield from _told(step, part, sources)
        case Predicate():
            yield from _told_of_predicate(step, condition, sources)
        case Expression():
            for name in condition.nodes:
                if name in sources:
                    yield from _results(step, name, [sources[name]], name, None)
            if "node_args" in condition.source:
                yield _value("node_args", step.run.node_args)


def _told_of_predicate(step: Step, predicate: Predicate, sources: Sources) -> Iterator[str]:
    key = predicate.args.get("key")
    if predicate.reads_node_args:
        yield _field("node_args", step.run.node_args, key)
    node = predicate.node
    if not predicate.reads_result or node is None:
        return
    source = sources.get(node)
    if source is None:
        yield f"{node}: not finished"
    elif predicate.task is None:
        yield from _results(step, node, [source], node, key)
    else:
        ids = instances_of(step.run, source, predicate.task)
        where = f"{node}/{predicate.task}"
        yield from _results(step, predicate.task, ids[:_MOST_INSTANCES], where, key)
        if not ids:
            yield f"{where}: never ran"


def _results(step: Step, task: NodeName, ids: Sequence[TaskId], where: str, key: Json) -> Iterator[str]:
    for id in ids:
        question = ResultOf(step.flow.name, task, id)
        answer = step.context.answers.get(question)
        if question in step.context.answers and not isinstance(answer, Raised):
            yield _field(where, answer, key)


def _field(where: str, document: Json, key: Json) -> str:
    if key is None:
        return _value(where, document)
    steps = key if isinstance(key, list | tuple) else (key,)
    path = ".".join(map(str, steps))
    try:
        for one in steps:
            document = document[one]
    except (KeyError, IndexError, TypeError):
        return f"{where}: no {path}"
    return _value(f"{where}: {path}" if path else where, document)


def _value(name: str, value: Json) -> str:
    return f"{name} = {_cut(as_text(value).strip(), _LONGEST_VALUE)}"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
