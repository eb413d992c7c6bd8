"""The keys of a flow that single out some of its nodes: propagate_*, nowait, eager_failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from asyncflow.config.edges import ReadEdge
from asyncflow.config.failures import ReadFallback
from asyncflow.config.fields import Fields
from asyncflow.config.report import known_or_meant
from asyncflow.config.scope import Scope
from asyncflow.model.names import NodeName


class Propagation(TypedDict):
    propagate_node_args: frozenset[NodeName]
    propagate_parent: frozenset[NodeName]
    propagate_finished: frozenset[NodeName]
    propagate_compound_finished: frozenset[NodeName]
    propagate_failures: frozenset[NodeName]
    propagate_compound_failures: frozenset[NodeName]
    propagate_parent_failures: frozenset[NodeName]


_Names = frozenset[NodeName]


def named_nodes(fields: Fields, key: str) -> _Names:
    """The nodes that a key names; whether they exist is checked with the graph."""
    return frozenset(map(NodeName, fields.names(key)))


def read_propagation(
    fields: Fields, edges: Sequence[ReadEdge], fallbacks: Sequence[ReadFallback], scope: Scope
) -> Propagation:
    sources = {name for each in edges for name in each.edge.sources}
    targets = {name for each in edges for name in each.edge.targets}
    restarts = {name for each in fallbacks for name in each.fallback.targets}
    caught = {name for each in fallbacks for name in each.fallback.nodes}
    reader = _Reader(fields, scope, frozenset(sources | targets | restarts | caught))
    started = frozenset(targets | restarts)
    read = Propagation(
        propagate_node_args=reader.flows("propagate_node_args", started, "started by no edge or fallback here"),
        propagate_parent=reader.flows("propagate_parent", started, "started by no edge or fallback here"),
        propagate_finished=reader.flows("propagate_finished", frozenset(sources), "the source of no edge here"),
        propagate_compound_finished=reader.flows(
            "propagate_compound_finished", frozenset(sources), "the source of no edge here"
        ),
        propagate_failures=reader.flows("propagate_failures", frozenset(caught), "caught by no fallback here"),
        propagate_compound_failures=reader.flows(
            "propagate_compound_failures", frozenset(caught), "caught by no fallback here"
        ),
        propagate_parent_failures=reader.flows(
            "propagate_parent_failures", frozenset(restarts), "started by no fallback here"
        ),
    )
    reader.check_disjoint("propagate_finished", "propagate_compound_finished")
    reader.check_disjoint("propagate_failures", "propagate_compound_failures")
    return read


class _Reader:
    def __init__(self, fields: Fields, scope: Scope, nodes: _Names) -> None:
        self._fields = fields
        self._scope = scope
        self._sub_flows = frozenset(name for name in nodes if name in scope.flows)

    def flows(self, key: str, fitting: _Names, lacking: str) -> _Names:
        """The sub-flows that a key names; true stands for all of the flow."""
        if self._fields.get(key) is True:
            return self._sub_flows
        named = self._fields.named(key)
        for name, place in named:
            if name not in self._scope.flows:
                what = "is a task, not a flow" if name in self._scope.tasks else "is no flow"
                hint = known_or_meant(name, self._sub_flows) or "this flow has no sub-flows"
                self._scope.report.add("F307", f"`{name}` {what}", place, hint=hint)
            elif name not in fitting:
                hint = f"`{key}` says nothing then; remove the name"
                self._scope.report.add("F308", f"`{name}` is {lacking}", place, hint=hint)
        return frozenset(NodeName(name) for name, _ in named)

    def check_disjoint(self, one: str, other: str) -> None:
        if not (self._fields.get(one) and self._fields.get(other)):
            return
        names = {key: set(self._fields.names(key)) for key in (one, other)}
        everywhere = self._fields.get(one) is True or self._fields.get(other) is True
        if everywhere or names[one] & names[other]:
            related = (self._fields.key_place(one), f"`{one}` asked for here")
            message = f"`{one}` and `{other}` exclude each other for a sub-flow"
            hint = "the first keeps the flows apart in the parent, the second puts all tasks into one list"
            self._scope.report.contrast("F306", message, self._fields.place(other), hint=hint, related=related)
