"""What became of a run's edges and fallbacks: fired, not fired and why, left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from asyncflow.model import facts as f
from asyncflow.model.names import Json, NodeName


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeView:
    """An edge may be decided upon more than once: for each combination of its sources."""

    fired: int = 0
    items: int = 0
    """How many items its foreach has yielded, all in all."""
    not_fired: int = 0
    why: str = ""
    """Why it did not fire, the last time: the condition, and what that had read."""
    read: str = ""
    sources: tuple[NodeName, ...] = ()
    targets: tuple[NodeName, ...] = ()
    """Between which nodes it lies, where it did not fire or was left out."""
    omitted: bool = False
    """A selective run left it out, or some of its targets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackView:
    started: int = 0
    why: str = ""
    """Why it did not start, the last time: the condition, and what that had read."""
    read: str = ""


_View = TypeVar("_View", EdgeView, FallbackView)

_NEW_EDGE = EdgeView()
_NEW_FALLBACK = FallbackView()


def tell_edge(edges: dict[int, EdgeView], fact: f.Fact) -> None:
    """Take in what a fact says of edges."""
    match fact:
        case f.RunMigrated(edges=moves) if moves:
            _move(edges, moves)
        case f.EdgeFired(edge=index):
            old = edges.get(index, _NEW_EDGE)
            edges[index] = replace(old, fired=old.fired + 1, items=old.items + (fact.items or 0))
        case f.EdgeNotFired(edge=index):
            old = edges.get(index, _NEW_EDGE)
            edges[index] = replace(
                old,
                not_fired=old.not_fired + 1,
                why=fact.why,
                read=fact.read,
                sources=tuple(fact.sources),
                targets=fact.targets,
            )
        case f.EdgeOmitted(edge=index):
            edges[index] = replace(edges.get(index, _NEW_EDGE), omitted=True, targets=fact.targets)


def tell_fallback(fallbacks: dict[int, FallbackView], fact: f.Fact) -> None:
    """Take in what a fact says of fallbacks. Several may start at once, one on the failures of the other."""
    match fact:
        case f.RunMigrated(fallbacks=moves) if moves:
            _move(fallbacks, moves)
        case f.FallbackStarted():
            for index in fact.fallbacks:
                old = fallbacks.get(index, _NEW_FALLBACK)
                fallbacks[index] = replace(old, started=old.started + 1)
        case f.FallbackNotStarted(fallback=index):
            fallbacks[index] = replace(fallbacks.get(index, _NEW_FALLBACK), why=fact.why, read=fact.read)


def _move(views: dict[int, _View], moves: Mapping[int, int | None]) -> None:
    """Told by the definition that the run follows last: what became of a way that is gone by then is not told."""
    moved = {moves.get(index, index): view for index, view in views.items()}
    views.clear()
    views.update({index: view for index, view in moved.items() if index is not None})


def edge_json(index: int, edge: EdgeView) -> dict[str, Json]:
    return {
        "index": index,
        "fired": edge.fired,
        "items": edge.items,
        "not_fired": edge.not_fired,
        "why": edge.why,
        "read": edge.read,
        "sources": list(edge.sources),
        "targets": list(edge.targets),
        "omitted": edge.omitted,
    }


def fallback_json(index: int, fallback: FallbackView) -> dict[str, Json]:
    return {"index": index, "started": fallback.started, "why": fallback.why, "read": fallback.read}
