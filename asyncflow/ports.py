"""What the dispatcher needs of the world. Adapters fulfil it; tests and Simulation have their own.

Every method raises only the errors named in its docstring; adapters translate what their libraries raise.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from asyncflow.model.commands import PublishTask, SetTimer
from asyncflow.model.events import Blame
from asyncflow.model.facts import Fact
from asyncflow.model.finding import Finding
from asyncflow.model.flow import Task
from asyncflow.model.names import FlowName, Json, NodeName, RunId, TaskId
from asyncflow.model.requests import Request
from asyncflow.model.run import ParentNode, Status, TaskError
from asyncflow.model.run_filter import RunFilter
from asyncflow.model.snapshot import Snapshot

# --- Broker -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An AMQP message on its way out. An empty exchange and a queue's name reach that queue."""

    routing_key: str
    body: bytes
    exchange: str = ""
    headers: Mapping[str, Json] = field(default_factory=dict)
    type: str = ""
    content_type: str = "application/json"
    content_encoding: str = "utf-8"
    correlation_id: str = ""
    reply_to: str = ""
    priority: int = 0
    persistent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An AMQP message that came in. `tag` is the broker adapter's own, for `ack`."""

    body: bytes
    headers: Mapping[str, Json] = field(default_factory=dict)
    type: str = ""
    content_type: str = ""
    content_encoding: str = ""
    correlation_id: str = ""
    reply_to: str = ""
    redelivered: bool = False
    tag: object = None


class Published(Enum):
    """What became of a message."""

    CONFIRMED = "confirmed"
    UNROUTABLE = "unroutable"
    """No queue of that name exists: no worker has ever consumed it."""
    REFUSED = "refused"
    """The broker said no, because the queue is full for example."""
    UNKNOWN = "unknown"
    """The connection broke before the broker answered; the message may or may not be there."""


class Broker(Protocol):
    """A connection that heals itself. Used as an async context manager; entering waits for the first connection.

    Entering raises BrokerError when the broker cannot be reached or refuses.
    """

    @property
    def reply_queue(self) -> str:
        """The name of our queue: where results, callbacks and requests arrive."""

    @property
    def callback_exchange(self) -> str:
        """The name of our durable exchange, which routes `callback_key` to our queue."""

    @property
    def callback_key(self) -> str:
        """The number of our partition, as text; under another's the exchange reaches that one's queue."""

    @property
    def connected(self) -> bool: ...

    async def wait_connected(self) -> None: ...

    async def publish(self, messages: Sequence[Message]) -> list[Published]:
        """Publish with confirms and `mandatory`; one outcome a message, in order. Never raises for the broker."""

    async def receive(self, most: int) -> list[Delivery]:
        """Wait for deliveries; return at least one and at most `most`. Survives reconnection."""

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge. Those of a connection that is gone are skipped: the broker delivers them again."""

    async def park(self, delivery: Delivery, reason: str) -> None:
        """Copy a delivery that nobody understands to the dead-letter queue, with the reason in a header."""


# --- Codec ------------------------------------------------------------------------------------------------------------


class Progress(Enum):
    """What a worker reports of an attempt."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STARTED = "started"
    RETRYING = "retrying"
    PROGRESSING = "progressing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A report of a worker, decoded. `conclusive` is false for a failure whose reason another channel may still bring."""

    id: TaskId
    progress: Progress
    result: Json = None
    error: TaskError | None = None
    blame: Blame = Blame.TASK
    conclusive: bool = True
    worker: str = ""
    meta: Json = None


class Codec(Protocol):
    """The wire format of workers, as pure functions."""

    def encode_task(self, command: PublishTask, *, reply_to: str, exchange: str, routing_key: str) -> Message:
        """The message that makes a worker run an attempt and report it to us.

        Raises EnvelopeError rather than build a message that could harm a worker.
        """

    def decode_completion(self, delivery: Delivery) -> Completion:
        """What a worker reports. Raises EnvelopeError for anything that is not such a report."""

    def encode_revoke(self, ids: Sequence[TaskId], *, terminate: bool) -> Message:
        """The broadcast that asks workers to drop attempts."""


# --- Store ------------------------------------------------------------------------------------------------------------


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
class Lease:
    """Who may move the runs of a partition. The epoch grows whenever that changes."""

    partition: str
    owner: str
    epoch: int
    seconds_left: float


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


class Store(Protocol):
    """The dispatcher's durable state. Every method may raise StoreError. Used as an async context manager."""

    @property
    def secret(self) -> bytes:
        """16 random bytes, drawn when the store was made: the namespace of task ids."""

    async def commit(self, batch: Batch) -> None:
        """Write all of it durably, or nothing. Raises FencedError when a run or an epoch has moved on meanwhile.

        For an epoch that is a LeaseLostError; a batch of nothing but fences asks whether they hold.

        After any other StoreError it may have been written or not. Commit the same batch object again to find out:
        that succeeds if it was.
        """

    async def mark_published(self, ids: Sequence[TaskId], at: float = 0.0) -> None:
        """Note that the broker has confirmed these attempts, and when. Need not be durable at once."""

    async def journal(self, run_id: RunId) -> list[Entry]:
        """Every entry of a run, in order; empty for an unknown run."""

    async def journals(self, run_ids: Sequence[RunId]) -> dict[RunId, list[Entry]]: ...

    async def tails(self, run_ids: Sequence[RunId]) -> dict[RunId, Tail]:
        """What loading these runs takes; an unknown run has an empty tail."""

    async def run_of(self, ids: Sequence[TaskId]) -> dict[TaskId, RunId]:
        """The runs of attempts that have no verdict yet, and of those that have; unknown ids are left out."""

    async def verdicts(self, ids: Sequence[TaskId]) -> dict[TaskId, str]:
        """How attempts have ended; those without a verdict and unknown ids are left out."""

    async def results(self, ids: Sequence[TaskId]) -> dict[TaskId, bytes]:
        """Inline results, as JSON text; ids without one are left out."""

    async def unpublished(self, partitions: Collection[int] | None = None) -> list[Attempt]:
        """Attempts without a verdict that are not known to be published, in the order they were committed."""

    async def outstanding(self, before: float, partitions: Collection[int] | None = None) -> list[Outstanding]:
        """Attempts without a verdict that were due before then, the longest due first, published or not."""

    async def timers(self, partitions: Collection[int] | None = None) -> list[SetTimer]:
        """Every timer that is set and not done; as above, of the runs in these partitions, or of all for None."""

    async def take_slot(self, name: str, now: float, interval: float) -> float:
        """When the next start of a throttled node may be: now, or `interval` seconds after the slot taken before.

        The slot is taken once and for all, durably: two callers never get the same.
        """

    async def open_flows(self) -> dict[FlowName, int]:
        """How many runs of each flow are not over, child runs too."""

    async def header(self, run_id: RunId) -> RunHeader | None: ...

    async def headers(self, which: RunFilter) -> list[RunHeader]: ...

    async def remove_ended(self, before: float, limit: int) -> int:
        """Remove runs that ended before then, at most so many, with all that is stored of them; return how many.

        A root and its child runs go together, and only when each of them ended before then and every attempt has its
        verdict. A root goes last: what a crash leaves is removed by the next call. Call until it returns 0.
        """

    async def check(self) -> list[Finding]:
        """Look through everything that is stored for what cannot be; empty when all is well."""

    def export(self, run_ids: Sequence[RunId] | None = None) -> AsyncIterator[bytes]:
        """Runs with their journals, attempts and inline results, as lines of JSON; None for all runs."""


class Leases(Protocol):
    """Which dispatcher has which partition. Time is the store's. Every method may raise StoreError."""

    async def acquire(self, partition: str, owner: str, ttl: float) -> int | None:
        """Take a partition for `ttl` seconds, and return its new epoch; None while another owner has it.

        Who has it already gets a new epoch too: an owner that starts again fences its former life.
        """

    async def renew(self, held: Mapping[str, int], ttl: float) -> set[str]:
        """Hold partitions, given with their epochs, for `ttl` seconds from now; return those that are still held."""

    async def release(self, held: Mapping[str, int]) -> None:
        """Give partitions up: others may take them at once."""

    async def leases(self) -> list[Lease]:
        """Those that are held now, by partition."""

    async def agree_on_partitions(self, count: int) -> int:
        """How many partitions there are: what was said first, for as long as the store exists."""


# --- Results, time ----------------------------------------------------------------------------------------------------


class Results(Protocol):
    """Task results in their storages. Methods raise StorageError where waiting may help."""

    async def retrieve(self, flow: FlowName, task: Task, id: TaskId) -> Json: ...

    async def store(self, flow: FlowName, task: Task, id: TaskId, node_args: Json, result: Json) -> None: ...


class Clock(Protocol):
    """Wall time for what is stored, and waiting."""

    def now(self) -> float:
        """Seconds since the epoch."""

    async def sleep(self, seconds: float) -> None: ...


# --- Clients ----------------------------------------------------------------------------------------------------------


class Line(Protocol):
    """How a client's requests reach a dispatcher."""

    def answers(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[dict[str, Json]]]:
        """Send a request and iterate over its answers; leaving the context ends the conversation.

        Entering waits until the request is kept in a queue: for ever, where no dispatcher has made one.

        The iterator raises the RequestError that the dispatcher refused with, and BrokerError when the request cannot
        be sent. It waits without end where no dispatcher answers: callers set the deadline.
        """
