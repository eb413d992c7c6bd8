"""Rows: where each rank stands from top to bottom, with room between ranks for what leads from one to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from asyncflow.drawing.layout.lattice import Lattice
from asyncflow.drawing.layout.ports import Ports

_GAP = 27.0
_EMPTY_GAP = 20.0
"""Beside a rank that holds bends only."""
_STEEPNESS = 0.14
_WIDEST_GAP = 76.0
_TRACK = 9.0
_FIRST_TRACK = 12.0
_LAST_TRACK = 20.0
"""The turn above a target leaves room for the head of an arrow."""
_ASIDE = 8.0
_HIGH = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """`tops` and `bottoms` go by rank; `below` and `above` hold the height of a route's turns, by route."""

    tops: Sequence[float]
    bottoms: Sequence[float]
    below: Mapping[int, float]
    above: Mapping[int, float]

    def top_of(self, rank: int, height: float) -> float:
        """Where a cell of a rank begins: in the middle, but not far down beside what is much higher."""
        space = self.bottoms[rank] - self.tops[rank]
        return self.tops[rank] + (max(height, min(space, _HIGH)) - height) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    route: int
    rank: int
    left: float
    right: float


def rows_of(lattice: Lattice, columns: Sequence[float], ports: Ports) -> Rows:
    under, over = _turns(lattice, columns, ports)
    tracks_under, tracks_over = _tracks(under), _tracks(over)
    heights = [0.0] * lattice.depth
    for rank, size in zip(lattice.ranks, lattice.sizes, strict=True):
        heights[rank] = max(heights[rank], size.height)
    gaps = _gaps(lattice, columns, heights)
    for turns, tracks, edge, step in ((under, tracks_under, _FIRST_TRACK, 0), (over, tracks_over, _LAST_TRACK, -1)):
        most: dict[int, int] = {}
        for turn in turns:
            most[turn.rank] = max(most.get(turn.rank, 0), tracks[turn.route] + 1)
        for rank, count in most.items():
            gaps[rank + step] += _TRACK * count + edge - _FIRST_TRACK
    tops, bottoms, y = [], [], 0.0
    for height, gap in zip(heights, [*gaps, 0.0], strict=True):
        tops.append(y)
        bottoms.append(y + height)
        y += height + gap
    return Rows(
        tops=tops,
        bottoms=bottoms,
        below={turn.route: bottoms[turn.rank] + _FIRST_TRACK + _TRACK * tracks_under[turn.route] for turn in under},
        above={turn.route: tops[turn.rank] - _LAST_TRACK - _TRACK * tracks_over[turn.route] for turn in over},
    )


def _gaps(lattice: Lattice, columns: Sequence[float], heights: Sequence[float]) -> list[float]:
    """The farther links lead aside, the more height they get, so that eyes can follow them."""
    gaps = [_GAP if upper and lower else _EMPTY_GAP for upper, lower in pairwise(heights)]
    for upper, lower in lattice.links:
        rank = lattice.ranks[upper]
        gaps[rank] = max(gaps[rank], min(_WIDEST_GAP, _STEEPNESS * abs(columns[upper] - columns[lower])))
    return gaps


def _turns(lattice: Lattice, columns: Sequence[float], ports: Ports) -> tuple[list[_Turn], list[_Turn]]:
    under, over = [], []
    for number, route in enumerate(lattice.routes):
        if route.turns_below:
            left, right = sorted((ports.leaving[number], columns[route.chain[1]]))
            under.append(_Turn(route=number, rank=lattice.ranks[route.chain[0]], left=left, right=right))
        if route.turns_above:
            left, right = sorted((ports.arriving[number], columns[route.chain[-2]]))
            over.append(_Turn(route=number, rank=lattice.ranks[route.chain[-1]], left=left, right=right))
    return under, over


def _tracks(turns: Sequence[_Turn]) -> dict[int, int]:
    """Turns that would touch get tracks of their own, the short ones nearest to their cells."""
    tracks: dict[int, int] = {}
    taken: dict[tuple[int, int], list[_Turn]] = {}
    for turn in sorted(turns, key=lambda turn: (turn.right - turn.left, turn.route)):
        track = 0
        while any(
            turn.left < other.right + _ASIDE and other.left < turn.right + _ASIDE
            for other in taken.get((turn.rank, track), ())
        ):
            track += 1
        tracks[turn.route] = track
        taken.setdefault((turn.rank, track), []).append(turn)
    return tracks
