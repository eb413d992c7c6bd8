"""Ranks: how far down each cell stands, so that arcs lead down and are short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_PASSES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """An arc that leads down by `length` ranks at least; `weight` 0 does not mind being longer."""

    source: int
    target: int
    length: int
    weight: int


def ranks_of(count: int, pulls: Sequence[Pull]) -> list[int]:
    """The rank of every cell. The pulls must be without a cycle."""
    above: list[list[Pull]] = [[] for _ in range(count)]
    below: list[list[Pull]] = [[] for _ in range(count)]
    for pull in pulls:
        above[pull.target].append(pull)
        below[pull.source].append(pull)
    order = _topological(count, above, below)
    ranks = [0] * count
    for cell in order:
        ranks[cell] = max((ranks[pull.source] + pull.length for pull in above[cell]), default=0)
    for _ in range(_PASSES):
        if not _tighten(ranks, order, above, below):
            break
    return ranks


def _topological(count: int, above: Sequence[Sequence[Pull]], below: Sequence[Sequence[Pull]]) -> list[int]:
    waiting = [len(pulls) for pulls in above]
    order = [cell for cell in range(count) if not waiting[cell]]
    for cell in order:  # grows meanwhile
        for pull in below[cell]:
            waiting[pull.target] -= 1
            if not waiting[pull.target]:
                order.append(pull.target)
    return order


def _tighten(
    ranks: list[int], order: Sequence[int], above: Sequence[Sequence[Pull]], below: Sequence[Sequence[Pull]]
) -> bool:
    """Move each cell to where its arcs are shortest; whether something moved."""
    moved = False
    for cell in reversed(order):
        wish = sum(pull.weight for pull in below[cell]) - sum(pull.weight for pull in above[cell])
        if wish > 0:
            rank = min(ranks[pull.target] - pull.length for pull in below[cell])
        elif wish < 0:
            rank = max(ranks[pull.source] + pull.length for pull in above[cell])
        else:
            continue
        moved |= rank != ranks[cell]
        ranks[cell] = rank
    return moved
