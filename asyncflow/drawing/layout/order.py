"""Order: which cell stands left of which within a rank, so that few links cross."""

from __future__ import annotations

from collections.abc import Sequence

from asyncflow.drawing.layout.lattice import Lattice

_SWEEPS = 24
_PATIENCE = 6
_SWAPS = 6

Layers = list[list[int]]


def ordered(lattice: Lattice) -> Layers:
    """The cells of each rank, from left to right."""
    return _Ordering(lattice).best()


class _Ordering:
    def __init__(self, lattice: Lattice) -> None:
        count = len(lattice.sizes)
        self._above: list[list[int]] = [[] for _ in range(count)]
        self._below: list[list[int]] = [[] for _ in range(count)]
        for upper, lower in lattice.links:
            self._above[lower].append(upper)
            self._below[upper].append(lower)
        self._position = [0] * count
        self._layers = self._first(lattice)

    def best(self) -> Layers:
        """Sweep down and up, and keep the best; the first order wins where nothing is better."""
        best, fewest, patience = self._copy(), self._crossings(), _PATIENCE
        for sweep in range(_SWEEPS):
            if not fewest or not patience:
                break
            self._sweep(downwards=sweep % 2 == 0, to_right=sweep % 4 > 1)
            self._swap()
            crossings = self._crossings()
            patience -= 1
            if crossings < fewest:
                best, fewest, patience = self._copy(), crossings, _PATIENCE
        return best

    def _copy(self) -> Layers:
        return [list(layer) for layer in self._layers]

    def _first(self, lattice: Lattice) -> Layers:
        """Depth first from the top, so that what belongs together stands together."""
        layers: Layers = [[] for _ in range(lattice.depth)]
        seen: set[int] = set()
        for first in sorted(range(len(lattice.sizes)), key=lambda cell: lattice.ranks[cell]):
            stack = [first]
            while stack:
                cell = stack.pop()
                if cell not in seen:
                    seen.add(cell)
                    self._position[cell] = len(layers[lattice.ranks[cell]])
                    layers[lattice.ranks[cell]].append(cell)
                    stack.extend(reversed(self._below[cell]))
        return layers

    def _place(self, layer: list[int]) -> None:
        for position, cell in enumerate(layer):
            self._position[cell] = position

    def _sweep(self, *, downwards: bool, to_right: bool) -> None:
        """Put every cell between its neighbours in the rank before; those that tie keep or turn their order."""
        neighbours = self._above if downwards else self._below
        for layer in self._layers if downwards else reversed(self._layers):
            weights = {cell: self._middle(cell, neighbours[cell]) for cell in layer}
            if to_right:
                layer.reverse()
            layer.sort(key=weights.__getitem__)
            self._place(layer)

    def _middle(self, cell: int, neighbours: Sequence[int]) -> float:
        if not neighbours:
            return self._position[cell]
        return sum(self._position[each] for each in neighbours) / len(neighbours)

    # --- Swaps --------------------------------------------------------------------------------------------------------

    def _swap(self) -> None:
        """Swap neighbours for as long as that undoes crossings."""
        for _ in range(_SWAPS):
            if not sum(map(self._swap_in, self._layers)):
                return

    def _swap_in(self, layer: list[int]) -> bool:
        better = False
        for place in range(len(layer) - 1):
            left, right = layer[place], layer[place + 1]
            if self._between(left, right) > self._between(right, left):
                layer[place], layer[place + 1] = right, left
                self._position[left], self._position[right] = place + 1, place
                better = True
        return better

    def _between(self, left: int, right: int) -> int:
        """How often the links of two neighbours cross, the one being left of the other."""
        crossings = 0
        for neighbours in (self._above, self._below):
            places = sorted(self._position[each] for each in neighbours[right])
            for each in neighbours[left]:
                position = self._position[each]
                for place in places:
                    if place >= position:
                        break
                    crossings += 1
        return crossings

    # --- Crossings ----------------------------------------------------------------------------------------------------

    def _crossings(self) -> int:
        return sum(map(self._crossings_below, self._layers))

    def _crossings_below(self, layer: Sequence[int]) -> int:
        """Count inversions with a Fenwick tree over the places in the next rank."""
        ends = [place for cell in layer for place in sorted(self._position[each] for each in self._below[cell])]
        if not ends:
            return 0
        tree = [0] * (max(ends) + 2)
        crossings = 0
        for seen, place in enumerate(ends):
            index, not_right = place + 1, 0
            while index:
                not_right += tree[index]
                index &= index - 1
            crossings += seen - not_right
            index = place + 1
            while index < len(tree):
                tree[index] += 1
                index += index & -index
        return crossings
