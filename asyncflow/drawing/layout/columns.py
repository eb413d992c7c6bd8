"""Columns: where each cell stands from left to right.

After Brandes and Köpf, "Fast and Simple Horizontal Coordinate Assignment": four layouts, each leaning to one corner, of
which every cell gets the middle. Long arcs become straight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from asyncflow.drawing.layout.lattice import Lattice
from asyncflow.drawing.layout.order import Layers

_BETWEEN_CELLS = 26.0
_BESIDE_BEND = 15.0
_BETWEEN_BENDS = 12.0


def columns_of(lattice: Lattice, layers: Layers) -> list[float]:
    """The middle of each cell; neighbours in a rank never overlap."""
    above, below = _neighbours(lattice)
    conflicts = _conflicts(lattice, layers, above)
    candidates = []
    for downwards in (True, False):
        for leftwards in (True, False):
            ranks = layers if downwards else layers[::-1]
            lean = _Lean(
                lattice=lattice,
                layers=ranks if leftwards else [layer[::-1] for layer in ranks],
                neighbours=above if downwards else below,
                conflicts=conflicts,
            )
            found = lean.columns()
            candidates.append(found if leftwards else [-x for x in found])
    return _balanced(lattice, candidates)


def _neighbours(lattice: Lattice) -> tuple[list[list[int]], list[list[int]]]:
    """Those above and those below each cell with which it wants to be in line; slack ones only where it has no others."""
    above: list[list[int]] = [[] for _ in lattice.sizes]
    below: list[list[int]] = [[] for _ in lattice.sizes]
    for neighbours, pairs in (
        (above, [(lower, upper) for upper, lower in lattice.links]),
        (below, lattice.links),
    ):
        slack: dict[int, list[int]] = {}
        for number, (cell, neighbour) in enumerate(pairs):
            if number in lattice.slack:
                slack.setdefault(cell, []).append(neighbour)
            else:
                neighbours[cell].append(neighbour)
        for cell, found in slack.items():
            neighbours[cell] = neighbours[cell] or found
    return above, below


def _conflicts(lattice: Lattice, layers: Layers, above: Sequence[Sequence[int]]) -> set[tuple[int, int]]:
    """Links that cross a link between two bends: the latter stay straight."""
    position = {cell: place for layer in layers for place, cell in enumerate(layer)}
    found: set[tuple[int, int]] = set()
    for layer in layers[1:]:
        inner = [
            (position[cell], position[upper])
            for cell in layer
            if lattice.is_bend(cell)
            for upper in above[cell]
            if lattice.is_bend(upper)
        ]
        for cell in layer:
            for upper in above[cell]:
                if lattice.is_bend(cell) and lattice.is_bend(upper):
                    continue
                if any((low - position[cell]) * (high - position[upper]) < 0 for low, high in inner):
                    found.add((upper, cell))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lean:
    """One of the four layouts, seen so that it goes down and leans to the left."""

    lattice: Lattice
    layers: Layers
    neighbours: Sequence[Sequence[int]]
    conflicts: set[tuple[int, int]]

    def columns(self) -> list[float]:
        root = self._roots()
        places = self._compacted(root)
        return [places[root[cell]] for cell in range(len(root))]

    def _roots(self) -> list[int]:
        """Blocks of cells that stand under one another, each known by its first."""
        root = list(range(len(self.lattice.sizes)))
        taken = [False] * len(root)
        position = {cell: place for layer in self.layers for place, cell in enumerate(layer)}
        for layer in self.layers:
            rightmost = -1
            for cell in layer:
                near = sorted(self.neighbours[cell], key=position.__getitem__)
                middle = (len(near) - 1) / 2
                for each in near[int(middle) : int(middle + 0.5) + 1]:
                    pair = (each, cell)
                    if taken[each] or position[each] <= rightmost or root[cell] != cell:
                        continue
                    if pair in self.conflicts or pair[::-1] in self.conflicts:
                        continue
                    taken[each] = True
                    root[cell] = root[each]
                    rightmost = position[each]
        return root

    def _compacted(self, root: Sequence[int]) -> Mapping[int, float]:
        """Each block as far left as its neighbours let it, then back to the right where there is room for nothing."""
        after: dict[int, dict[int, float]] = {block: {} for block in root}
        before: dict[int, dict[int, float]] = {block: {} for block in root}
        for layer in self.layers:
            for left, right in pairwise(layer):
                space = max(after[root[left]].get(root[right], 0.0), distance(self.lattice, left, right))
                after[root[left]][root[right]] = before[root[right]][root[left]] = space
        order = _topological(before, after)
        places: dict[int, float] = {}
        for block in order:
            places[block] = max((places[left] + space for left, space in before[block].items()), default=0.0)
        for block in reversed(order):
            room = min((places[right] - space for right, space in after[block].items()), default=places[block])
            places[block] = max(places[block], room)
        return places


def distance(lattice: Lattice, left: int, right: int) -> float:
    """How far apart the middles of two neighbours must be."""
    bends = lattice.is_bend(left) + lattice.is_bend(right)
    gap = (_BETWEEN_CELLS, _BESIDE_BEND, _BETWEEN_BENDS)[bends]
    return (lattice.sizes[left].width + lattice.sizes[right].width) / 2 + gap


def _topological(before: Mapping[int, Mapping[int, float]], after: Mapping[int, Mapping[int, float]]) -> list[int]:
    waiting = {block: len(lefts) for block, lefts in before.items()}
    order = [block for block, count in waiting.items() if not count]
    for block in order:  # grows meanwhile
        for right in after[block]:
            waiting[right] -= 1
            if not waiting[right]:
                order.append(right)
    return order


def _balanced(lattice: Lattice, candidates: Sequence[Sequence[float]]) -> list[float]:
    """Line the four up with the narrowest of them, and take the mean of the middle two."""
    edges = [_edges(lattice, columns) for columns in candidates]
    left, right = min(edges, key=lambda edge: edge[1] - edge[0])
    shifted = []
    for number, columns in enumerate(candidates):
        leans_left = number % 2 == 0
        shift = left - edges[number][0] if leans_left else right - edges[number][1]
        shifted.append([x + shift for x in columns])
    return [sum(sorted(places)[1:3]) / 2 for places in zip(*shifted, strict=True)]


def _edges(lattice: Lattice, columns: Sequence[float]) -> tuple[float, float]:
    halves = [size.width / 2 for size in lattice.sizes]
    return (
        min(x - half for x, half in zip(columns, halves, strict=True)),
        max(x + half for x, half in zip(columns, halves, strict=True)),
    )
