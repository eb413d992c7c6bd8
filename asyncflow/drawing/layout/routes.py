"""Routes: the strokes of each arc. Straight beside cells, curved only between ranks, so that no arc crosses a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asyncflow.drawing.layout.lattice import Lattice, Route
from asyncflow.drawing.layout.ports import Ports
from asyncflow.drawing.layout.rows import Rows
from asyncflow.drawing.picture import Curve, Point, Straight, Stroke

HEAD = 9.0
"""How long the head of an arrow is; strokes end where it begins."""
_CORNER = 9.0
_SAME = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where an arc begins, and its strokes."""

    start: Point
    strokes: tuple[Stroke, ...]


def routes_of(
    lattice: Lattice, columns: Sequence[float], rows: Rows, ports: Ports, *, heads: Sequence[bool]
) -> list[Way]:
    """The way of every arc; `heads` tells of which arcs the target end is left free for a head."""
    tracer = _Tracer(lattice, columns, rows)
    ways = []
    for number, route in enumerate(lattice.routes):
        ends = _Ends(
            number=number,
            leaving=ports.leaving[number],
            arriving=ports.arriving[number],
            head=HEAD if heads[route.arc] else 0.0,
        )
        ways.append(tracer.climb(route, ends) if route.climbs else tracer.descend(route, ends))
    return ways


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ends:
    number: int
    leaving: float
    arriving: float
    head: float


class _Pen:
    """Draws on; a stroke that goes straight on from a straight one makes it longer."""

    def __init__(self, x: float, y: float) -> None:
        self.start = self.at = Point(x, y)
        self.strokes: list[Stroke] = []

    def vertical(self, y: float) -> None:
        self._straight(Point(self.at.x, y))

    def horizontal(self, x: float) -> None:
        self._straight(Point(x, self.at.y))

    def _straight(self, to: Point) -> None:
        if to == self.at:
            return
        last = self.strokes[-1] if self.strokes else None
        before = self._before_last()
        if isinstance(last, Straight) and before.x == self.at.x == to.x:
            self.strokes.pop()
        self.strokes.append(Straight(to))
        self.at = to

    def _before_last(self) -> Point:
        return self.strokes[-2].to if len(self.strokes) > 1 else self.start

    def sway(self, x: float, y: float) -> None:
        """To another column, leaving and arriving vertically."""
        if abs(x - self.at.x) < _SAME:
            # A hair's breadth aside: a straight stroke looks better than the right place.
            self.vertical(y)
            return
        half = (self.at.y + y) / 2
        self._curve(Point(self.at.x, half), Point(x, half), Point(x, y))

    def turn(self, x: float, y: float, onwards: float) -> None:
        """Vertically to y, aside to x, and vertically on, with round corners."""
        side = 1 if x > self.at.x else -1
        corner = min(_CORNER, abs(x - self.at.x) / 2)
        coming = 1 if y > self.at.y else -1
        going = 1 if onwards > y else -1
        self.vertical(y - coming * corner)
        self._curve(Point(self.at.x, y), Point(self.at.x, y), Point(self.at.x + side * corner, y))
        self.horizontal(x - side * corner)
        self._curve(Point(x, y), Point(x, y), Point(x, y + going * corner))
        self.vertical(onwards)

    def _curve(self, first: Point, second: Point, to: Point) -> None:
        self.strokes.append(Curve(first, second, to))
        self.at = to

    def way(self) -> Way:
        return Way(start=self.start, strokes=tuple(self.strokes))


class _Tracer:
    def __init__(self, lattice: Lattice, columns: Sequence[float], rows: Rows) -> None:
        self._lattice = lattice
        self._columns = columns
        self._rows = rows

    def descend(self, route: Route, ends: _Ends) -> Way:
        pen = _Pen(ends.leaving, self._bottom(route.chain[0]))
        for place, cell in enumerate(route.chain[1:], 1):
            rank = self._lattice.ranks[cell]
            pen.vertical(self._rows.bottoms[rank - 1])
            if place == len(route.chain) - 1:
                pen.sway(ends.arriving, self._rows.tops[rank] - ends.head)
                pen.vertical(self._top(cell) - ends.head)
            else:
                pen.sway(self._columns[cell], self._rows.tops[rank])
        return pen.way()

    def climb(self, route: Route, ends: _Ends) -> Way:
        """From the bottom of a cell, or the top of a label, up to the bottom of a label, or the top of a cell."""
        first = route.chain[0]
        pen = _Pen(ends.leaving, self._bottom(first) if route.turns_below else self._top(first))
        for place, cell in enumerate(route.chain[1:], 1):
            rank = self._lattice.ranks[cell]
            is_last = place == len(route.chain) - 1
            stop = self._rows.bottoms[rank]
            if place == 1 and route.turns_below:
                goal = self._bottom(cell) if is_last else self._rows.tops[rank]
                pen.turn(self._columns[cell], self._rows.below[ends.number], goal)
            elif is_last and route.turns_above:
                pen.turn(ends.arriving, self._rows.above[ends.number], self._top(cell) - ends.head)
            else:
                pen.vertical(self._rows.tops[rank + 1])
                pen.sway(self._columns[cell], stop)
                pen.vertical(self._bottom(cell) if is_last else self._rows.tops[rank])
        return pen.way()

    def _top(self, cell: int) -> float:
        return self._rows.top_of(self._lattice.ranks[cell], self._lattice.sizes[cell].height)

    def _bottom(self, cell: int) -> float:
        return self._top(cell) + self._lattice.sizes[cell].height
