"""Ports: where on the bottom of its source and on the top of its target each arc is attached."""

from __future__ import annotations

from collections.abc import Sequence

from asyncflow.drawing.layout.lattice import Lattice, Route

_APART = 14.0
_FROM_CORNER = 12.0
_LEAN = 0.3
"""Arcs that lead aside are attached within this part of the width, on either side of the middle."""


class Ports:
    """`leaving` and `arriving` hold an x for each route."""

    def __init__(self, lattice: Lattice, columns: Sequence[float]) -> None:
        self._lattice = lattice
        self._columns = columns
        self.leaving = [columns[route.chain[0]] for route in lattice.routes]
        self.arriving = [columns[route.chain[-1]] for route in lattice.routes]
        bottoms: dict[int, list[tuple[float, int]]] = {}
        tops: dict[int, list[tuple[float, int]]] = {}
        for number, route in enumerate(lattice.routes):
            if _leaves_at_bottom(route):
                bottoms.setdefault(route.chain[0], []).append((columns[route.chain[1]], number))
                self.leaving[number] = self._wish(route.chain[0], route.chain[1], is_top=False)
            if _arrives_at_top(route):
                tops.setdefault(route.chain[-1], []).append((columns[route.chain[-2]], number))
                self.arriving[number] = self._wish(route.chain[-1], route.chain[-2], is_top=True)
        for ends, ports, is_top in ((bottoms, self.leaving, False), (tops, self.arriving, True)):
            for cell, found in ends.items():
                # In the order of where they lead, so that they do not cross on the way.
                self._share(ports, [number for _, number in sorted(found)], cell, self._reach(cell, is_top=is_top))

    def _reach(self, cell: int, *, is_top: bool) -> float:
        """How far from the middle arcs may be attached."""
        if is_top and cell in self._lattice.inlets:
            return self._lattice.inlets[cell]
        width = self._lattice.sizes[cell].width
        return 0.0 if self._lattice.is_bend(cell) else max(width / 2 - _FROM_CORNER, width * _LEAN)

    def _wish(self, cell: int, other: int, *, is_top: bool) -> float:
        """Where the arc can be straight, if it can: the same x for both of its ends. Otherwise nearer to the other."""
        here, there = self._columns[cell], self._columns[other]
        reach, farther = self._reach(cell, is_top=is_top), self._reach(other, is_top=not is_top)
        left, right = max(here - reach, there - farther), min(here + reach, there + farther)
        if left <= right:
            return (left + right) / 2
        lean = min(reach, self._lattice.sizes[cell].width * _LEAN)
        return here + (lean if there > here else -lean)

    def _share(self, ports: list[float], routes: list[int], cell: int, reach: float) -> None:
        """Move the ports of a cell apart, as little as possible, and into its reach."""
        space = min(_APART, 2 * reach / max(1, len(routes) - 1))
        least, most = self._columns[cell] - reach, self._columns[cell] + reach - space * (len(routes) - 1)
        apart = _rising([ports[route] - place * space for place, route in enumerate(routes)])
        for place, (route, x) in enumerate(zip(routes, apart, strict=True)):
            ports[route] = min(max(x, least), most) + place * space


def _rising(wishes: Sequence[float]) -> list[float]:
    """The nearest numbers to these, by the sum of squares, of which none is less than the one before."""
    blocks: list[tuple[float, int]] = []
    for wish in wishes:
        total, count = wish, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            more, others = blocks.pop()
            total, count = total + more, count + others
        blocks.append((total, count))
    return [total / count for total, count in blocks for _ in range(count)]


def _leaves_at_bottom(route: Route) -> bool:
    return not route.climbs or route.turns_below


def _arrives_at_top(route: Route) -> bool:
    return not route.climbs or route.turns_above
