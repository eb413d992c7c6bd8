"""What a configuration declares: tasks, storages, flows and their edges.

A `Flow` also holds what can be known before any run: its edges by source, its fallbacks by the set
of nodes that they catch. So the cost of one event depends on the edges that touch a node only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from asyncflow.model.condition import ALWAYS, Condition, Function, predicates_in
from asyncflow.model.names import FlowName, Json, NodeName
from asyncflow.model.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written out in the configuration."""

    value: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A JMESPath over the document {"node_args": ..., "results": {source task: result}}.

    For a fallback's task there is "errors", {failed task: {"type", "message"}}; for an edge with a foreach, "item".
    `reads` names the sources whose results it looks at; None stands for all of them.
    """

    source: str
    search: Callable[[Json], Json] = field(compare=False)
    reads: frozenset[NodeName] | None = frozenset()


@dataclass(frozen=True, slots=True)
class Record:
    """An object whose members are templates."""

    members: Mapping[str, Template]


Template: TypeAlias = Literal | Path | Record
"""How to build a value from the node args and the results of an edge's sources."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often and when to try again; seconds. The n-th wait is countdown * factor**(n-1), at most ceiling.

    `jitter` 0.2 spreads a wait over 80% to 120% of itself. `only` and `never` name exception types,
    by class name or in full; `never` wins.
    """

    most: int = 0
    countdown: float = 0.0
    factor: float = 1.0
    ceiling: float | None = None
    jitter: float = 0.0
    only: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


NO_RETRIES = Retries()


class TaskKind(Enum):
    CELERY = "celery"
    """A registered Celery task, called with args and kwargs."""
    FLOW = "flow"
    """A class with run(self, node_args), executed by the worker plugin's envelope."""
    SELINON = "selinon"
    """The same, executed by an existing Selinon 1.x worker, which does its own retries."""


class OnLost(Enum):
    RETRY = "retry"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A node that a worker runs. Times in seconds."""

    name: NodeName
    kind: TaskKind
    queue: str = "celery"
    celery_task: str = ""
    """The registered name, for TaskKind.CELERY."""
    args: tuple[Template, ...] | None = None
    kwargs: Mapping[str, Template] | None = None
    module: str = ""
    classname: str = ""
    storage: str | None = None
    storage_task_name: str = ""
    storage_readonly: bool = False
    selective_run_function: Function | None = None
    """None stands for the default, which runs the task always."""
    output_schema: str | None = None
    """Path of a JSON Schema file, as written in the configuration."""
    schema: Json = None
    """The schema itself, where the dispatcher validates."""
    retries: Retries = NO_RETRIES
    throttling: float | None = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    timeout: float | None = None
    on_lost: OnLost = OnLost.RETRY
    priority: int | None = None
    exchange: str = ""
    routing_key: str = ""

    @property
    def taken_from(self) -> str | None:
        """The queue that workers take it from; None where an exchange of the user's decides that."""
        return None if self.exchange else self.routing_key or self.queue

    @property
    def keeps_result(self) -> bool:
        """Whether the result of an attempt can be read afterwards, in the task's storage or inline."""
        return not self.storage_readonly


@dataclass(frozen=True, slots=True, kw_only=True)
class SubFlow:
    """A node that is a flow."""

    name: NodeName
    throttling: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A node that a signal releases; its payload is the node's result. Times in seconds."""

    name: NodeName
    event: str
    timeout: float | None = None
    schema: Json = None
    complaint: Callable[[Json], str] = field(default=lambda payload: "", compare=False)
    """What is wrong with a payload, by the schema; empty when it fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """A node that is over after a while: a duration, or a template of one. Its result is null."""

    name: NodeName
    duration: Template


Node: TypeAlias = Task | SubFlow | Wait | Delay


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreach:
    function: Function
    propagate_result: bool = False

    def __str__(self) -> str:
        return f"foreach {self.function}(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selective:
    """A selective run that an edge asks of the sub-flow it starts."""

    tasks: tuple[NodeName, ...]
    run_subsequent: bool | tuple[FlowName, ...] = False
    follow_subflows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Sources, a condition, targets. `index` is its position in the flow's list."""

    index: int
    sources: tuple[NodeName, ...]
    targets: tuple[NodeName, ...]
    condition: Condition = ALWAYS
    foreach: Foreach | None = None
    selective: Selective | None = None
    at_least: int | None = None
    """How many sources must have finished; None stands for all, and for every combination."""
    node_args: Template | None = None
    """What the targets get instead of the flow's node args."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """What to start when exactly these nodes have failed. No targets: the failure is handled by doing nothing."""

    index: int
    nodes: frozenset[NodeName]
    targets: tuple[NodeName, ...]
    condition: Condition = ALWAYS
    propagate_failure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A graph of nodes. `nodes` holds every task and sub-flow that it can start, by name."""

    name: FlowName
    nodes: Mapping[NodeName, Node]
    edges: tuple[Edge, ...]
    fallbacks: tuple[Fallback, ...] = ()
    nowait: frozenset[NodeName] = frozenset()
    eager_failures: frozenset[NodeName] = frozenset()
    node_args_from_first: bool = False
    propagate_node_args: frozenset[NodeName] = frozenset()
    propagate_parent: frozenset[NodeName] = frozenset()
    propagate_finished: frozenset[NodeName] = frozenset()
    propagate_compound_finished: frozenset[NodeName] = frozenset()
    propagate_failures: frozenset[NodeName] = frozenset()
    propagate_compound_failures: frozenset[NodeName] = frozenset()
    propagate_parent_failures: frozenset[NodeName] = frozenset()
    retries: Retries = NO_RETRIES
    timeout: float | None = None
    throttling: float | None = None
    node_args_schema: Json = None
    queue: str = "celery"
    """Selinon's dispatcher queue: kept for tools that read it, no message goes there."""
    sampling: tuple[str, Mapping[str, Json]] | None = None
    version: str = ""
    """Changes when the definition does."""

    starting: tuple[Edge, ...] = field(init=False, compare=False, repr=False)
    edges_from: Mapping[NodeName, tuple[Edge, ...]] = field(init=False, compare=False, repr=False)
    fallbacks_of: Mapping[frozenset[NodeName], tuple[Fallback, ...]] = field(init=False, compare=False, repr=False)
    reported: frozenset[NodeName] = field(init=False, compare=False, repr=False)
    """Sub-flows that must tell which tasks finished and failed inside them."""

    def __post_init__(self) -> None:
        edges_from: dict[NodeName, tuple[Edge, ...]] = {}
        for edge in self.edges:
            for source in edge.sources:
                edges_from[source] = (*edges_from.get(source, ()), edge)
        fallbacks_of: dict[frozenset[NodeName], tuple[Fallback, ...]] = {}
        for fallback in self.fallbacks:
            fallbacks_of[fallback.nodes] = (*fallbacks_of.get(fallback.nodes, ()), fallback)
        set_once = object.__setattr__  # the way to fill derived fields of a frozen dataclass
        set_once(self, "starting", tuple(edge for edge in self.edges if not edge.sources))
        set_once(self, "edges_from", edges_from)
        set_once(self, "fallbacks_of", fallbacks_of)
        set_once(self, "reported", self._reported())

    def _reported(self) -> frozenset[NodeName]:
        inspected = (leaf.node for edge in self.edges for leaf in predicates_in(edge.condition) if leaf.task)
        return frozenset(node for node in inspected if node is not None).union(
            self.propagate_finished,
            self.propagate_compound_finished,
            self.propagate_failures,
            self.propagate_compound_failures,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """A cache of results in front of a storage."""

    name: str
    module: str
    options: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Where task results are kept: a class, found by module and name, and what it is made with."""

    name: str
    module: str
    classname: str
    configuration: Json
    cache: Cache | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One entry of `global.trace`: kind is "function", "logging", "json", "storage" or "sentry"."""

    kind: str
    options: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that the YAML files declare."""

    tasks: Mapping[NodeName, Task]
    flows: Mapping[FlowName, Flow]
    waits: Mapping[NodeName, Wait] = field(default_factory=dict)
    delays: Mapping[NodeName, Delay] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    storages: Mapping[str, Storage] = field(default_factory=dict)
    traces: tuple[Trace, ...] = ()
    celery_app: str | None = None
    """`module:attribute` of the user's Celery app, for workers that asyncflow starts."""
    migration_dir: str | None = None
