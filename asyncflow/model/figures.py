"""What is measured of a dispatcher at work, and whom it is told."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Protocol

from asyncflow.model.names import FlowName
from asyncflow.model.spans import Span


class Timed(Enum):
    """What a dispatcher does again and again, and how long each time takes."""

    COMMIT = "commit"
    PUBLISH = "publish"
    """A batch, up to its confirmation."""
    DISPATCH = "dispatch"
    """From the arrival of a message to the acknowledgement after the commit of what follows from it."""
    QUEUE = "queue"
    """From the confirmation of a task message to its start. Only workers that tell of starts make it known."""
    WORK = "work"
    """From the start of a task to its report, under the same condition."""


class Metrics(Protocol):
    """Figures of a dispatcher at work. Every method returns at once and raises nothing."""

    def ended(self, span: Span) -> None:
        """A run, or an attempt at a task, is over."""

    def took(self, what: Timed, seconds: float) -> None: ...

    def parked(self) -> None:
        """A message has gone to the dead letters."""

    def sampled(self, *, open_runs: Mapping[FlowName, int], outbox: int, leases: int) -> None:
        """How things stand now."""
