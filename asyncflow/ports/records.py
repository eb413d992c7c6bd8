"""What a store keeps: rows about runs, their journals, attempts; and what one transaction writes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from asyncflow.model.commands import SetTimer
from asyncflow.model.facts import Fact
from asyncflow.model.names import FlowName, NodeName, RunId, TaskId
from asyncflow.model.run import ParentNode, Status, TaskError
from asyncflow.model.snapshot import Snapshot
from asyncflow.ports.broker import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """What lists of runs show of a run. Times in seconds since the epoch."""

    run_id: RunId
    flow: FlowName
    status: Status
    root_id: RunId
    parent_node: ParentNode | None = None
    partition: int = 0
    """Whose dispatcher moves it: its root's, for child runs. It never changes."""
    started_at: float
    ended_at: float | None = None
    updated_at: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    error: TaskError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of a run's journal: the facts of one decision."""

    version: int
    at: float
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """One run's step: `entry.version` must be the one after the last stored, or the commit is refused."""

    header: RunHeader
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A row of the outbox: a message that must reach a worker, kept until its verdict."""

    id: TaskId
    run_id: RunId
    task: NodeName
    message: Message
    due: float = 0.0
    published: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The end of an attempt. `result` is kept inline where the task has no storage; None keeps nothing."""

    id: TaskId
    at: float
    verdict: str
    """succeeded, failed, timed out, lost, cancelled, superseded."""
    result: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outstanding:
    """An attempt without a verdict, as the watchdog sees it. `published_at` is None while it is not known to be."""

    id: TaskId
    run_id: RunId
    task: NodeName
    due: float
    published_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """What loading a run takes: its latest snapshot, if it has one, and the entries after that."""

    snapshot: Snapshot | None = None
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one transaction writes, for many runs.

    It is refused as a whole unless each partition in `fences` still has that epoch.
    """

    advances: tuple[Advance, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    timers: tuple[SetTimer, ...] = ()
    timers_done: tuple[SetTimer, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    fences: tuple[tuple[str, int], ...] = ()

    @property
    def is_empty(self) -> bool:
        changes = (self.advances, self.attempts, self.verdicts, self.timers, self.timers_done, self.snapshots)
        return not any(changes)
