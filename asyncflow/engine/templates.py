"""Building arguments and durations from templates, the node args and the results of a node's sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from asyncflow.engine.step import UNANSWERED, FunctionRaisedError, Sources, Step, Unanswered, as_text
from asyncflow.model.decision import ResultOf
from asyncflow.model.durations import seconds_of
from asyncflow.model.flow import Delay, Literal, Path, Record, SubFlow, Task, Template
from asyncflow.model.names import Json, NodeName, TaskId
from asyncflow.model.run import Active, Parent, TaskError

Arguments = tuple[tuple[Json, ...], Mapping[str, Json]]

_LONGEST_SHOWN = 100


class NoDurationError(Exception):
    """The template of a delay gives no duration; this tells what it gives."""


class Given(Protocol):
    """What a node was started with; `node_args` counts only with `own_args`."""

    @property
    def node_args(self) -> Json: ...
    @property
    def own_args(self) -> bool: ...
    @property
    def parent(self) -> Parent | None: ...
    @property
    def fallback(self) -> int | None: ...


def node_args_of(step: Step, template: Template, sources: Sources, item: Json) -> Json | Unanswered:
    """The node args that an edge builds for its targets; `item` is what its foreach yielded for them."""
    document = _document(step, [template], sources, step.run.node_args, {})
    return UNANSWERED if document is UNANSWERED else _built(template, {**document, "item": item})


def arguments_of(step: Step, task: Task, node: Active) -> Arguments | Unanswered:
    """The call's arguments for a plain Celery task.

    Without templates an object of node args becomes the keyword arguments, no node args no argument,
    and anything else the one positional argument.
    """
    if task.args is None and task.kwargs is None:
        node_args = node.node_args if node.own_args else step.run.node_args
        if isinstance(node_args, Mapping):
            return (), node_args
        return (() if node_args is None else (node_args,)), {}
    args, kwargs = task.args or (), task.kwargs or {}
    if not args and not kwargs:
        return (), {}
    document = _document_for(step, [*args, *kwargs.values()], node)
    if document is UNANSWERED:
        return UNANSWERED
    return (
        tuple(_built(template, document) for template in args),
        {name: _built(template, document) for name, template in kwargs.items()},
    )


def duration_of(step: Step, delay: Delay, given: Given) -> float | Unanswered:
    """The seconds that a delay takes. Raises NoDurationError."""
    if isinstance(delay.duration, Literal):
        found: Json = delay.duration.value
    else:
        document = _document_for(step, [delay.duration], given)
        if document is UNANSWERED:
            return UNANSWERED
        try:
            found = _built(delay.duration, document)
        except FunctionRaisedError as exc:
            raise NoDurationError(f"delay {delay.name}: {exc}") from exc
    seconds = seconds_of(found)
    if seconds is None:
        raise NoDurationError(
            f"delay {delay.name}: {_shown(found)} is no duration; take seconds, or text such as 1h30m"
        )
    return seconds


def _shown(value: Json) -> str:
    text = as_text(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _document_for(step: Step, templates: Sequence[Template], node: Given) -> dict[str, Json] | Unanswered:
    told = {NodeName(name): TaskId(id) for name, id in (node.parent or {}).items() if isinstance(id, str)}
    failed = told if node.fallback is not None else {}
    sources = {} if node.fallback is not None else told
    node_args = node.node_args if node.own_args else step.run.node_args
    return _document(step, templates, sources, node_args, failed)


def _document(
    step: Step, templates: Iterable[Template], sources: Sources, node_args: Json, failed: Sources
) -> dict[str, Json] | Unanswered:
    """What JMESPaths look into; only results that some path reads are loaded. `errors` is for fallbacks."""
    reads = [path.reads for template in templates for path in _paths(template)]
    wanted = [name for name in sources if any(names is None or name in names for names in reads)]
    tasks = [name for name in wanted if not isinstance(step.flow.nodes.get(name), SubFlow)]
    results = {name: step.ask(ResultOf(step.flow.name, name, sources[name])) for name in tasks}
    if step.is_open:
        return UNANSWERED
    errors = {name: _told(step.run.errors.get(id)) for name, id in failed.items()}
    return {"node_args": node_args, "results": results, "errors": errors}


def _told(error: TaskError | None) -> Json:
    return None if error is None else {"type": error.type, "message": error.message}


def _paths(template: Template) -> Iterator[Path]:
    match template:
        case Path():
            yield template
        case Record(members):
            for member in members.values():
                yield from _paths(member)


def _found(path: Path, document: Mapping[str, Json]) -> Json:
    try:
        return path.search(document)
    except Exception as exc:  # a JMESPath function that does not take what the results hold
        raise FunctionRaisedError(f"template {path.source}: {type(exc).__name__}: {exc}") from exc


def _built(template: Template, document: Mapping[str, Json]) -> Json:
    match template:
        case Literal(value):
            return value
        case Path():
            return _found(template, document)
        case Record(members):
            return {name: _built(member, document) for name, member in members.items()}
