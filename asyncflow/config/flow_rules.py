"""Rules on what a flow says of single nodes: nowait, eager_failures, node_args_from_first, selective."""

from __future__ import annotations

from asyncflow.config.flows import ReadFlow
from asyncflow.config.known import KnownFlows
from asyncflow.config.report import did_you_mean
from asyncflow.config.scope import Scope
from asyncflow.config.tree import Table
from asyncflow.errors import Place
from asyncflow.model.flow import Delay, SubFlow, Task, Wait
from asyncflow.model.names import FlowName, NodeName


class FlowRules:
    def __init__(self, read: ReadFlow, known: KnownFlows, scope: Scope) -> None:
        self._read = read
        self._flow = read.flow
        self._known = known
        self._scope = scope

    def run(self) -> None:
        self._check_nowait()
        self._check_eager()
        self._check_first()
        self._check_told()
        self._check_items()
        for each in self._read.edges:
            if each.edge.selective is not None and self._known.is_known(each.edge.targets[0]):
                self._check_selective(each.edge.targets[0], each.fields.get("selective"))

    def _check_nowait(self) -> None:
        flow = self._flow
        targets = {name for edge in flow.edges for name in edge.targets}
        targets.update(name for fallback in flow.fallbacks for name in fallback.targets)
        for name, place in self._read.fields.named("nowait"):
            if not self._scope.check_node(name, place):
                continue
            if isinstance(flow.nodes.get(NodeName(name)), (Wait, Delay)):
                message = f"`{name}` is in `nowait`, and does nothing but make others wait"
                self._add("F309", message, place, hint="remove it from `nowait`")
            if name not in targets:
                message = f"`{name}` is in `nowait`, but nothing in the flow `{flow.name}` starts it"
                self._add("F309", message, place, hint="remove it from `nowait`")
            for each in self._read.edges:
                if name in each.edge.sources:
                    message = f"`{name}` is in `nowait`, so nothing can follow it"
                    related = (place, "not waited for")
                    hint = "remove the edge, or the name from `nowait`"
                    self._scope.report.contrast(
                        "F309", message, each.place_of(name, "from"), hint=hint, related=related
                    )

    def _check_eager(self) -> None:
        flow = self._flow
        caught = {name for fallback in flow.fallbacks for name in fallback.nodes}
        for name, place in self._read.fields.named("eager_failures"):
            if not self._scope.check_node(name, place):
                continue
            if name not in flow.nodes:
                hint = did_you_mean(name, flow.nodes) or "remove it"
                self._add("F310", f"`{name}` is not in the flow `{flow.name}`", place, hint=hint)
            elif name in flow.nowait:
                hint = "nobody learns that a `nowait` node failed; remove it from one of the two"
                self._add("F310", f"`{name}` is in `nowait` and in `eager_failures`", place, hint=hint)
            elif name in caught:
                hint = "an eager failure ends the flow before any fallback; remove one of the two"
                self._add("F310", f"`{name}` has a fallback and is in `eager_failures`", place, hint=hint)

    def _check_first(self) -> None:
        flow = self._flow
        if not flow.node_args_from_first:
            return
        place = self._read.fields.key_place("node_args_from_first")
        starting = [name for edge in flow.starting for name in edge.targets]
        node = flow.nodes.get(starting[0]) if len(starting) == 1 and len(flow.starting) == 1 else None
        if not isinstance(node, (Task, Wait)):
            message = "`node_args_from_first` needs exactly one starting edge, to exactly one task or wait"
            hint = f"the flow starts with {', '.join(starting) or 'nothing'}"
            self._add("F311", message, place, hint=hint)
        elif why := self._known.why_unreadable(node.name):
            self._add("F409", f"`node_args_from_first` reads the result of `{node.name}`, and {why}", place)

    def _check_told(self) -> None:
        """What a sub-flow's tasks did reaches a following sub-flow only through its parent."""
        flow = self._flow
        telling = flow.propagate_finished | flow.propagate_compound_finished
        if self._read.fields.get("propagate_finished") is True or not telling:
            return
        if self._read.fields.get("propagate_compound_finished") is True:
            return
        for each in self._read.edges:
            told = telling & set(each.edge.sources)
            for name in each.edge.targets:
                if told and isinstance(flow.nodes[name], SubFlow) and name not in flow.propagate_parent:
                    message = f"`{name}` does not learn what finished in `{min(told)}`"
                    hint = f"add `{name}` to `propagate_parent`"
                    self._add("F321", message, each.place_of(name, "to"), hint=hint)

    def _check_items(self) -> None:
        for each in self._read.edges:
            if each.edge.foreach is None or not each.edge.foreach.propagate_result:
                continue
            for name in each.edge.targets:
                if name in self._flow.propagate_node_args:
                    message = f"`{name}` would get both the items of `foreach` and the flow's node args"
                    related = (self._read.fields.key_place("propagate_node_args"), "the node args")
                    hint = "drop `propagate_result`, or name only other flows in `propagate_node_args`"
                    place = each.place_of(name, "to")
                    self._scope.report.contrast("F317", message, place, related=related, hint=hint)

    def _check_selective(self, target: NodeName, table: Table) -> None:
        follows = bool(table.get("follow_subflows", False))
        reachable = self._known.startable(FlowName(target), inside=follows)
        key = "tasks" if "tasks" in table else "task_names"
        names = [table[key]] if isinstance(table[key], str) else table[key]
        for index, name in enumerate(names):
            if name not in reachable:
                place = table.place_at(key) if isinstance(table[key], str) else table[key].place_at(index)
                hint = did_you_mean(name, reachable)
                if not hint and not follows and name in self._known.startable(FlowName(target), inside=True):
                    hint = "it is in a flow inside that one: set `follow_subflows: true`"
                message = f"in the flow `{target}` no edges lead to `{name}`"
                self._add("F313", message, place, hint=hint)

    def _add(self, code: str, message: str, place: Place, *, hint: str = "") -> None:
        self._scope.report.add(code, message, place, hint=hint)
