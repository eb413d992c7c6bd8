"""What the dispatcher needs of the fleet of workers: what they tell of themselves, answers, and results they left.

Everything here is evidence, none of it is needed for flows to run: without it, attempts that nobody reports wait
for their timeouts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Protocol, Self

from asyncflow.model.names import Json, TaskId
from asyncflow.ports import Completion, Delivery, Message


class Sign(Enum):
    """What a worker tells unasked."""

    ALIVE = "alive"
    ONLINE = "online"
    OFFLINE = "offline"
    RECEIVED = "received"
    STARTED = "started"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport:
    """One sign of one worker, by its host name; `id` is the attempt that it is about, where it is about one."""

    sign: Sign
    worker: str
    id: TaskId | None = None
    interval: float | None = None
    """Seconds between this worker's heartbeats."""
    sent_at: float | None = None
    """By the worker's clock."""
    completion: Completion | None = None
    """How the attempt has ended, where the worker tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """How many messages wait in a queue, those that workers hold not counted, and how many consumers it has."""

    messages: int
    consumers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What workers answered to a question, by host name; `complete` when none that was expected is missing."""

    by_worker: Mapping[str, Json] = field(default_factory=dict)
    complete: bool = True


class FleetCodec(Protocol):
    """The wire format of what workers tell and answer, as pure functions."""

    def encode_control(self, method: str, arguments: Mapping[str, Json], *, reply_to: str, ticket: str) -> Message:
        """The broadcast of a question."""

    def encode_order(self, method: str, workers: Collection[str]) -> Message:
        """What these workers, and no others, are to do; they answer nothing."""

    def decode_answer(self, delivery: Delivery) -> tuple[str, Mapping[str, Json]]:
        """The ticket of the question, and the answers by worker. Raises EnvelopeError."""

    def decode_reports(self, delivery: Delivery) -> list[WorkerReport]:
        """Raises EnvelopeError."""

    def control_queue(self, worker: str) -> str:
        """The queue that exists as long as a worker of this host name is connected."""


class Workers(Protocol):
    """The workers on the broker. Used as an async context manager. A connection that heals itself.

    Entering raises BrokerError when the broker cannot be reached or refuses. The workers that reports have told of
    are known until they go offline, or fall silent for some of their intervals.
    """

    @property
    def generation(self) -> int:
        """Counts the connections, from 1: what was told between two of them was not heard."""

    @property
    def connected(self) -> bool: ...

    async def reports(self) -> list[WorkerReport]:
        """Wait for reports; return at least one. Survives reconnection."""

    async def ask(
        self, method: str, arguments: Mapping[str, Json], *, expected: Collection[str] = (), seconds: float = 2.0
    ) -> Answers:
        """Ask all workers, and wait until those expected have answered; for the whole time where none is named.

        Raises BrokerError.
        """

    async def order(self, method: str, workers: Collection[str]) -> None:
        """Tell these workers to do something, and wait for no answer. Raises BrokerError."""

    async def queue(self, name: str) -> QueueState | None:
        """A queue as it is now; None where there is none of that name. Raises BrokerError."""

    async def is_attached(self, worker: str) -> bool:
        """Whether the broker holds a connection of that worker, be it busy or silent. Raises BrokerError."""


class Exploration(Protocol):
    """What there is to find out about workers, so that messages may be spared."""

    @property
    def is_open(self) -> bool:
        """Whether there is anything to find out."""

    def doubt(self) -> bool:
        """A worker has come of which nothing is known; True if messages have been spared until now."""

    async def explore(self, workers: Workers, present: Collection[str], queues: Iterable[str]) -> None:
        """Ask them. Raises BrokerError."""


class ResultBackend(Protocol):
    """Where workers leave results, and tell of it. Used as an async context manager; entering does not wait."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    async def listen(self, in_flight: Callable[[], Collection[TaskId]], deliver: Callable[[Delivery], None]) -> None:
        """Deliver the results of attempts in flight, for ever. After each reconnection also those missed meanwhile."""

    async def fetch(self, ids: Sequence[TaskId]) -> list[Delivery]:
        """The results that are there. Raises ConnectionFailedError."""
