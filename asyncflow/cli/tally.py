"""What happened in simulated runs, counted: outcomes, and by flow the nodes, edges and fallbacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from asyncflow.model import facts as f
from asyncflow.model.condition import Always
from asyncflow.model.flow import Edge, Fallback, Flow, SubFlow
from asyncflow.model.names import FlowName, Json, NodeName
from asyncflow.testing import SimulatedRun

ENDLESS = "endless"
"""The outcome of a run that is not over after as many nodes as were allowed."""


@dataclass(slots=True, kw_only=True)
class NodeCount:
    flow: FlowName
    name: NodeName
    runs: int = 0
    """Of the runs that are counted, those in which it was started."""
    ends: Counter[str] = field(default_factory=Counter)
    """started, retried, succeeded, failed, cancelled."""

    def as_json(self) -> Json:
        words = ("started", "retried", "succeeded", "failed", "cancelled")
        return {"flow": self.flow, "name": self.name, "runs": self.runs, **{word: self.ends[word] for word in words}}


@dataclass(slots=True, kw_only=True)
class WayCount:
    """A way from nodes to nodes: an edge, or a fallback."""

    flow: FlowName
    way: Edge | Fallback
    runs: int = 0
    """Of the runs that are counted, those in which it fired."""
    fired: int = 0
    refused: int = 0
    """How often its condition was false."""

    @property
    def sources(self) -> tuple[NodeName, ...]:
        return self.way.sources if isinstance(self.way, Edge) else tuple(sorted(self.way.nodes))

    def __str__(self) -> str:
        """Add, Fetch -> Bake if fieldExist(...)."""
        begin = ", ".join(self.sources) or "start"
        said = f"{begin} -> {', '.join(self.way.targets) or 'nothing'}"
        if isinstance(self.way, Fallback):
            said = f"failed {said}"
        elif self.way.foreach is not None:
            said += f" {self.way.foreach}"
        return said if isinstance(self.way.condition, Always) else f"{said} if {self.way.condition}"

    def as_json(self) -> Json:
        return {
            "flow": self.flow,
            "index": self.way.index,
            "from": list(self.sources),
            "to": list(self.way.targets),
            "condition": str(self.way.condition),
            "runs": self.runs,
            "fired": self.fired,
            "not_fired": self.refused,
        }


class Tally:
    """`take` counts a run with those of its sub-flows. What never happened is counted too, with 0."""

    def __init__(self, flows: Mapping[FlowName, Flow], root: FlowName) -> None:
        self.runs = 0
        self.outcomes: Counter[str] = Counter()
        self.first_seeds: dict[str, int] = {}
        """By outcome: the first seed that led to it."""
        reached = list(_reached(flows, root))
        self._nodes = {
            (flow.name, name): NodeCount(flow=flow.name, name=name) for flow in reached for name in flow.nodes
        }
        self._edges = {
            (flow.name, edge.index): WayCount(flow=flow.name, way=edge) for flow in reached for edge in flow.edges
        }
        self._fallbacks = {
            (flow.name, each.index): WayCount(flow=flow.name, way=each) for flow in reached for each in flow.fallbacks
        }

    @property
    def nodes(self) -> list[NodeCount]:
        return list(self._nodes.values())

    @property
    def edges(self) -> list[WayCount]:
        return list(self._edges.values())

    @property
    def fallbacks(self) -> list[WayCount]:
        return list(self._fallbacks.values())

    def take(self, run: SimulatedRun, seed: int, outcome: str) -> None:
        self.runs += 1
        self.outcomes[outcome] += 1
        self.first_seeds.setdefault(outcome, seed)
        seen: set[int] = set()
        for one in _family(run):
            names: dict[str, NodeName] = {}
            for fact in one.facts:
                for counted in self._count(one.flow, fact, names):
                    if id(counted) not in seen:
                        seen.add(id(counted))
                        counted.runs += 1

    def _count(self, flow: FlowName, fact: f.Fact, names: dict[str, NodeName]) -> Iterator[NodeCount | WayCount]:
        """Count a fact; what it says has happened at all."""
        match fact:
            case f.NodeStarted():
                names[fact.id] = fact.name
                yield self._ended(flow, fact.name, "started")
            case f.AttemptRetried():
                names[fact.next_id] = names[fact.id]
                self._ended(flow, names[fact.id], "retried")
            case f.NodeSucceeded() | f.NodeFailed() | f.NodeCancelled():
                self._ended(flow, names[fact.id], _ENDS[type(fact)])
            case f.EdgeFired():
                yield self._fired(self._edges[flow, fact.edge])
            case f.EdgeNotFired():
                self._edges[flow, fact.edge].refused += 1
            case f.FallbackStarted():
                for index in fact.fallbacks:
                    yield self._fired(self._fallbacks[flow, index])
            case f.FallbackNotStarted():
                self._fallbacks[flow, fact.fallback].refused += 1

    def _ended(self, flow: FlowName, name: NodeName, how: str) -> NodeCount:
        count = self._nodes[flow, name]
        count.ends[how] += 1
        return count

    def _fired(self, count: WayCount) -> WayCount:
        count.fired += 1
        return count


_ENDS = {f.NodeSucceeded: "succeeded", f.NodeFailed: "failed", f.NodeCancelled: "cancelled"}


def ways_as_json(ways: Iterable[WayCount]) -> list[Json]:
    return [way.as_json() for way in ways]


def _reached(flows: Mapping[FlowName, Flow], root: FlowName) -> Iterator[Flow]:
    """A flow and those that it starts, each once."""
    unseen, seen = [root], {root}
    while unseen:
        flow = flows[unseen.pop(0)]
        yield flow
        inside = [FlowName(name) for name, node in flow.nodes.items() if isinstance(node, SubFlow)]
        unseen += [name for name in inside if name not in seen]
        seen.update(inside)


def _family(run: SimulatedRun) -> Iterator[SimulatedRun]:
    unseen = [run]
    while unseen:
        here = unseen.pop()
        yield here
        unseen.extend(here.children)
