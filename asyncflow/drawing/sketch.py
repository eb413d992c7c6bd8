"""What a drawing of a flow consists of, before anything has a place: shapes and the arcs between them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from asyncflow.model.names import FlowName, NodeName


class Kind(Enum):
    START = "start"
    TASK = "task"
    FLOW = "flow"
    """A sub-flow, folded or not."""
    WAIT = "wait"
    DELAY = "delay"
    END = "end"
    STOP = "stop"
    """A failure that is handled by doing nothing."""


class Role(Enum):
    EDGE = "edge"
    FALLBACK = "fallback"
    END = "end"
    """From a node after which nothing comes to the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Something with a border. `path` names the node from the drawn flow downwards; markers have none."""

    id: str
    kind: Kind
    title: str
    path: str = ""
    name: NodeName | None = None
    storage: str | None = None
    nowait: bool = False
    note: str = ""
    """A word under the name."""
    counted: bool = False
    """Whether there is to be room for how many of its instances are in which state."""
    inner: Sketch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Middle:
    """What stands between the sources and the targets of an edge or a fallback: its condition, or a bare junction."""

    id: str
    role: Role
    title: str
    lines: tuple[str, ...] = ()
    joins: bool = False
    """All of several sources are waited for."""
    foreach: bool = False


Part: TypeAlias = Shape | Middle


@dataclass(frozen=True, slots=True, kw_only=True)
class Arc:
    """A line from one part to another, by their ids."""

    id: str
    source: str
    target: str
    role: Role
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """One flow; shapes come first in `parts`, in the order in which the flow names them."""

    flow: FlowName
    parts: tuple[Part, ...]
    arcs: tuple[Arc, ...]
