"""The state of nodes in a run, for drawings that show one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """`state` colours a node; `counts` says how many of its instances are in which state."""

    state: str
    counts: Mapping[str, int] = field(default_factory=dict)
