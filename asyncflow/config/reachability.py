"""Reports what can never happen in a flow, and what would never end."""

from __future__ import annotations

from collections.abc import Mapping

from asyncflow.config.flows import ReadFlow
from asyncflow.config.graph import Reach, always_fires, constant, cycles
from asyncflow.config.report import Report
from asyncflow.model.flow import Delay, Node, SubFlow, Wait
from asyncflow.model.names import FlowName, NodeName


class ReachabilityCheck:
    """One flow. A problem is reported where it begins: what follows from it is not a problem of its own."""

    def __init__(self, read: ReadFlow, report: Report) -> None:
        self._read = read
        self._flow = read.flow
        self._report = report

    def run(self) -> None:
        flow = self._flow
        if not flow.starting:
            hint = "give one edge an empty `from:`"
            self._report.add(
                "F601", f"nothing starts the flow `{flow.name}`", self._read.fields.key_place("edges"), hint=hint
            )
            return
        possible = [edge for edge in flow.edges if constant(edge.condition) is not False]
        really = Reach(flow, possible).started
        self._check_cycles(really)
        if len(possible) == len(flow.edges) and len(really) == len(flow.nodes):
            self._check_fallbacks(frozenset(flow.nodes))
            return
        broken = self._report_roots()
        started = Reach(flow, flow.edges, assumed=broken).started
        broken |= self._report_joins(started, broken)
        started = Reach(flow, flow.edges, assumed=broken).started
        self._report_islands(started)
        self._check_fallbacks(frozenset(started))

    def _report_roots(self) -> set[int]:
        """Edges that can never fire on their own account; their numbers."""
        flow, broken = self._flow, set()
        startable = {name for edge in flow.edges for name in edge.targets}
        startable.update(name for fallback in flow.fallbacks for name in fallback.targets)
        for read in self._read.edges:
            edge = read.edge
            if constant(edge.condition) is False:
                broken.add(edge.index)
                place = read.fields.place("condition")
                self._report.add("F604", "the edge can never fire: its condition is always false", place)
            absent = [name for name in edge.sources if name not in startable]
            suffices = len(edge.sources) - len(absent) >= (edge.at_least or len(edge.sources))
            for name in absent:
                if suffices:
                    message = f"`{name}` can never start: nothing in the flow `{flow.name}` starts it"
                    hint = "the join is complete without it; remove it, or start it"
                    self._report.add("F603", message, read.place_of(name, "from"), label="never started", hint=hint)
                else:
                    broken.add(edge.index)
                    message = f"the edge can never fire: nothing in the flow `{flow.name}` starts `{name}`"
                    hint = f"add an edge to `{name}`, with an empty `from:` if it is where the flow begins"
                    self._report.add("F602", message, read.place_of(name, "from"), label="never started", hint=hint)
        return broken

    def _report_joins(self, started: set[NodeName], broken: set[int]) -> set[int]:
        stuck = set()
        for read in self._read.edges:
            edge = read.edge
            absent = [name for name in edge.sources if name not in started]
            needed = edge.at_least or len(edge.sources)
            arrived = len(edge.sources) - len(absent)
            if edge.index not in broken and 0 < arrived < needed:
                stuck.add(edge.index)
                message = f"the join can never be complete: `{absent[0]}` starts only after it, or never"
                hint = f"start `{absent[0]}` from elsewhere, or let the join wait for fewer: `join: any`"
                self._report.add("F605", message, read.place_of(absent[0], "from"), hint=hint)
        return stuck

    def _report_islands(self, started: set[NodeName]) -> None:
        reported: set[NodeName] = set()
        for read in self._read.edges:
            for name in read.edge.targets:
                if name not in started and name not in reported:
                    reported.add(name)
                    message = f"`{name}` can never start: the edges to it wait for nodes that never start"
                    hint = "connect it with the nodes that the flow begins with"
                    self._report.add("F603", message, read.place_of(name, "to"), label="unreachable", hint=hint)

    def _check_fallbacks(self, started: frozenset[NodeName]) -> None:
        flow = self._flow
        for read in self._read.fallbacks:
            place = read.fields.place("nodes")
            if constant(read.fallback.condition) is False:
                message = "the fallback can never run: its condition is always false"
                self._report.add("F506", message, read.fields.place("condition"))
            for name in sorted(read.fallback.nodes):
                why = ""
                if name not in started:
                    why = f"`{name}` never starts in the flow `{flow.name}`"
                elif not _can_fail(flow.nodes[name]):
                    why = f"`{name}` {'is a delay' if isinstance(flow.nodes[name], Delay) else 'has no `timeout`'}, so it never fails"
                elif name in flow.nowait:
                    why = f"`{name}` is in `nowait`, so nobody learns that it failed"
                elif name in flow.eager_failures:
                    why = f"`{name}` is in `eager_failures`, so its failure ends the flow"
                if why:
                    self._report.add("F506", f"the fallback can never run: {why}", place)

    def _check_cycles(self, started: set[NodeName]) -> None:
        after: dict[NodeName, list[NodeName]] = {}
        firing = [read for read in self._read.edges if started.issuperset(read.edge.sources)]
        endless = [read for read in firing if always_fires(read.edge) and read.edge.at_least is None]
        for read in endless:
            for name in read.edge.sources:
                after.setdefault(name, []).extend(read.edge.targets)
        for group in cycles(after):
            inside = set(group)
            last = next(
                read
                for read in reversed(endless)
                if inside & set(read.edge.sources) and inside & set(read.edge.targets)
            )
            shown = ", ".join(f"`{name}`" for name in sorted(group))
            message = f"{shown} would run again and again: no edge of the cycle has a condition"
            back = next(name for name in last.edge.targets if name in inside)
            hint = "give one of its edges a `condition`, unless the flow is to run until it fails"
            self._report.add("F606", message, last.place_of(back, "to"), label="leads back", hint=hint)


def _can_fail(node: Node) -> bool:
    return not isinstance(node, Delay) and not (isinstance(node, Wait) and node.timeout is None)


def check_recursion(flows: Mapping[FlowName, ReadFlow], report: Report) -> None:
    """Flows that start themselves, directly or through others, with no condition on the way."""
    after = {}
    for name, read in flows.items():
        certain = [edge for edge in read.flow.edges if always_fires(edge)]
        started = Reach(read.flow, certain, fallbacks=False).started
        after[name] = [FlowName(node) for node in started if isinstance(read.flow.nodes[node], SubFlow)]
    for group in cycles(after):
        first = min(group)
        place = flows[first].fields.place("name")
        through = ", ".join(f"`{name}`" for name in sorted(group))
        message = f"the flow `{first}` would start itself without end"
        hint = f"no condition stands between {through}: give an edge on the way one"
        report.add("F607", message, place, hint=hint)
