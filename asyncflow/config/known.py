"""Questions about flows and tasks that checks ask again and again, answered once."""

from __future__ import annotations

from collections.abc import Mapping

from asyncflow.config.flows import ReadFlow
from asyncflow.config.graph import Reach
from asyncflow.config.scope import Scope
from asyncflow.model.flow import Delay, SubFlow, TaskKind
from asyncflow.model.names import FlowName, NodeName


class KnownFlows:
    def __init__(self, flows: Mapping[FlowName, ReadFlow], scope: Scope) -> None:
        self._flows = flows
        self._scope = scope
        self._inside: dict[FlowName, frozenset[NodeName]] = {}
        self._startable: dict[FlowName, frozenset[NodeName]] = {}

    def is_known(self, name: str) -> bool:
        """Whether the flow was read without an error, so that it makes sense to ask about it."""
        return name in self._flows

    def startable(self, name: FlowName, *, inside: bool) -> frozenset[NodeName]:
        """The nodes that edges of a flow can start, and with `inside` those of the flows in it, at any depth."""
        found: set[NodeName] = set()
        waiting, seen = [name], {name}
        while waiting:
            here = waiting.pop()
            nodes = self._startable_in(here)
            found |= nodes
            for node in nodes if inside else ():
                if FlowName(node) in self._flows and FlowName(node) not in seen:
                    seen.add(FlowName(node))
                    waiting.append(FlowName(node))
        return frozenset(found)

    def tasks_inside(self, name: FlowName) -> frozenset[NodeName]:
        """Every task that can run in a flow or in flows inside it, fallbacks included."""
        if name not in self._inside:
            self._inside[name] = self._tasks_inside(name)
        return self._inside[name]

    def _tasks_inside(self, name: FlowName) -> frozenset[NodeName]:
        found: set[NodeName] = set()
        waiting, seen = [name], {name}
        while waiting:
            read = self._flows.get(waiting.pop())
            for node, made in read.flow.nodes.items() if read is not None else ():
                if not isinstance(made, SubFlow):
                    found.add(node)
                elif FlowName(node) not in seen:
                    seen.add(FlowName(node))
                    waiting.append(FlowName(node))
        return frozenset(found)

    def why_unreadable(self, name: str) -> str:
        """Why the result of a task cannot be read; empty when it can."""
        task = self._scope.made_tasks.get(NodeName(name))
        if task is None:
            return "a delay has none" if isinstance(self._scope.made_waits.get(NodeName(name)), Delay) else ""
        if task.storage_readonly:
            return "with `storage_readonly` it is not kept"
        if task.kind is TaskKind.SELINON and task.storage is None:
            return "Selinon's workers keep results in storages only"
        return ""

    def _startable_in(self, name: FlowName) -> frozenset[NodeName]:
        if name not in self._startable:
            read = self._flows.get(name)
            started = set() if read is None else Reach(read.flow, read.flow.edges, fallbacks=False).started
            self._startable[name] = frozenset(started)
        return self._startable[name]
