"""The state of one run: the fold of its facts. Persistent maps, so that a step costs the same however large the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import ClassVar, Final

from immutables import Map

from asyncflow.model.names import FlowName, Json, NodeName, RunId, TaskId


class Status(StrEnum):
    """Texts, so that what an outcome says can be printed and compared as it is."""

    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self._value_ in _TERMINAL


_TERMINAL = frozenset({"succeeded", "failed", "cancelled"})
"""By value: hashing a text takes a third of the time, and this is asked several times a step."""


class Ids:
    """A persistent list of ids: `add` costs the same at any length, the old list stays as it was."""

    __slots__ = ("before", "last", "length")

    EMPTY: ClassVar[Ids]

    def __init__(self, before: Ids | None, last: TaskId | None, length: int) -> None:
        self.before = before
        self.last = last
        self.length = length

    @staticmethod
    def of(ids: Iterable[TaskId]) -> Ids:
        made = Ids.EMPTY
        for one in ids:
            made = made.add(one)
        return made

    def add(self, one: TaskId) -> Ids:
        return Ids(self, one, self.length + 1)

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[TaskId]:
        backwards: list[TaskId] = []
        here = self
        while here.before is not None and here.last is not None:
            backwards.append(here.last)
            here = here.before
        return reversed(backwards)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ids) and len(self) == len(other) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash((self.length, self.last))

    def __repr__(self) -> str:
        return f"Ids({list(self)!r})"


Ids.EMPTY = Ids(None, None, 0)

GONE: Final = -1
"""In place of the position of an edge or a fallback that the flow has no longer."""

Parent = Mapping[str, Json]
"""What a node is told of its sources: {task: id}, {flow: {task: [ids], inner flow: {...}}}."""


class NodeKind(Enum):
    TASK = "task"
    FLOW = "flow"
    WAIT = "wait"
    DELAY = "delay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Active:
    """A node that is started and not over; its current attempt's id is its key in `Run.active`."""

    name: NodeName
    number: int
    """Counts the nodes that this run has started, from 1."""
    kind: NodeKind
    attempt: int
    """Counts from 1 over every attempt."""
    failures: int = 0
    """How many attempts the task itself failed; lost ones do not count."""
    waited: bool = True
    parent: Parent | None = None
    node_args: Json = None
    own_args: bool = False
    """Whether `node_args` stands for itself; otherwise the node gets the run's."""
    edge: int | None = None
    fallback: int | None = None
    event: str | None = None
    """The signal that a wait node waits for."""
    until: float | None = None
    """When a wait node gives up, or a delay is over."""
    released: bool = False
    """A signal has reached the wait node, and it is about to succeed."""
    kept: Mapping[str, Json] | None = None
    """Of a sub-flow that is held: what stands for nodes inside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """An external event that a run was told of. The same key for the same event is the same signal."""

    event: str
    key: str
    payload: Json = None
    at: float = 0.0

    @property
    def mark(self) -> str:
        return mark_of(self.event, self.key)


def mark_of(event: str, key: str) -> str:
    """By what a signal is known again."""
    return f"{event} {key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HowFar:
    """What a running task says of its progress: so much of so much is done. Where it says nothing, None."""

    done: float | None = None
    total: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Which worker has or had an attempt, and since when it ran there; what is not known is empty, and None."""

    worker: str = ""
    since: float | None = None


NOWHERE: Final = Whereabouts()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskError:
    """Why an attempt or a run failed: an exception as data, never rebuilt as a class."""

    type: str
    message: str = ""
    module: str = ""
    traceback: str = ""

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a selective run starts: the requested tasks, and of each flow the edges and targets needed."""

    tasks: tuple[NodeName, ...]
    edges: Mapping[FlowName, Mapping[int, tuple[NodeName, ...]]]
    versions: Mapping[FlowName, str] = field(default_factory=dict)
    """The definitions that these positions of edges are of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentNode:
    """The sub-flow node that a child run stands for."""

    run_id: RunId
    id: TaskId


@dataclass(frozen=True, kw_only=True)
class Run:
    """Not slotted: `evolve` copies a run several times a step, and copying one dict is the quickest way."""

    id: RunId
    flow: FlowName
    version: str
    """Of the flow's definition that the run was last moved by."""
    root_id: RunId
    parent_node: ParentNode | None = None
    status: Status = Status.RUNNING
    started_at: float = 0.0
    ended_at: float | None = None
    node_args: Json = None
    """Current; `first_node_args` are those the run was started with, and is restarted with."""
    first_node_args: Json = None
    parent: Parent | None = None
    selection: Selection | None = None
    reports: bool = False
    """Whether the parent run wants to know which tasks finished and failed in this one."""
    attempt: int = 1
    """Whole-flow attempts, from 1."""
    number: int = 0
    """Nodes started so far."""
    active: Map[TaskId, Active] = Map()
    waited: int = 0
    """How many active nodes the run waits for."""
    finished: Map[NodeName, Ids] = Map()
    failed: Map[NodeName, Ids] = Map()
    """Failures that no fallback has handled yet."""
    reports_of: Map[TaskId, Mapping[str, Json]] = Map()
    """Per ended child run: what finished and failed in it, {"finished": tree, "failed": tree}."""
    errors: Map[TaskId, TaskError] = Map()
    """Why each failed id failed, while it can still matter to a fallback."""
    met: Map[int, int] = Map()
    """Per edge with several sources: how many of them have finished at least once."""
    triggered: Map[int, int] = Map()
    """Per edge: how often it has fired."""
    must_fail: bool = False
    """A fallback with `propagate_failure` ran: the run fails when nothing is active any more."""
    restarting: bool = False
    """The run has failed and waits for its next whole-flow attempt."""
    held: Ids = Ids.EMPTY
    """Nodes that were started while the run is paused: they begin when it is resumed."""
    labels: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, Json] | None = None
    """Of a retry: what stands for nodes that are not started yet."""
    priority: int | None = None
    """Of the messages of its tasks; None for that of each task."""
    error: TaskError | None = None
    signals: tuple[Signal, ...] = ()
    """Those that came before a node waited for them, in the order of their coming."""
    signal_marks: tuple[str, ...] = ()
    """Of the latest signals: what is delivered twice counts once."""
