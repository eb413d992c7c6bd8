"""What was decided. Facts are the journal: a run is the fold of its facts, in order.

Fields are JSON values, the small records of `run` and tuples of them, so that `journal` can write and read them.
A fact's class name and field names stand in every store: add fields with defaults, never rename.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from asyncflow.model.names import FlowName, Json, NodeName, RunId, TaskId
from asyncflow.model.run import NodeKind, Parent, ParentNode, Selection, TaskError, Whereabouts


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    run_id: RunId
    flow: FlowName
    version: str
    root_id: RunId
    node_args: Json = None
    parent: Parent | None = None
    parent_node: ParentNode | None = None
    selection: Selection | None = None
    reports: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, Json] | None = None
    """Of a retry: what earlier runs have done and stands for nodes of this one; `engine.keeping` reads it."""
    priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMigrated:
    """The flow was defined anew, and the run goes on by that: from here on, edges and fallbacks are its.

    `edges` and `fallbacks` say where what has moved stands now, None where it is gone; `met` what Run.met is now.
    """

    version: str
    edges: Mapping[int, int | None] = field(default_factory=dict)
    fallbacks: Mapping[int, int | None] = field(default_factory=dict)
    met: Mapping[int, int] = field(default_factory=dict)
    selection: Selection | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStarted:
    """`node_args` counts only with `own_args`; else the node gets the run's. `edge` or `fallback` started it."""

    id: TaskId
    name: NodeName
    number: int
    kind: NodeKind
    waited: bool = True
    parent: Parent | None = None
    node_args: Json = None
    own_args: bool = False
    edge: int | None = None
    fallback: int | None = None
    due: float | None = None
    """When a throttled node may begin."""
    event: str | None = None
    """The signal that a wait node waits for."""
    until: float | None = None
    """When a wait node gives up, or a delay is over."""
    queue: str | None = None
    """Where workers take the first attempt from, as far as that is known."""
    kept: Mapping[str, Json] | None = None
    """Of a sub-flow that a paused retry holds: what stands for nodes inside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReused:
    """In a selective run and in a retry: an earlier result stands for a node, which is not started.

    Of a sub-flow, `id` is that of the run that stands for it. `sources` are told of retries only.
    """

    id: TaskId
    name: NodeName
    edge: int
    kind: NodeKind = NodeKind.TASK
    waited: bool = True
    sources: Mapping[NodeName, TaskId] = field(default_factory=dict)
    report: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRetried:
    """Attempt `id` failed and `next_id` takes its place, at `due`."""

    id: TaskId
    next_id: TaskId
    error: TaskError
    due: float
    counts: bool = True
    """Whether it counts against the task's retries; a lost attempt does not."""
    where: Whereabouts | None = None
    """Where the attempt that failed was."""
    queue: str | None = None
    """Where workers take the next one from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSucceeded:
    id: TaskId
    report: Mapping[str, Json] | None = None
    where: Whereabouts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFailed:
    id: TaskId
    error: TaskError
    report: Mapping[str, Json] | None = None
    where: Whereabouts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCancelled:
    id: TaskId


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalKept:
    """A signal has come that no node waits for yet: the next one that does takes it."""

    event: str
    key: str
    payload: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalPassed:
    """A signal to this run, new or kept, was for a node in a sub-flow's run."""

    event: str
    key: str
    run_id: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReleased:
    """A signal, new or kept, has reached a wait node. Its payload is kept as the result, and the node succeeds next."""

    id: TaskId
    name: NodeName
    event: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMet:
    """One more source of an edge with several has finished for the first time."""

    edge: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeFired:
    """`sources` are the ids that fired it; `items` the length of what its foreach yielded."""

    edge: int
    sources: Mapping[NodeName, TaskId] = field(default_factory=dict)
    items: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeNotFired:
    edge: int
    sources: Mapping[NodeName, TaskId] = field(default_factory=dict)
    why: str = ""
    """The condition that did not hold; `read` tells what it has read."""
    read: str = ""
    targets: tuple[NodeName, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeOmitted:
    """A selective run left an edge out, or some of its targets."""

    edge: int
    targets: tuple[NodeName, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeArgsReplaced:
    """The first task's result has become the run's node args."""

    node_args: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackStarted:
    """A fallback has handled one failed instance of each of its nodes."""

    fallbacks: tuple[int, ...]
    handled: Mapping[NodeName, TaskId]
    must_fail: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackNotStarted:
    fallback: int
    why: str = ""
    read: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSucceeded:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed:
    error: TaskError


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRetried:
    """The run failed and begins anew at `due`, with the node args it was first started with."""

    attempt: int
    due: float
    error: TaskError


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDelayed:
    """A throttled sub-flow begins at `due`."""

    due: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRestarted:
    """The starting edges fire (again)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelled:
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaused:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed:
    pass


Fact: TypeAlias = (
    RunStarted
    | RunMigrated
    | NodeStarted
    | NodeReused
    | AttemptRetried
    | NodeSucceeded
    | NodeFailed
    | NodeCancelled
    | SignalKept
    | SignalPassed
    | NodeReleased
    | SourceMet
    | EdgeFired
    | EdgeNotFired
    | EdgeOmitted
    | NodeArgsReplaced
    | FallbackStarted
    | FallbackNotStarted
    | RunSucceeded
    | RunFailed
    | RunRetried
    | RunDelayed
    | RunRestarted
    | RunCancelled
    | RunPaused
    | RunResumed
)
