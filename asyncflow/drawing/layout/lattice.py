"""The lattice: cells and the bends of long arcs, each in its rank, linked from one rank to the next only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from asyncflow.drawing.layout.cycles import back_arcs
from asyncflow.drawing.layout.ranks import Pull, ranks_of


class Size(NamedTuple):
    width: float
    height: float


_BEND = Size(2, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be laid out. Cells and arcs are known by their positions."""

    sizes: Sequence[Size]
    arcs: Sequence[tuple[int, int]]
    middles: frozenset[int]
    """Cells that stand on arcs; two others have a rank between them, for such."""
    loose: frozenset[int] = frozenset()
    """Arcs that do not mind being long."""
    inlets: Mapping[int, float] = field(default_factory=dict)
    """How far from the middle of its top arcs may arrive at a cell, where that is not its whole width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The cells and bends that an arc passes, from its source to its target.

    One that climbs may begin with a turn below its source and end with a turn above its target.
    """

    arc: int
    chain: tuple[int, ...]
    climbs: bool = False
    turns_below: bool = False
    turns_above: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """`sizes`, `ranks` go by cell, bends after all cells of the plan; `links` lead from a rank to the next one."""

    cells: int
    sizes: Sequence[Size]
    ranks: Sequence[int]
    links: Sequence[tuple[int, int]]
    slack: AbstractSet[int]
    """Links, by position, that need not be straight."""
    inlets: Mapping[int, float]
    routes: Sequence[Route]

    def is_bend(self, cell: int) -> bool:
        return cell >= self.cells

    @property
    def depth(self) -> int:
        return max(self.ranks) + 1


def lattice_of(plan: Plan) -> Lattice:
    back = back_arcs(len(plan.sizes), plan.arcs)
    loops = list(_loops(plan, back))
    carried = {loop.label for loop in loops}
    pulls = [
        Pull(source=source, target=target, length=_length(plan, source, target), weight=int(position not in plan.loose))
        for position, (source, target) in enumerate(plan.arcs)
        if position not in back and source not in carried and target not in carried
    ]
    growth = _Growth(sizes=list(plan.sizes), ranks=ranks_of(len(plan.sizes), pulls))
    on_loops = {arc for loop in loops for arc in loop.arcs}
    for position, (source, target) in enumerate(plan.arcs):
        if position not in on_loops:
            growth.descend(position, source, target, slack=position in plan.loose)
    for loop in loops:
        growth.climb(loop)
    lowest = min(growth.ranks)
    return Lattice(
        cells=len(plan.sizes),
        sizes=growth.sizes,
        ranks=[rank - lowest for rank in growth.ranks],
        links=growth.links,
        slack=growth.slack,
        inlets=plan.inlets,
        routes=sorted(growth.routes, key=lambda route: route.arc),
    )


def _length(plan: Plan, source: int, target: int) -> int:
    return 1 if source in plan.middles or target in plan.middles else 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loop:
    """A way back up: one arc, or two with a label between them."""

    source: int
    target: int
    arcs: tuple[int, ...]
    label: int | None = None


def _loops(plan: Plan, back: frozenset[int]) -> Iterator[_Loop]:
    into: dict[int, list[int]] = {}
    out_of: dict[int, list[int]] = {}
    for position, (source, target) in enumerate(plan.arcs):
        into.setdefault(target, []).append(position)
        out_of.setdefault(source, []).append(position)
    for position in sorted(back):
        source, target = plan.arcs[position]
        before = into.get(source, [])
        if source in plan.middles and len(before) == 1 and len(out_of[source]) == 1:
            yield _Loop(source=plan.arcs[before[0]][0], target=target, arcs=(before[0], position), label=source)
        else:
            yield _Loop(source=source, target=target, arcs=(position,))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Growth:
    """A lattice that is being made."""

    sizes: list[Size]
    ranks: list[int]
    links: list[tuple[int, int]] = field(default_factory=list)
    slack: set[int] = field(default_factory=set)
    routes: list[Route] = field(default_factory=list)

    def descend(self, arc: int, source: int, target: int, *, slack: bool) -> None:
        bends = [self._bend(rank) for rank in range(self.ranks[source] + 1, self.ranks[target])]
        chain = (source, *bends, target)
        self.link(pairwise(chain), slack=slack)
        self.routes.append(Route(arc=arc, chain=chain))

    def climb(self, loop: _Loop) -> None:
        """Bends for the turn below the source, for every rank on the way up, and for the turn above the target."""
        below, above = self.ranks[loop.source], self.ranks[loop.target]
        way = list(range(below, above - 1, -1))
        place = _place_of_label(way) if loop.label is not None else -1
        climb = [loop.label if number == place else self._bend(rank) for number, rank in enumerate(way)]
        chain = [cell for cell in climb if cell is not None]
        if loop.label is not None:
            self.ranks[loop.label] = way[place]
        turn, last_turn = self._bend(below + 1), self._bend(above - 1)
        turns = [(loop.source, turn), (chain[0], turn), (last_turn, chain[-1]), (last_turn, loop.target)]
        self.link(turns, slack=True)
        self.link(((upper, lower) for lower, upper in pairwise(chain)), slack=False)
        if loop.label is None:
            whole = (loop.source, *chain, loop.target)
            self.routes.append(Route(arc=loop.arcs[0], chain=whole, climbs=True, turns_below=True, turns_above=True))
            return
        first, second = (loop.source, *chain[: place + 1]), (*chain[place:], loop.target)
        self.routes.append(Route(arc=loop.arcs[0], chain=first, climbs=True, turns_below=True))
        self.routes.append(Route(arc=loop.arcs[1], chain=second, climbs=True, turns_above=True))

    def link(self, links: Iterable[tuple[int, int]], *, slack: bool) -> None:
        before = len(self.links)
        self.links.extend(links)
        if slack:
            self.slack.update(range(before, len(self.links)))

    def _bend(self, rank: int) -> int:
        self.sizes.append(_BEND)
        self.ranks.append(rank)
        return len(self.sizes) - 1


def _place_of_label(way: Sequence[int]) -> int:
    """Half way up, and between the nodes, whose ranks are the even ones, if there is such a place."""
    between = [number for number, rank in enumerate(way) if rank % 2]
    return between[len(between) // 2] if between else len(way) // 2
