"""States that a case writes down, as facts: every step of a case can stand for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from asyncflow.model import facts as f
from asyncflow.model.names import FlowName, NodeName, RunId, TaskId
from asyncflow.model.run import NodeKind, TaskError


def facts_of_state(
    history: Sequence[f.Fact],
    given: Mapping[str, Any],
    flow: Mapping[str, Any],
    flow_names: frozenset[str],
    id_of: Callable[[str], str],
) -> list[f.Fact]:
    """Facts that lead to the state in `given`; what the run's `history` tells of the nodes in it is kept."""
    state = given["state"]
    known = _Known(history, flow_names, id_of)
    begun = history[0]
    assert isinstance(begun, f.RunStarted), "every run begins so"
    facts: list[f.Fact] = [begun]
    if given.get("node_args") != begun.node_args:
        facts.append(f.NodeArgsReplaced(node_args=given["node_args"]))
    for name, ids in state["finished_nodes"].items():
        for label in ids:
            facts += [known.start(name, label), known.success(label)]
    for name, ids in state["failed_nodes"].items():
        for label in ids:
            facts += [known.start(name, label), known.failure(label)]
    facts += [known.start(node["name"], node["id"]) for node in state["active_nodes"]]
    finished = {name for name, ids in state["finished_nodes"].items() if ids}
    facts += _joins_met(flow, finished)
    return facts


def beginning(run_id: str, flow: str, given: Mapping[str, Any]) -> list[f.Fact]:
    """The history of a run that a case takes up in the middle."""
    return [
        f.RunStarted(
            run_id=RunId(run_id),
            flow=FlowName(flow),
            version="",
            root_id=RunId(run_id),
            node_args=given.get("node_args"),
            parent=given.get("parent"),
        )
    ]


def _joins_met(flow: Mapping[str, Any], finished: set[str]) -> Iterator[f.SourceMet]:
    for index, edge in enumerate(flow["edges"]):
        if len(edge["from"]) > 1:
            yield from (f.SourceMet(edge=index) for source in edge["from"] if source in finished)


class _Known:
    """What the run's own facts say of nodes; of others there is only what the case says."""

    def __init__(self, history: Sequence[f.Fact], flows: frozenset[str], id_of: Callable[[str], str]) -> None:
        self._flows = flows
        self._id_of = id_of
        self._starts = {fact.id: fact for fact in history if isinstance(fact, f.NodeStarted)}
        self._successes = {fact.id: fact for fact in history if isinstance(fact, f.NodeSucceeded)}
        self._failures = {fact.id: fact for fact in history if isinstance(fact, f.NodeFailed)}
        # New nodes must not get numbers, and so ids, that were given before.
        self._number = max((fact.number for fact in self._starts.values()), default=0)

    def start(self, name: str, label: str) -> f.NodeStarted:
        id = TaskId(self._id_of(label))
        self._number += 1
        if id in self._starts:
            old = self._starts[id]
            return f.NodeStarted(
                id=id,
                name=old.name,
                number=self._number,
                kind=old.kind,
                parent=old.parent,
                node_args=old.node_args,
                own_args=old.own_args,
                edge=old.edge,
                fallback=old.fallback,
            )
        kind = NodeKind.FLOW if name in self._flows else NodeKind.TASK
        return f.NodeStarted(id=id, name=NodeName(name), number=self._number, kind=kind)

    def success(self, label: str) -> f.NodeSucceeded:
        id = TaskId(self._id_of(label))
        return self._successes.get(id) or f.NodeSucceeded(id=id)

    def failure(self, label: str) -> f.NodeFailed:
        id = TaskId(self._id_of(label))
        return self._failures.get(id) or f.NodeFailed(id=id, error=TaskError(type="Exception"))
