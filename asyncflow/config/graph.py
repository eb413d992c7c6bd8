"""The graph of a flow: what can start, and what goes round. Every algorithm here is linear in the edges."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import TypeVar

from asyncflow.model.condition import Always, And, Condition, Not, Or, Predicate
from asyncflow.model.flow import Edge, Flow
from asyncflow.model.names import NodeName

N = TypeVar("N", bound=Hashable)


def constant(condition: Condition) -> bool | None:
    """True or False for a condition that is always so; None for one that depends."""
    match condition:
        case Always():
            return True
        case Predicate(name="alwaysTrue", function=None):
            return True
        case Predicate(name="alwaysFalse", function=None):
            return False
        case Not(part):
            inner = constant(part)
            return None if inner is None else not inner
        case And(parts):
            return _all(constant(part) for part in parts)
        case Or(parts):
            nowhere = _all(None if (known := constant(part)) is None else not known for part in parts)
            return None if nowhere is None else not nowhere
    return None


def _all(values: Iterable[bool | None]) -> bool | None:
    seen = list(values)
    return False if False in seen else None if None in seen else True


def always_fires(edge: Edge) -> bool:
    """Whether nothing but its sources decides if the edge fires, and it starts its targets each time."""
    return constant(edge.condition) is True and edge.foreach is None


class Reach:
    """Which nodes of a flow can ever start. An edge in `assumed` fires whatever it waits for."""

    def __init__(
        self, flow: Flow, edges: Iterable[Edge], *, assumed: Collection[int] = (), fallbacks: bool = True
    ) -> None:
        self._flow = flow
        self.started: set[NodeName] = set()
        self._fallbacks_at: dict[NodeName, list[int]] = {}
        self._edges_at: dict[NodeName, list[Edge]] = {}
        self._lacking: dict[int, int] = {}
        self._failing = [len(fallback.nodes) for fallback in flow.fallbacks]
        if fallbacks:
            for index, fallback in enumerate(flow.fallbacks):
                for name in fallback.nodes:
                    self._fallbacks_at.setdefault(name, []).append(index)
        self._fresh: list[NodeName] = []
        for edge in edges:
            self._lacking[edge.index] = edge.at_least or len(edge.sources)
            if not edge.sources or edge.index in assumed:
                self._start(edge.targets)
            for name in edge.sources:
                self._edges_at.setdefault(name, []).append(edge)
        while self._fresh:
            self._spread(self._fresh.pop())

    def _spread(self, name: NodeName) -> None:
        if name in self._flow.nowait:  # nobody learns how it ends
            return
        for edge in self._edges_at.get(name, ()):
            self._lacking[edge.index] -= 1
            if self._lacking[edge.index] == 0:
                self._start(edge.targets)
        for index in self._fallbacks_at.get(name, ()):
            self._failing[index] -= 1
            if self._failing[index] == 0:
                self._start(self._flow.fallbacks[index].targets)

    def _start(self, names: Iterable[NodeName]) -> None:
        for name in names:
            if name not in self.started:
                self.started.add(name)
                self._fresh.append(name)


def cycles(after: Mapping[N, Iterable[N]]) -> list[list[N]]:
    """The groups of nodes that lead back to themselves (Tarjan's algorithm, without recursion)."""
    number: dict[N, int] = {}
    low: dict[N, int] = {}
    path: list[N] = []
    on_path: set[N] = set()
    found: list[list[N]] = []
    for root in after:
        if root in number:
            continue
        number[root] = low[root] = len(number)
        path.append(root)
        on_path.add(root)
        work = [(root, iter(after.get(root, ())))]
        while work:
            node, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    group = _popped(path, node)
                    on_path.difference_update(group)
                    if len(group) > 1 or node in after.get(node, ()):
                        found.append(group)
            elif following not in number:
                number[following] = low[following] = len(number)
                path.append(following)
                on_path.add(following)
                work.append((following, iter(after.get(following, ()))))
            elif following in on_path:
                low[node] = min(low[node], number[following])
    return found


def _popped(path: list[N], last: N) -> list[N]:
    start = len(path) - 1 - path[::-1].index(last)
    group = path[start:]
    del path[start:]
    return group
