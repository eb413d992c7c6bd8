"""What `decide` returns, and what it may have to ask first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from asyncflow.model.commands import Command
from asyncflow.model.condition import Function
from asyncflow.model.facts import Fact
from asyncflow.model.flow import Selective
from asyncflow.model.names import FlowName, Json, NodeName, RunId, TaskId
from asyncflow.model.run import Run, Selection


@dataclass(frozen=True, slots=True)
class ResultOf:
    """The result of an attempt at a task; `flow` is the one that asks."""

    flow: FlowName
    task: NodeName
    id: TaskId


@dataclass(frozen=True, slots=True)
class PredicateOf:
    """A user's predicate on an edge or a fallback; `sources` are the ids it may read results of."""

    flow: FlowName
    function: Function
    node_args: str
    """As JSON text, so that the question can be a key; likewise `args`, the predicate's own arguments."""
    args: str
    sources: tuple[tuple[NodeName, TaskId], ...]
    node: NodeName | None
    place: str
    """"edge 3" or "fallback 0", for messages."""


@dataclass(frozen=True, slots=True)
class ItemsOf:
    """What an edge's foreach function yields."""

    flow: FlowName
    function: Function
    node_args: str
    sources: tuple[tuple[NodeName, TaskId], ...]
    edge: int


@dataclass(frozen=True, slots=True)
class ReuseOf:
    """Whether a task that a selective run did not ask for can be reused: its selective run function's answer."""

    flow: FlowName
    function: Function
    node_args: str
    task: NodeName
    requested: tuple[NodeName, ...]
    sources: tuple[tuple[NodeName, TaskId], ...]


@dataclass(frozen=True, slots=True)
class SlotOf:
    """When a throttled node may start: seconds since the epoch, `interval` after the start before it (R38)."""

    node: NodeName
    id: TaskId
    interval: float


@dataclass(frozen=True, slots=True)
class OutlineOf:
    """The outline of a definition that a flow had: an Outline, None where nobody kept it."""

    flow: FlowName
    version: str


Question: TypeAlias = ResultOf | PredicateOf | ItemsOf | ReuseOf | SlotOf | OutlineOf


@dataclass(frozen=True, slots=True)
class Raised:
    """The answer to a question whose function raised or could not be imported."""

    message: str


Answer: TypeAlias = Json | Raised


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the engine may lean on besides its arguments: answers to questions, and a pure way to name attempts."""

    new_id: Callable[[RunId, NodeName, int, int], TaskId]
    """(run, node, number, attempt) -> id; always the same for the same arguments."""
    answers: Mapping[Question, Answer] = field(default_factory=dict)
    select: Callable[[FlowName, Selective], Selection] | None = None
    """Computes the selection that an edge asks of the sub-flow it starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Facts to append, commands to carry out, and the run as it is after them."""

    run: Run
    facts: tuple[Fact, ...] = ()
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True)
class Needs:
    """Nothing can be decided before these questions are answered."""

    questions: tuple[Question, ...]
