"""From a sketch to a picture: every flow is laid out by itself, and an unfolded sub-flow is a large shape around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from asyncflow.drawing.layout import Plan, Ports, Rows, columns_of, lattice_of, ordered, routes_of, rows_of
from asyncflow.drawing.layout.lattice import Lattice, Size
from asyncflow.drawing.layout.routes import Way
from asyncflow.drawing.lettering import width_of
from asyncflow.drawing.picture import Box, Curve, Label, Line, Picture, Point, Straight, Stroke
from asyncflow.drawing.sizes import (
    HEADING,
    NAME_FONT,
    heading_of,
    inlet_of,
    lines_of_name,
    size_of_frame,
    size_of_middle,
    size_of_shape,
)
from asyncflow.drawing.sketch import Arc, Kind, Middle, Part, Role, Shape, Sketch

_MARGIN = 18.0


def picture_of(sketch: Sketch) -> Picture:
    """Lay out a whole drawing."""
    content = _content(sketch, "")
    width = max(content.size.width, width_of(sketch.flow, NAME_FONT))
    placed = content.moved(_MARGIN + (width - content.size.width) / 2, _MARGIN + HEADING)
    return Picture(
        flow=sketch.flow,
        width=width + 2 * _MARGIN,
        height=content.size.height + 2 * _MARGIN + HEADING,
        boxes=placed.boxes,
        labels=placed.labels,
        lines=placed.lines,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """What one flow shows, from a corner at the origin."""

    size: Size
    boxes: tuple[Box, ...]
    labels: tuple[Label, ...]
    lines: tuple[Line, ...]

    def moved(self, x: float, y: float) -> _Content:
        return replace(
            self,
            boxes=tuple(replace(box, x=box.x + x, y=box.y + y) for box in self.boxes),
            labels=tuple(replace(label, x=label.x + x, y=label.y + y) for label in self.labels),
            lines=tuple(_moved_line(line, x, y) for line in self.lines),
        )


def _moved_line(line: Line, x: float, y: float) -> Line:
    def move(point: Point) -> Point:
        return Point(point.x + x, point.y + y)

    def move_stroke(stroke: Stroke) -> Stroke:
        if isinstance(stroke, Straight):
            return Straight(move(stroke.to))
        return Curve(move(stroke.first), move(stroke.second), move(stroke.to))

    return replace(line, start=move(line.start), strokes=tuple(map(move_stroke, line.strokes)))


def _content(sketch: Sketch, within: str) -> _Content:
    inner = {
        part.id: _content(part.inner, part.id)
        for part in sketch.parts
        if isinstance(part, Shape) and part.inner is not None
    }
    numbers = {part.id: number for number, part in enumerate(sketch.parts)}
    lattice = lattice_of(
        Plan(
            sizes=[_size(part, inner) for part in sketch.parts],
            arcs=[(numbers[arc.source], numbers[arc.target]) for arc in sketch.arcs],
            middles=frozenset(numbers[part.id] for part in sketch.parts if isinstance(part, Middle)),
            inlets={numbers[part.id]: inlet for part in sketch.parts if (inlet := inlet_of(part)) is not None},
            loose=frozenset(place for place, arc in enumerate(sketch.arcs) if arc.role is Role.END),
        )
    )
    columns = columns_of(lattice, ordered(lattice))
    left = min(x - size.width / 2 for x, size in zip(columns, lattice.sizes, strict=True))
    placing = _Placing(sketch=sketch, within=within, lattice=lattice, columns=[x - left for x in columns], inner=inner)
    return placing.content()


def _size(part: Part, inner: Mapping[str, _Content]) -> Size:
    if isinstance(part, Middle):
        return size_of_middle(part)
    return size_of_frame(part, inner[part.id].size) if part.id in inner else size_of_shape(part)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placing:
    """Puts the parts of one flow where the layout says."""

    sketch: Sketch
    within: str
    lattice: Lattice
    columns: Sequence[float]
    inner: Mapping[str, _Content]

    def content(self) -> _Content:
        ports = Ports(self.lattice, self.columns)
        rows = rows_of(self.lattice, self.columns, ports)
        parts = {part.id: part for part in self.sketch.parts}
        heads = [isinstance(parts[arc.target], Shape) for arc in self.sketch.arcs]
        ways = routes_of(self.lattice, self.columns, rows, ports, heads=heads)
        boxes: list[Box] = []
        labels: list[Label] = []
        lines: list[Line] = []
        for number, part in enumerate(self.sketch.parts):
            corner = self._corner(number, rows)
            if isinstance(part, Middle):
                labels.append(self._label(part, corner, self.lattice.sizes[number]))
                continue
            boxes.append(self._box(part, corner, self.lattice.sizes[number]))
            if part.id in self.inner:
                placed = self._unfolded(part, boxes[-1])
                boxes += placed.boxes
                labels += placed.labels
                lines += placed.lines
        for arc, way, head in zip(self.sketch.arcs, ways, heads, strict=True):
            lines.append(_line(arc, way, head))
        sizes = self.lattice.sizes
        width = max(x + size.width / 2 for x, size in zip(self.columns, sizes, strict=True))
        return _Content(
            size=Size(width, rows.bottoms[-1]), boxes=tuple(boxes), labels=tuple(labels), lines=tuple(lines)
        )

    def _corner(self, number: int, rows: Rows) -> Point:
        size = self.lattice.sizes[number]
        return Point(self.columns[number] - size.width / 2, rows.top_of(self.lattice.ranks[number], size.height))

    def _unfolded(self, shape: Shape, frame: Box) -> _Content:
        content = self.inner[shape.id]
        aside = (frame.width - content.size.width) / 2
        return content.moved(frame.x + aside, frame.y + heading_of(shape))

    def _label(self, middle: Middle, corner: Point, size: Size) -> Label:
        classes = ["label", middle.role.value]
        if middle.foreach:
            classes.append("foreach")
        if not middle.lines:
            classes.append("bare")
        return Label(
            id=middle.id,
            x=corner.x,
            y=corner.y,
            width=size.width,
            height=size.height,
            title=middle.title,
            lines=middle.lines,
            has_bar=middle.joins or not middle.lines,
            classes=tuple(classes),
            within=self.within,
        )

    def _box(self, shape: Shape, corner: Point, size: Size) -> Box:
        kind = "frame" if shape.inner is not None else shape.kind.value
        classes = [kind if shape.kind in _MARKERS else "node", kind]
        if shape.nowait:
            classes.append("nowait")
        return Box(
            id=shape.id,
            kind=kind,
            x=corner.x,
            y=corner.y,
            width=size.width,
            height=size.height,
            title=shape.title,
            lines=lines_of_name(shape),
            path=shape.path,
            storage=shape.storage,
            note=shape.note,
            counted=shape.counted,
            classes=tuple(dict.fromkeys(classes)),
            within=self.within,
        )


_MARKERS = frozenset({Kind.START, Kind.END, Kind.STOP})


def _line(arc: Arc, way: Way, head: bool) -> Line:
    return Line(
        id=arc.id,
        source=arc.source,
        target=arc.target,
        start=way.start,
        strokes=way.strokes,
        title=arc.title,
        arrow=head,
        classes=("line", arc.role.value),
    )
