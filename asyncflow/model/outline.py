"""The outline of a flow: which edges and fallbacks a definition of it has, in order.

Facts and runs hold edges and fallbacks by their positions in the definition that a run follows. When a flow is defined
anew, outlines tell which is which: an edge is known by what it connects, a fallback by what it catches and starts, and
of several alike, the first of one definition is the first of the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from asyncflow.model.flow import Flow
from asyncflow.model.names import FlowName, Json, NodeName

Moves: TypeAlias = Mapping[int, int | None]
"""Where what stood at a position stands now; None where it is gone, and no entry where it has not moved."""


@dataclass(frozen=True, slots=True)
class Way:
    """What an edge connects, or a fallback catches and starts; names are sorted. `at_least` is no part of its identity."""

    sources: tuple[NodeName, ...]
    targets: tuple[NodeName, ...]
    at_least: int | None = None

    def __str__(self) -> str:
        return f"{', '.join(self.sources) or 'start'} -> {', '.join(self.targets) or 'nothing'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    flow: FlowName
    version: str
    edges: tuple[Way, ...]
    fallbacks: tuple[Way, ...] = ()

    def as_json(self) -> Json:
        """Without the flow's name and version."""
        return {
            "edges": [[way.sources, way.targets, way.at_least] for way in self.edges],
            "fallbacks": [[way.sources, way.targets] for way in self.fallbacks],
        }

    @staticmethod
    def from_json(flow: FlowName, version: str, written: Json) -> Outline:
        return Outline(
            flow=flow,
            version=version,
            edges=tuple(Way(tuple(sources), tuple(targets), least) for sources, targets, least in written["edges"]),
            fallbacks=tuple(Way(tuple(nodes), tuple(targets)) for nodes, targets in written["fallbacks"]),
        )


def outline_of(flow: Flow) -> Outline:
    return Outline(
        flow=flow.name,
        version=flow.version,
        edges=tuple(Way(_sorted(edge.sources), _sorted(edge.targets), edge.at_least) for edge in flow.edges),
        fallbacks=tuple(Way(_sorted(each.nodes), _sorted(each.targets)) for each in flow.fallbacks),
    )


def moves_between(old: Sequence[Way], new: Sequence[Way]) -> dict[int, int | None]:
    """Where each way of the old definition stands in the new one, as `Moves`."""
    places: dict[tuple[object, object], list[int]] = defaultdict(list)
    for index, way in enumerate(new):
        places[way.sources, way.targets].append(index)
    for alike in places.values():
        alike.reverse()
    moves: dict[int, int | None] = {}
    for index, way in enumerate(old):
        alike = places[way.sources, way.targets]
        now = alike.pop() if alike else None
        if now != index:
            moves[index] = now
    return moves


def _sorted(names: Iterable[NodeName]) -> tuple[NodeName, ...]:
    return tuple(sorted(names))
