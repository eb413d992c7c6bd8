"""From a flow to its sketch: which shapes there are, and which arcs lead from one to the other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from asyncflow.drawing.phrases import (
    lines_of_edge,
    lines_of_fallback,
    note_of,
    title_of_edge,
    title_of_fallback,
    title_of_node,
)
from asyncflow.drawing.sketch import Arc, Kind, Middle, Part, Role, Shape, Sketch
from asyncflow.model.condition import ALWAYS
from asyncflow.model.flow import Configuration, Delay, Edge, Fallback, Flow, Node, Task, Wait
from asyncflow.model.names import FlowName, NodeName

_KINDS: Mapping[type[object], Kind] = {Wait: Kind.WAIT, Delay: Kind.DELAY}

Expand: TypeAlias = int | Collection[str]
"""How deep sub-flows are unfolded, or the names of those that are."""


def sketch_of(configuration: Configuration, flow_name: FlowName, expand: Expand, *, counted: bool) -> Sketch:
    """The sketch of a flow that is configured; `counted` leaves room for the states of a run."""
    surroundings = _Surroundings(configuration=configuration, expand=expand, counted=counted)
    return _Draft(surroundings, (flow_name,), "").sketch()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Surroundings:
    configuration: Configuration
    expand: Expand
    counted: bool


class _Draft:
    """Draws one flow; `line` holds the flows that it stands in, itself last, `prefix` begins its ids and paths."""

    def __init__(self, surroundings: _Surroundings, line: tuple[FlowName, ...], prefix: str) -> None:
        self._surroundings = surroundings
        self._line = line
        self._prefix = prefix
        self._flow = surroundings.configuration.flows[line[-1]]
        self._middles: list[Middle] = []
        self._stops: list[Shape] = []
        self._arcs: list[Arc] = []

    def sketch(self) -> Sketch:
        for edge in self._flow.edges:
            self._add_edge(edge)
        for fallback in self._flow.fallbacks:
            self._add_fallback(fallback)
        shapes = [self._start(), *map(self._node, self._names()), *self._stops, *self._end()]
        parts: tuple[Part, ...] = (*shapes, *self._middles)
        return Sketch(flow=self._flow.name, parts=parts, arcs=tuple(self._arcs))

    # --- Shapes -------------------------------------------------------------------------------------------------------

    def _names(self) -> Sequence[NodeName]:
        """Every node, in the order in which edges and fallbacks name them."""
        named: dict[NodeName, None] = {}
        for edge in self._flow.edges:
            named.update(dict.fromkeys((*edge.sources, *edge.targets)))
        for fallback in self._flow.fallbacks:
            named.update(dict.fromkeys((*sorted(fallback.nodes), *fallback.targets)))
        named.update(dict.fromkeys(self._flow.nodes))
        return list(named)

    def _start(self) -> Shape:
        return Shape(id=self._id("start"), kind=Kind.START, title=f"start of {self._flow.name}")

    def _node(self, name: NodeName) -> Shape:
        node = self._flow.nodes.get(name)
        configuration = self._surroundings.configuration
        is_flow = FlowName(name) in configuration.flows
        declared: Node | None = node or configuration.tasks.get(name)
        note = "recursive" if FlowName(name) in self._line else note_of(declared)
        return Shape(
            id=self._of(name),
            kind=Kind.FLOW if is_flow else _KINDS.get(type(declared), Kind.TASK),
            title=title_of_node(name, declared, self._flow),
            path=f"{self._prefix}{name}",
            name=name,
            storage=declared.storage if isinstance(declared, Task) else None,
            nowait=name in self._flow.nowait,
            note=note,
            counted=self._surroundings.counted,
            inner=self._inner(FlowName(name)) if is_flow else None,
        )

    def _inner(self, name: FlowName) -> Sketch | None:
        expand = self._surroundings.expand
        wanted = len(self._line) <= expand if isinstance(expand, int) else name in expand
        if not wanted or name in self._line:
            return None
        return _Draft(self._surroundings, (*self._line, name), f"{self._prefix}{name}/").sketch()

    def _end(self) -> Iterable[Shape]:
        """The end, and the arcs that lead to it; a flow that goes round for ever has none."""
        last = {self._of(name): name for name in _last_nodes(self._flow, self._names())}
        if self._flow.nowait.issuperset(self._flow.nodes):
            last = {self._id("start"): NodeName("start")}
        if not last:
            return []
        end = Shape(id=self._id("end"), kind=Kind.END, title=f"end of {self._flow.name}")
        for source, name in last.items():
            self._arcs.append(
                Arc(
                    id=self._id(f"end-{name}"),
                    source=source,
                    target=end.id,
                    role=Role.END,
                    title=f"after {name} the flow can end",
                )
            )
        return [end]

    # --- Edges --------------------------------------------------------------------------------------------------------

    def _add_edge(self, edge: Edge) -> None:
        sources = [self._of(name) for name in edge.sources] or [self._id("start")]
        lines = lines_of_edge(edge)
        title = title_of_edge(edge)
        middle = None
        if lines or len(sources) > 1:
            middle = Middle(
                id=self._id(f"edge-{edge.index}"),
                role=Role.EDGE,
                title=title,
                lines=lines,
                joins=len(sources) > 1 and edge.at_least is None,
                foreach=edge.foreach is not None,
            )
        bundle = _Bundle(id=f"edge-{edge.index}", role=Role.EDGE, title=title, middle=middle)
        self._connect(bundle, sources, [self._of(name) for name in dict.fromkeys(edge.targets)])

    def _add_fallback(self, fallback: Fallback) -> None:
        id = f"fallback-{fallback.index}"
        lines = lines_of_fallback(fallback)
        title = title_of_fallback(fallback)
        middle = None
        if lines or len(fallback.nodes) > 1:
            joins = len(fallback.nodes) > 1
            middle = Middle(id=self._id(id), role=Role.FALLBACK, title=title, lines=lines, joins=joins)
        targets = [self._of(name) for name in dict.fromkeys(fallback.targets)]
        if not targets:
            stop = Shape(id=self._id(f"stop-{fallback.index}"), kind=Kind.STOP, title=title)
            self._stops.append(stop)
            targets = [stop.id]
        bundle = _Bundle(id=id, role=Role.FALLBACK, title=title, middle=middle)
        self._connect(bundle, [self._of(name) for name in sorted(fallback.nodes)], targets)

    def _connect(self, bundle: _Bundle, sources: Sequence[str], targets: Sequence[str]) -> None:
        if bundle.middle is None:
            pairs = [(source, target) for source in sources for target in targets]
        else:
            self._middles.append(bundle.middle)
            pairs = [(source, bundle.middle.id) for source in sources]
            pairs += [(bundle.middle.id, target) for target in targets]
        for number, (source, target) in enumerate(pairs):
            id = self._id(f"{bundle.id}-line-{number}")
            self._arcs.append(Arc(id=id, source=source, target=target, role=bundle.role, title=bundle.title))

    def _of(self, name: NodeName) -> str:
        return self._id(f"node-{name}")

    def _id(self, name: str) -> str:
        return self._prefix.replace("/", ".") + name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bundle:
    """The arcs of one edge or fallback."""

    id: str
    role: Role
    title: str
    middle: Middle | None


def _last_nodes(flow: Flow, names: Iterable[NodeName]) -> Sequence[NodeName]:
    """The nodes after which nothing is waited for; where there are none, those after which each edge may not fire."""
    waited = [name for name in names if name in flow.nodes and name not in flow.nowait]
    ends = [name for name in waited if all(flow.nowait.issuperset(edge.targets) for edge in _after(flow, name))]
    return ends or [name for name in waited if all(edge.condition != ALWAYS for edge in _after(flow, name))]


def _after(flow: Flow, name: NodeName) -> Sequence[Edge]:
    return flow.edges_from.get(name, ())
