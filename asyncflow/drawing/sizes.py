"""How large parts are drawn: fonts, paddings, and the size of each shape and label from its text."""

from __future__ import annotations

from asyncflow.drawing.layout.lattice import Size
from asyncflow.drawing.lettering import broken, width_of
from asyncflow.drawing.sketch import Kind, Middle, Part, Shape

NAME_FONT = 13.0
NAME_LINE = 17.0
SMALL_FONT = 11.0
SMALL_LINE = 14.0
STORAGE_LINE = 17.0
STORAGE_ICON = 14.0
"""The width of the little cylinder before a storage's name."""
MARK = 15.0
"""The width of the little envelope or clock before what a wait or a delay is about."""
HEADING = 26.0
"""The height of a frame's heading."""
FRAME = 14.0
"""The space between a frame and what is in it."""
BAR = Size(32, 5)
BAR_TO_LABEL = 5.0
COUNTS = Size(84, 19)
"""The room for counts by state; they are made smaller where they need more."""
STACK = 3.0
"""How far the second pill of a loop looks out from behind the first."""
DOUBLE = 3.0
"""The space between the two borders of a sub-flow."""

ABOVE_NAME = 8.0
_BESIDE_NAME = 14.0
_BESIDE_LABEL = 9.0
_ABOVE_LABEL = 4.0
_NARROWEST = 64.0
_LONGEST_NAME = 28
_MARKERS = {Kind.START: Size(16, 16), Kind.END: Size(20, 20), Kind.STOP: Size(18, 18)}


def lines_of_name(shape: Shape) -> tuple[str, ...]:
    return () if shape.name is None else broken(shape.name, _LONGEST_NAME)


def size_of_shape(shape: Shape) -> Size:
    """The size of a shape that is not unfolded."""
    marker = _MARKERS.get(shape.kind)
    if marker is not None:
        return marker
    lines = lines_of_name(shape)
    widths = [width_of(line, NAME_FONT) for line in lines]
    height = NAME_LINE * len(lines) + 2 * ABOVE_NAME
    if shape.storage is not None:
        widths.append(STORAGE_ICON + width_of(shape.storage, SMALL_FONT))
        height += STORAGE_LINE
    if shape.counted:
        widths.append(COUNTS.width)
        height += COUNTS.height
    if shape.note:
        mark = MARK if shape.kind in (Kind.WAIT, Kind.DELAY) else 0.0
        widths.append(mark + width_of(shape.note, SMALL_FONT))
        height += STORAGE_LINE
    border = 2 * DOUBLE if shape.kind is Kind.FLOW else 0.0
    return Size(max(_NARROWEST, max(widths) + 2 * _BESIDE_NAME) + border, height + border)


def size_of_frame(shape: Shape, inside: Size) -> Size:
    heading = max((width_of(line, NAME_FONT) for line in lines_of_name(shape)), default=0.0)
    counts = COUNTS.width if shape.counted else 0.0
    return Size(max(inside.width, heading + counts) + 2 * FRAME, inside.height + heading_of(shape) + FRAME)


def heading_of(shape: Shape) -> float:
    """The height of a frame's heading."""
    return HEADING + NAME_LINE * (len(lines_of_name(shape)) - 1)


def size_of_label(lines: tuple[str, ...]) -> Size:
    """The pill behind the text of an edge."""
    width = max(width_of(line, SMALL_FONT) for line in lines) + 2 * _BESIDE_LABEL
    return Size(width, SMALL_LINE * len(lines) + 2 * _ABOVE_LABEL)


def size_of_middle(middle: Middle) -> Size:
    if not middle.lines:
        return BAR
    label = size_of_label(middle.lines)
    above = BAR.height + BAR_TO_LABEL if middle.joins else 0.0
    behind = STACK if middle.foreach else 0.0
    return Size(label.width + behind, label.height + above + behind)


def inlet_of(part: Part) -> float | None:
    """How far from the middle of its top arcs may arrive, where that is not the whole width."""
    if isinstance(part, Middle):
        return BAR.width / 2 - 3 if part.joins or not part.lines else None
    return 0.0 if part.kind in {Kind.END, Kind.STOP} else None
