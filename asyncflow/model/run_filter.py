"""Which runs to list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from asyncflow.model.names import FlowName, RunId
from asyncflow.model.run import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs to list, newest first. `prefix` begins the run id. Children are left out unless asked for."""

    flow: FlowName | None = None
    root_id: RunId | None = None
    statuses: tuple[Status, ...] = ()
    """One of these; any, where none is named."""
    prefix: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Each of them, with this value."""
    since: float | None = None
    """Started then or later."""
    until: float | None = None
    """Started before then."""
    text: str = ""
    """Stands in the id, the flow, the error or a label's value; A-Z and a-z are the same."""
    children: bool = False
    limit: int = 100
