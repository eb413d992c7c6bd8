"""Runs, counted."""

from __future__ import annotations

from dataclasses import dataclass

from asyncflow.model.names import FlowName
from asyncflow.model.run import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many runs of a flow, started in one step of time, have one status. Child runs do not count."""

    flow: FlowName
    status: Status
    step: int
    """From 0."""
    count: int
