"""What became of a flow's nodes over its last runs: reckoned from their journals, each of which is read once."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import anyio
import anyio.to_thread

from asyncflow.dispatcher.definitions import Definitions
from asyncflow.model.history import RunView, instant, told_on
from asyncflow.model.names import FlowName, Json, NodeName, RunId
from asyncflow.model.outline import Moves
from asyncflow.model.run_filter import RunFilter
from asyncflow.model.spread import spread_json
from asyncflow.ports import Entry, RunHeader, Store

_MOST_KEPT = 5_000
"""Runs whose figures are at hand."""
_MOST_ENTRIES = 4_000
"""Of one journal; of a longer one the beginning stands for all."""
_MOST_TIMES = 200
"""Of one node in one run; of more a part stands for all."""


@dataclass(slots=True)
class _Node:
    states: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    seconds: list[float] = field(default_factory=list)


@dataclass(slots=True)
class _Edge:
    fired: int = 0
    not_fired: int = 0


@dataclass(slots=True)
class _Figures:
    """Of one run, or of many."""

    version: str = ""
    """Of the definition that the run followed last."""
    nodes: dict[NodeName, _Node] = field(default_factory=dict)
    edges: dict[int, _Edge] = field(default_factory=dict)


class Statistics:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._definitions = Definitions(store)
        self._kept: OrderedDict[tuple[RunId, float], _Figures] = OrderedDict()
        self._lock = anyio.Lock()
        """One journal at a time: readers that dispatching needs come in between."""

    async def told(self, flow: FlowName, last: int) -> dict[str, Json]:
        """Raises StoreError."""
        found = await self._store.headers(RunFilter(flow=flow, limit=2 * last))
        headers = [header for header in found if header.status.is_terminal][:last]
        figures = [await self._figures(header) for header in headers]
        moves = {one.version: (await self._definitions.moves(flow, one.version))[1] for one in figures}
        nodes, edges = _added(figures, moves)
        return {
            "flow": flow,
            "runs": len(headers),
            "states": dict(Counter(header.status.value for header in headers)),
            "seconds": spread_json(header.ended_at - header.started_at for header in headers if header.ended_at),
            "nodes": [_node_json(name, node) for name, node in nodes.items()],
            "edges": [
                {"index": index, "fired": edge.fired, "not_fired": edge.not_fired}
                for index, edge in sorted(edges.items())
            ],
            "recent": [_run_json(header) for header in headers],
        }

    async def _figures(self, header: RunHeader) -> _Figures:
        key = (header.run_id, header.updated_at)  # a run that is over may go on, when it is retried
        async with self._lock:
            known = self._kept.get(key)
            if known is None:
                entries = await self._store.journal(header.run_id, 0, _MOST_ENTRIES)
                known = self._kept[key] = await anyio.to_thread.run_sync(_reckoned, entries)
                while len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return known


def _reckoned(entries: Sequence[Entry]) -> _Figures:
    view: RunView | None = told_on(None, ((entry.at, entry.facts) for entry in entries))
    if view is None:
        return _Figures()
    figures = _Figures(version=view.version)
    for node in view.nodes.values():
        found = figures.nodes.setdefault(node.name, _Node())
        found.states[node.state] += 1
        found.attempts += node.attempt
        if node.ended_at is not None and node.state in {"succeeded", "failed"}:
            found.seconds.append(node.ended_at - node.started_at)
    for found in figures.nodes.values():
        found.seconds = found.seconds[:: max(1, len(found.seconds) // _MOST_TIMES)]
    for index, edge in view.edges.items():
        figures.edges[index] = _Edge(fired=edge.fired, not_fired=edge.not_fired)
    return figures


def _added(figures: Iterable[_Figures], moves: Mapping[str, Moves]) -> tuple[dict[NodeName, _Node], dict[int, _Edge]]:
    """Edges are counted where they stand in the definition that was served last."""
    nodes: dict[NodeName, _Node] = {}
    edges: dict[int, _Edge] = {}
    for one in figures:
        for name, node in one.nodes.items():
            sum_of_node = nodes.setdefault(name, _Node())
            sum_of_node.states.update(node.states)
            sum_of_node.attempts += node.attempts
            sum_of_node.seconds += node.seconds
        for index, edge in one.edges.items():
            now = moves[one.version].get(index, index)
            if now is None:
                continue
            sum_of_edge = edges.setdefault(now, _Edge())
            sum_of_edge.fired += edge.fired
            sum_of_edge.not_fired += edge.not_fired
    return nodes, edges


def _node_json(name: NodeName, node: _Node) -> Json:
    over = node.states["succeeded"] + node.states["failed"]
    return {
        "name": name,
        "states": dict(node.states),
        "attempts": node.attempts,
        "rate": node.states["succeeded"] / over if over else None,
        "seconds": spread_json(node.seconds),
    }


def _run_json(header: RunHeader) -> Json:
    took = None if header.ended_at is None else header.ended_at - header.started_at
    return {
        "run_id": header.run_id,
        "state": header.status.value,
        "started_at": instant(header.started_at),
        "seconds": took,
    }
