"""The wire format of workers: tasks out, reports in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from asyncflow.model.commands import PublishTask
from asyncflow.model.events import Blame
from asyncflow.model.names import Json, TaskId
from asyncflow.model.run import HowFar, TaskError
from asyncflow.ports.broker import Delivery, Message


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
    how_far: HowFar | None = None
    ran: float = 0.0
    """Of one that has started: how many seconds before it was said."""


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
