"""A drawing with a place for everything: what the writers write, and what tests look at. Pixels, from the top left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from asyncflow.model.names import FlowName


class Point(NamedTuple):
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Straight:
    to: Point


@dataclass(frozen=True, slots=True)
class Curve:
    """A cubic Bézier curve."""

    first: Point
    second: Point
    to: Point


Stroke: TypeAlias = Straight | Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A node, a marker, or the frame around a sub-flow that is unfolded; `within` is the id of the frame around it."""

    id: str
    kind: str
    x: float
    y: float
    width: float
    height: float
    title: str
    lines: tuple[str, ...] = ()
    path: str = ""
    storage: str | None = None
    note: str = ""
    counted: bool = False
    classes: tuple[str, ...] = ()
    within: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What stands on an edge: its condition, a bar where sources are joined, or both."""

    id: str
    x: float
    y: float
    width: float
    height: float
    title: str
    lines: tuple[str, ...] = ()
    has_bar: bool = False
    classes: tuple[str, ...] = ()
    within: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """From one box or label to another; `arrow` tells whether it ends in a head, which always points down."""

    id: str
    source: str
    target: str
    start: Point
    strokes: tuple[Stroke, ...]
    title: str
    arrow: bool = False
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A whole drawing; frames stand before what is in them."""

    flow: FlowName
    width: float
    height: float
    boxes: tuple[Box, ...]
    labels: tuple[Label, ...]
    lines: tuple[Line, ...]
