"""What a selective run of a flow starts: the least that leads from its start to the tasks asked for (R34).

Only what can really be reached counts: a circle of edges that no start leads into is no path. Fallbacks are no
edges, so a task that only a fallback starts has no path either. Every flow costs time in proportion to its edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from asyncflow.errors import RequestError, SelectiveNoPathError, UnknownFlowError
from asyncflow.model.flow import Edge, Flow
from asyncflow.model.names import FlowName, NodeName
from asyncflow.model.run import Selection


def select(
    flows: Mapping[FlowName, Flow],
    flow: FlowName,
    tasks: Sequence[NodeName],
    *,
    follow_subflows: bool = False,
    run_subsequent: bool | Sequence[FlowName] = False,
) -> Selection:
    """Compute what a run of `flow` must start for `tasks`, which may name sub-flows too.

    Selected are all edges on all paths to the tasks, with those of their targets that lie on a path. A circle
    through a path belongs to it. `follow_subflows` looks for the tasks in every sub-flow that can be reached as
    well, and selects the way there. `run_subsequent` adds, in every flow that has an entry or in those named, the
    edges whose sources are all requested tasks or themselves follow from such, with all their targets.

    `Selection.edges` holds for a flow {edge index: targets to start, in the edge's order}. The flow itself always
    has an entry; with `follow_subflows` every sub-flow that can be reached has one too. A sub-flow WITHOUT an entry,
    or with an EMPTY one, holds nothing that was asked for: where it is started nevertheless, as a dependency of a
    task or because it follows one, it runs fully.

    Raises SelectiveNoPathError with every task that no path leads to.
    """
    _check_request(flows, flow, tasks, run_subsequent)
    graphs = _graphs(flows, flow, follow_subflows=follow_subflows)
    asked = frozenset(tasks)
    lost = asked.difference(*(graph.reached for graph in graphs.values()))
    if lost:
        raise SelectiveNoPathError(flow, sorted(lost))
    wanted = _wanted(graphs, flow, asked)
    subsequent = graphs.keys() if run_subsequent is True else frozenset(run_subsequent or ())
    return Selection(
        tasks=tuple(dict.fromkeys(tasks)),
        edges={
            name: _selected(graph, wanted[name], asked if name in subsequent else frozenset())
            for name, graph in graphs.items()
        },
        versions={name: graph.flow.version for name, graph in graphs.items() if graph.flow.version},
    )


def _check_request(
    flows: Mapping[FlowName, Flow],
    flow: FlowName,
    tasks: Sequence[NodeName],
    run_subsequent: bool | Sequence[FlowName],
) -> None:
    named = () if isinstance(run_subsequent, bool) else run_subsequent
    for name in (flow, *named):
        if name not in flows:
            raise UnknownFlowError(name, list(flows))
    if not tasks:
        raise RequestError(f"a selective run of flow {flow!r} needs at least one task to run")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Graph:
    """A flow, with the nodes that its start can reach and the edges that can fire, in any order."""

    flow: Flow
    reached: frozenset[NodeName]
    edges: tuple[Edge, ...]


def _graphs(flows: Mapping[FlowName, Flow], root: FlowName, *, follow_subflows: bool) -> dict[FlowName, _Graph]:
    """The flow, and with `follow_subflows` all flows that a run of it can start, however deep."""
    graphs: dict[FlowName, _Graph] = {}
    unseen = [root]
    while unseen:
        name = unseen.pop()
        if name in graphs:
            continue
        flow = flows[name]
        reached, fired = _following(flow, (target for edge in flow.starting for target in edge.targets))
        graphs[name] = _Graph(flow=flow, reached=reached, edges=(*flow.starting, *fired))
        if follow_subflows:
            subflows = (FlowName(node) for node in sorted(reached))
            unseen.extend(subflow for subflow in subflows if subflow in flows)
    return graphs


def _following(flow: Flow, first: Iterable[NodeName]) -> tuple[frozenset[NodeName], list[Edge]]:
    """The nodes that can run once `first` can, those included, and the edges with sources that then can fire."""
    reached = set(first)
    fired: list[Edge] = []
    lacking = {edge.index: len(edge.sources) if edge.at_least is None else edge.at_least for edge in flow.edges}
    unseen = list(reached)
    while unseen:
        for edge in flow.edges_from.get(unseen.pop(), ()):
            lacking[edge.index] -= 1
            if lacking[edge.index] == 0:
                fired.append(edge)
                new = set(edge.targets) - reached
                reached |= new
                unseen.extend(new)
    return frozenset(reached), fired


def _wanted(
    graphs: Mapping[FlowName, _Graph], root: FlowName, asked: frozenset[NodeName]
) -> dict[FlowName, set[NodeName]]:
    """Of each flow, the nodes to find paths to: tasks asked for, and sub-flows that hold such, however deep.

    The root is where paths begin: one that comes back to it through recursion is not followed.
    """
    wanted = {name: set(graph.reached & asked) for name, graph in graphs.items()}
    starters: dict[FlowName, list[FlowName]] = {name: [] for name in graphs}
    for name, graph in graphs.items():
        for subflow in map(FlowName, graph.reached):
            if subflow in starters:
                starters[subflow].append(name)
    unseen = [name for name, nodes in wanted.items() if nodes]
    while unseen:
        name = unseen.pop()
        if name == root:
            continue
        for starter in starters[name]:
            if not wanted[starter]:
                unseen.append(starter)
            wanted[starter].add(NodeName(name))
    return wanted


def _selected(
    graph: _Graph, wanted: Iterable[NodeName], followed: frozenset[NodeName]
) -> dict[int, tuple[NodeName, ...]]:
    """Every edge on a path to a wanted node with the targets needed, and in full every edge after `followed`."""
    selected: dict[int, set[NodeName]] = {}
    into: dict[NodeName, list[Edge]] = {}
    for edge in graph.edges:
        for target in set(edge.targets):
            into.setdefault(target, []).append(edge)
    needed = set(wanted)
    unseen = list(needed)
    while unseen:
        node = unseen.pop()
        for edge in into[node]:
            selected.setdefault(edge.index, set()).add(node)
            new = graph.reached.intersection(edge.sources) - needed
            needed |= new
            unseen.extend(new)
    _, after = _following(graph.flow, graph.reached & followed)
    selected.update((edge.index, set(edge.targets)) for edge in after)
    return {
        index: tuple(target for target in graph.flow.edges[index].targets if target in selected[index])
        for index in sorted(selected)
    }
