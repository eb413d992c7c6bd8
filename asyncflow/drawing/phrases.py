"""Words of a drawing: conditions, joins and loops in short lines, and titles that say everything."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from asyncflow.drawing.lettering import shortened
from asyncflow.model.condition import Always, And, Condition, Expression, Not, Or, Predicate
from asyncflow.model.durations import seconds_of, text_of
from asyncflow.model.flow import Delay, Edge, Fallback, Flow, Literal, Node, Path, SubFlow, Task, TaskKind, Wait
from asyncflow.model.names import Json, NodeName

_LONGEST_LINE = 40
_SHORTEST_LINE = 12
_LONGEST_NOTE = 28
_MOST_LINES = 3
_MARKS = (": ", " and ", " or ", " && ", " || ", ", ", "(")
"""Where a long line is broken: after one of these, the first ones rather."""


def lines_of_edge(edge: Edge) -> tuple[str, ...]:
    """What the label of an edge says; nothing for an edge that just leads on."""
    return _fitted(_said_of_edge(edge))


def _said_of_edge(edge: Edge) -> Iterator[str]:
    if edge.at_least is not None:
        yield "any of them" if edge.at_least == 1 else f"at least {edge.at_least} of {len(edge.sources)}"
    yield from lines_of_condition(edge.condition, several=len(edge.sources) > 1)
    if edge.foreach is not None:
        yield f"for each of {edge.foreach.function.name}()"
    if edge.selective is not None:
        yield f"only {', '.join(edge.selective.tasks)}"
    repeated = {target: times for target, times in Counter(edge.targets).items() if times > 1}
    if repeated:
        alone = len(set(edge.targets)) == 1
        yield ", ".join(f"{times} times" if alone else f"{target} {times} times" for target, times in repeated.items())


def lines_of_fallback(fallback: Fallback) -> tuple[str, ...]:
    lines = list(lines_of_condition(fallback.condition, several=False))
    if fallback.propagate_failure:
        lines.append("and the flow fails")
    return _fitted(lines)


def _fitted(said: Iterable[str]) -> tuple[str, ...]:
    """Lines that are not too long, and at most twice as many."""
    return tuple(line for each in said for line in _folded(each))


def _folded(said: str) -> tuple[str, ...]:
    """A long line in two, where it has a good place for that, and shortened where that is not enough."""
    if len(said) <= _LONGEST_LINE:
        return (said,)
    breaks = [
        place
        for mark in _MARKS
        for place in reversed(_places_after(said, mark))
        if _SHORTEST_LINE <= place <= _LONGEST_LINE
    ]
    if not breaks:
        return (shortened(said, _LONGEST_LINE),)
    best = next((place for place in breaks if len(said) - place <= _LONGEST_LINE), max(breaks))
    return said[:best].rstrip(), shortened(said[best:], _LONGEST_LINE)


def _places_after(text: str, mark: str) -> list[int]:
    return [found.end() for found in re.finditer(re.escape(mark), text)]


def lines_of_condition(condition: Condition, *, several: bool) -> tuple[str, ...]:
    """A condition in a few lines; `several` sources make it tell whose result it reads."""
    match condition:
        case Always():
            return ()
        case And(parts):
            return _joined(parts, "and", several)
        case Or(parts):
            return _joined(parts, "or", several)
        case _:
            return (_phrase(condition, several),)


def _joined(parts: Sequence[Condition], word: str, several: bool) -> tuple[str, ...]:
    lines = [_phrase(part, several, within=True) for part in parts]
    lines[1:] = [f"{word} {line}" for line in lines[1:]]
    if len(lines) > _MOST_LINES:
        return (*lines[: _MOST_LINES - 1], f"{word} {len(lines) - _MOST_LINES + 1} more")
    return tuple(lines)


def _phrase(condition: Condition, several: bool, *, within: bool = False) -> str:
    match condition:
        case Predicate():
            return _call(condition, several)
        case Expression(source=source):
            return " ".join(source.split())
        case Not(part):
            return f"not {_phrase(part, several, within=True)}"
        case And(parts) | Or(parts):
            word = " and " if isinstance(condition, And) else " or "
            whole = word.join(_phrase(part, several, within=True) for part in parts)
            return f"({whole})" if within else whole
        case Always():
            return "always"


def _call(leaf: Predicate, several: bool) -> str:
    subject = ""
    if leaf.node and (several or leaf.task):
        inside = f".{leaf.task}" if leaf.task else ""
        subject = f"{leaf.node}{inside}: "
    return f"{subject}{leaf.name}({', '.join(map(_value, leaf.args.values()))})"


def _value(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def title_of_edge(edge: Edge) -> str:
    lines = [f"{_names(edge.sources) or 'start'} to {_names(edge.targets)}"]
    if edge.at_least is not None:
        lines.append(f"when at least {edge.at_least} of the sources have finished")
    if edge.condition != Always():
        lines.append(f"condition: {edge.condition}")
    if edge.foreach is not None:
        given = "; each item becomes the node args" if edge.foreach.propagate_result else ""
        lines.append(f"{edge.foreach}{given}")
    if edge.selective is not None:
        lines.append(f"selective: {', '.join(edge.selective.tasks)}")
    if edge.node_args is not None:
        lines.append("with node args of its own")
    return "\n".join(lines)


def title_of_fallback(fallback: Fallback) -> str:
    lines = [f"when {_names(sorted(fallback.nodes))} failed: {_names(fallback.targets) or 'go on'}"]
    if fallback.condition != Always():
        lines.append(f"condition: {fallback.condition}")
    if fallback.propagate_failure:
        lines.append("the flow fails nevertheless")
    return "\n".join(lines)


def _names(names: Sequence[NodeName]) -> str:
    return ", ".join(names)


def title_of_node(name: NodeName, node: Node | None, flow: Flow) -> str:
    """Everything that a reader may want to know of a node, line by line."""
    lines = [f"{name}, which nothing starts"]
    if isinstance(node, SubFlow):
        lines = [f"flow {name}"]
    elif isinstance(node, Task):
        lines = list(_said_of_task(node))
    elif isinstance(node, Wait):
        lines = [f"wait {name}", f"for a signal {node.event}"]
        lines += [f"timeout {text_of(node.timeout)}"] if node.timeout is not None else []
    elif isinstance(node, Delay):
        lines = [f"delay {name}", *_fitted([note_of(node)])]
    if name in flow.nowait:
        lines.append("not waited for")
    if name in flow.eager_failures:
        lines.append("its failure ends the flow at once")
    return "\n".join(lines)


def note_of(node: Node | None) -> str:
    """What is written under the name of a wait or a delay."""
    match node:
        case Wait(event=event, timeout=None):
            return event
        case Wait(event=event, timeout=float(seconds)):
            return f"{event}, {text_of(seconds)}"
        case Delay(duration=Literal(value)):
            return text_of(seconds_of(value) or 0.0)
        case Delay(duration=Path(source=source)):
            return shortened(source, _LONGEST_NOTE)
    return ""


def _said_of_task(task: Task) -> Iterator[str]:
    yield f"task {task.name}"
    yield f"Celery task {task.celery_task}" if task.kind is TaskKind.CELERY else f"class {task.module}.{task.classname}"
    yield f"queue {task.queue}"
    if task.storage:
        yield f"storage {task.storage}{' (read only)' if task.storage_readonly else ''}"
    if task.retries.most:
        yield f"at most {task.retries.most} retries"
    if task.timeout is not None:
        yield f"timeout {task.timeout:g} s"
