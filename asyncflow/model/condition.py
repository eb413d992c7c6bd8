"""The test on an edge or a fallback: a tree of predicates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from asyncflow.model.names import Json, NodeName


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A user's function, by name; imported by the shell when first needed, never at load."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """A leaf: a named predicate with its arguments.

    `call` is the built-in itself where it is pure and cannot block, so that the engine may call it;
    otherwise None, and the shell runs `function` off the event loop and answers the engine's question.
    `task` and `instances` are for conditions on what ran inside a sub-flow: `node` is then the
    sub-flow, and the predicate must hold for "any" or "all" instances of `task` in it.
    """

    name: str
    node: NodeName | None = None
    task: NodeName | None = None
    instances: str = "all"
    args: Mapping[str, Json] = field(default_factory=dict)
    reads_result: bool = False
    reads_node_args: bool = False
    call: Callable[..., bool] | None = None
    function: Function | None = None

    def __str__(self) -> str:
        subject = []
        if self.reads_result:
            inside = f".{self.task}" if self.task else ""
            subject.append(f"db.get('{self.node}{inside}')")
        if self.reads_node_args:
            subject.append("node_args")
        shown = subject + [f"{name}={value!r}" for name, value in self.args.items()]
        return f"{self.name}({', '.join(shown)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A leaf: an expression over `results` and `node_args`, compiled when the configuration was loaded.

    `call` takes the document {"results": {task: result}, "node_args": ...} and returns a bool.
    """

    source: str
    nodes: tuple[NodeName, ...] = ()
    call: Callable[[Mapping[str, Json]], bool]

    def __str__(self) -> str:
        return self.source


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return f"({' and '.join(map(str, self.parts))})"


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return f"({' or '.join(map(str, self.parts))})"


@dataclass(frozen=True, slots=True)
class Not:
    part: Condition

    def __str__(self) -> str:
        return f"(not {self.part})"


@dataclass(frozen=True, slots=True)
class Always:
    """The condition of an edge that has none."""

    def __str__(self) -> str:
        return "True"


Condition: TypeAlias = Predicate | Expression | And | Or | Not | Always
ALWAYS = Always()


def predicates_in(condition: Condition) -> Iterator[Predicate]:
    """Every predicate of a condition's tree."""
    match condition:
        case Predicate():
            yield condition
        case And(parts) | Or(parts):
            for part in parts:
                yield from predicates_in(part)
        case Not(part):
            yield from predicates_in(part)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltIns:
    """The predicates that every configuration knows, by name.

    Parameters named `message` and `node_args` are filled by the engine; every other parameter is an argument
    that a condition must give, except those with a default, which it may.
    """

    pure: Mapping[str, Callable[..., bool]]
    """Their answer depends on their arguments only, and comes at once."""
    outside: Mapping[str, Callable[..., bool]]
    """They look at the world (environment, network): the shell runs them off the event loop."""
