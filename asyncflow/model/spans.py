"""One trace per run: a span for the run, for each of its sub-flows' runs, and for each attempt at a task.

Ids follow from the ids of runs and attempts. So a message can name its span before there is one, a dispatcher that takes
over goes on with the same trace, and what is told twice is the same span.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from asyncflow.model.names import RunId, TaskId


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Times in seconds since the epoch. `error` is why it did not succeed."""

    name: str
    trace_id: int
    span_id: int
    parent_id: int | None
    start: float
    end: float
    outcome: str
    """succeeded, failed, retried or cancelled."""
    error: str = ""
    attributes: Mapping[str, str | int] = field(default_factory=dict)


EmitSpansLater: TypeAlias = Callable[[int, Callable[[], Sequence[Span]]], None]
"""As trace_events.EmitLater."""


def trace_id_of(root_id: RunId) -> int:
    """The trace that a root run has, with its sub-flows."""
    return _number(f"trace {root_id}", 16)


def span_id_of(id: RunId | TaskId) -> int:
    """The span of a run or of an attempt."""
    return _number(f"span {id}", 8)


def traceparent(root_id: RunId, id: TaskId) -> str:
    """The header of W3C Trace Context by which what a worker does becomes part of the attempt."""
    return f"00-{trace_id_of(root_id):032x}-{span_id_of(id):016x}-01"


def _number(text: str, length: int) -> int:
    # Zero means "no id" to others.
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=length).digest()) or 1
