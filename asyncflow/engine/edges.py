"""Which edges a start or a finished node fires, and with what (R5, R9..R15, R34..R36)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

from asyncflow.engine.conditions import holds
from asyncflow.engine.keeping import take
from asyncflow.engine.nodes import Origin, kind_of, start_node
from asyncflow.engine.propagation import parent_of
from asyncflow.engine.step import UNANSWERED, FunctionRaisedError, Sources, Step, as_text
from asyncflow.engine.telling import what_was_read
from asyncflow.engine.templates import node_args_of
from asyncflow.errors import RequestError
from asyncflow.model.decision import ItemsOf, ReuseOf
from asyncflow.model.facts import (
    EdgeFired,
    EdgeNotFired,
    EdgeOmitted,
    NodeReused,
    SourceMet,
)
from asyncflow.model.flow import Edge, Foreach, Selective, Task
from asyncflow.model.names import FlowName, Json, NodeName, TaskId
from asyncflow.model.run import Active, Parent, Selection

Select = Callable[[FlowName, Selective], Selection]


def fire_starting_edges(step: Step) -> None:
    """Begin a run. Starting edges give their targets the parent that the run itself was given."""
    told = step.run.parent or {}
    sources = {NodeName(name): TaskId(id) for name, id in told.items() if isinstance(id, str)}
    for edge in step.flow.starting:
        _fire_if_holds(step, edge, sources, step.run.parent)


def fire_edges_of(step: Step, name: NodeName, id: TaskId, *, is_first: bool) -> None:
    """Look at every edge that a newly finished node touches; its id is in `run.finished` already."""
    for edge in step.flow.edges_from.get(name, ()):
        for sources in _combinations(step, edge, name, id, is_first=is_first):
            _fire_if_holds(step, edge, sources, parent_of(step.flow, step.run, sources))


def _targets(step: Step, edge: Edge) -> tuple[NodeName, ...]:
    """What an edge may start: less in a selective run. A flow of which nothing is selected runs fully."""
    selection = step.run.selection
    selected = selection.edges.get(step.flow.name) if selection is not None else None
    if not selected:
        return edge.targets
    wanted = selected.get(edge.index, ())
    return tuple(target for target in edge.targets if target in wanted)


def _combinations(step: Step, edge: Edge, name: NodeName, id: TaskId, *, is_first: bool) -> Iterator[Sources]:
    """Every combination of the new instance with finished instances of the other sources: each fires once (R10)."""
    if len(edge.sources) == 1:
        yield {name: id}
        return
    if is_first:
        step.record(SourceMet(edge=edge.index))
    met = step.run.met.get(edge.index, 0)
    finished = step.run.finished
    if edge.at_least is not None:
        if is_first and met == edge.at_least:  # fires once: at the source that makes them enough
            last = {source: finished[source].last for source in edge.sources if source in finished}
            yield {source: one for source, one in last.items() if one is not None} | {name: id}
    elif met == len(edge.sources):
        candidates = [(id,) if source == name else tuple(finished[source]) for source in edge.sources]
        for combination in product(*candidates):
            yield dict(zip(edge.sources, combination, strict=True))


def _fire_if_holds(step: Step, edge: Edge, sources: Sources, parent: Parent | None) -> None:
    targets = _targets(step, edge)
    if len(targets) < len(edge.targets):
        step.record(EdgeOmitted(edge=edge.index, targets=tuple(t for t in edge.targets if t not in targets)))
        if not targets:
            return
    shown = sources if edge.sources else {}
    verdict = holds(step, edge.condition, sources, f"edge {edge.index}")
    if verdict is UNANSWERED:
        return
    if not verdict:
        read = what_was_read(step, edge.condition, sources)
        why = str(edge.condition)
        step.record(EdgeNotFired(edge=edge.index, sources=shown, why=why, read=read, targets=targets))
        return
    if edge.foreach is None:
        step.record(EdgeFired(edge=edge.index, sources=shown))
        _start_targets(step, edge, targets, sources, Origin(edge=edge.index, parent=parent))
        return
    written = as_text(step.run.node_args)
    items = step.ask(ItemsOf(step.flow.name, edge.foreach.function, written, tuple(sources.items()), edge.index))
    if items is not UNANSWERED:
        step.record(EdgeFired(edge=edge.index, sources=shown, items=len(items or ())))
        for item in items or ():
            _start_targets(step, edge, targets, sources, _origin_of_item(edge, edge.foreach, item, parent))


def _origin_of_item(edge: Edge, foreach: Foreach, item: Json, parent: Parent | None) -> Origin:
    """Items become node args only with `propagate_result`, or through the edge's own `node_args` (R14)."""
    return Origin(
        edge=edge.index,
        parent=parent,
        item=item,
        node_args=item if foreach.propagate_result else None,
        own_args=foreach.propagate_result,
    )


def _start_targets(step: Step, edge: Edge, targets: tuple[NodeName, ...], sources: Sources, origin: Origin) -> None:
    if edge.node_args is not None:
        node_args = node_args_of(step, edge.node_args, sources, origin.item)
        if node_args is UNANSWERED:
            return
        origin = replace(origin, node_args=node_args, own_args=True)
    if edge.selective is not None and step.context.select is not None:
        origin = replace(origin, selection=_selected(step.context.select, targets[0], edge.selective))
    for target in targets:
        reused = _reused(step, target, sources, origin)
        if reused is UNANSWERED:
            continue
        if reused is None:
            _start_or_keep(step, edge, target, sources if edge.sources else {}, origin)
        else:
            step.reuse(NodeReused(id=TaskId(str(reused)), name=target, edge=edge.index))


def _start_or_keep(step: Step, edge: Edge, target: NodeName, sources: Sources, origin: Origin) -> None:
    kind = kind_of(step.flow.nodes[target])
    kept = take(step, target, kind, sources, [origin.node_args] if origin.own_args else None)
    if kept is None:
        start_node(step, target, origin)
        return
    id, place, report, inside = kept
    if id is None:
        start_node(step, target, replace(origin, kept=inside))
        return
    fact = NodeReused(
        id=id,
        name=target,
        edge=edge.index,
        kind=kind,
        waited=target not in step.flow.nowait,
        sources=sources,
        report=report,
    )
    step.reuse(fact, place)


def selection_of(step: Step, node: Active) -> Selection | None:
    """The selection that the edge which started a node asks for its targets."""
    edges = step.flow.edges
    edge = edges[node.edge] if node.edge is not None and 0 <= node.edge < len(edges) else None  # it may be gone
    if edge is None or edge.selective is None or step.context.select is None:
        return None
    return _selected(step.context.select, node.name, edge.selective)


def _selected(select: Select, target: NodeName, selective: Selective) -> Selection:
    try:
        return select(FlowName(target), selective)
    except RequestError as exc:  # flows are checked when they are loaded, but they may be put together in other ways
        raise FunctionRaisedError(f"selective run of {target}: {exc}") from exc


def _reused(step: Step, name: NodeName, sources: Sources, origin: Origin) -> Json:
    """In a selective run: the id that stands for a task nobody asked for, None to run it (R36)."""
    selection, node = step.run.selection, step.flow.nodes[name]
    if selection is None or not isinstance(node, Task) or name in selection.tasks:
        return None
    if node.selective_run_function is None or not selection.edges.get(step.flow.name):
        return None
    node_args = origin.node_args if origin.own_args else step.run.node_args
    return step.ask(
        ReuseOf(
            step.flow.name,
            node.selective_run_function,
            as_text(node_args),
            name,
            selection.tasks,
            tuple(sources.items()),
        )
    )
