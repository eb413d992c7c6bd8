"""What reaches a run from outside. An event carries its time (`at`, seconds since the epoch)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from asyncflow.model.names import FlowName, Json, RunId, TaskId
from asyncflow.model.run import Parent, ParentNode, Selection, TaskError, Whereabouts


class Blame(Enum):
    """Whose doing a failed attempt is; each has its own retry policy."""

    TASK = "task"
    INFRASTRUCTURE = "infrastructure"
    """A worker, the broker or a backend failed; the task may or may not have run."""
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequested:
    at: float
    run_id: RunId
    flow: FlowName
    root_id: RunId
    node_args: Json = None
    parent: Parent | None = None
    parent_node: ParentNode | None = None
    selection: Selection | None = None
    reports: bool = False
    due: float | None = None
    """When its starting edges may fire, where that is later."""
    labels: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, Json] | None = None
    priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptSucceeded:
    """A worker has finished an attempt; where its result is kept, it can be read from now on."""

    at: float
    run_id: RunId
    id: TaskId
    where: Whereabouts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    at: float
    run_id: RunId
    id: TaskId
    error: TaskError
    blame: Blame = Blame.TASK
    where: Whereabouts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRunEnded:
    """`error` is None when the child succeeded; `report` says what finished and failed in it, where asked."""

    at: float
    run_id: RunId
    id: TaskId
    error: TaskError | None = None
    cancelled: bool = False
    report: Mapping[str, Json] | None = None


class TimerKind(Enum):
    RESTART = "restart"
    """A failed run starts again."""
    NODE_TIMEOUT = "node-timeout"
    NODE_DONE = "node-done"
    """A delay is over, or a signal has reached a wait node: either succeeds."""
    RUN_TIMEOUT = "run-timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerDue:
    """`id` names the node that it is about, if any; `attempt` the run's attempt that set the timer."""

    at: float
    run_id: RunId
    kind: TimerKind
    id: TaskId | None = None
    attempt: int = 1
    where: Whereabouts | None = None
    """Of an attempt whose time is over: where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalReceived:
    """An external event. `id` names the one wait node that it is for, if it is for one only."""

    at: float
    run_id: RunId
    name: str
    key: str
    payload: Json = None
    id: TaskId | None = None
    bound_for: RunId | None = None
    """The sub-flow's run that it must be passed on to: a node waits for it there, and none in this run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSought:
    """A node of a sub-flow's run waits for a signal that this run keeps."""

    at: float
    run_id: RunId
    mark: str
    by: RunId
    id: TaskId


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    at: float
    run_id: RunId
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRequested:
    at: float
    run_id: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRequested:
    at: float
    run_id: RunId


Event: TypeAlias = (
    RunRequested
    | AttemptSucceeded
    | AttemptFailed
    | ChildRunEnded
    | TimerDue
    | SignalReceived
    | SignalSought
    | CancelRequested
    | PauseRequested
    | ResumeRequested
)
