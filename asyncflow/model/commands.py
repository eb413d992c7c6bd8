"""What must now be done. A command is stored in the same transaction as the facts that called for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from asyncflow.model.events import TimerKind
from asyncflow.model.flow import Task
from asyncflow.model.names import FlowName, Json, NodeName, RunId, TaskId
from asyncflow.model.run import NodeKind, Parent, ParentNode, Selection, Signal, Status, TaskError


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishTask:
    """Send one attempt to its worker queue, not before `due` (seconds since the epoch, None: now)."""

    run_id: RunId
    root_id: RunId
    flow: FlowName
    id: TaskId
    task: Task
    attempt: int
    node_args: Json = None
    parent: Parent | None = None
    args: tuple[Json, ...] = ()
    """For plain Celery tasks: the call's arguments; flow tasks get `node_args` and `parent`."""
    kwargs: Mapping[str, Json] | None = None
    results: Mapping[str, Json] | None = None
    """For flow tasks: results of parents that are kept inline, by task id; filled in by the dispatcher."""
    errors: Mapping[str, Json] | None = None
    """For flow tasks that are fallbacks: why their parents failed, by task id."""
    due: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartChildRun:
    """Start a sub-flow's run; its run id is the node's id."""

    run_id: RunId
    root_id: RunId
    id: TaskId
    parent_node: ParentNode
    flow: FlowName
    node_args: Json = None
    parent: Parent | None = None
    selection: Selection | None = None
    reports: bool = False
    due: float | None = None
    kept: Mapping[str, Json] | None = None
    priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitNode:
    """A node begins for which nothing is sent: a wait for a signal, or a delay."""

    run_id: RunId
    id: TaskId
    name: NodeName
    kind: NodeKind
    event: str | None = None
    until: float | None = None
    node_args: Json = None
    parent: Parent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassSignal:
    """A signal goes on to the run of a sub-flow."""

    run_id: RunId
    signal: Signal
    id: TaskId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepResult:
    """Keep a result inline that no worker has made."""

    run_id: RunId
    id: TaskId
    name: NodeName
    result: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTimer:
    run_id: RunId
    kind: TimerKind
    due: float
    id: TaskId | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetAttempts:
    """These attempts no longer matter: revoke them where possible, and note the verdict."""

    run_id: RunId
    ids: tuple[TaskId, ...]
    verdict: str
    """"cancelled", "superseded" or "timed out"."""
    terminate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelChildRun:
    run_id: RunId
    id: TaskId
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseChildRun:
    run_id: RunId
    id: TaskId


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeChildRun:
    run_id: RunId
    id: TaskId


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRun:
    """The run is over: tell its parent run, and who waits for it."""

    run_id: RunId
    status: Status
    error: TaskError | None = None
    report: Mapping[str, Json] | None = None


Command: TypeAlias = (
    PublishTask
    | StartChildRun
    | AwaitNode
    | PassSignal
    | KeepResult
    | SetTimer
    | ForgetAttempts
    | CancelChildRun
    | PauseChildRun
    | ResumeChildRun
    | EndRun
)
