"""Comparing by the rules of the format, and giving labels to the ids of a simulation."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from asyncflow.testing import PendingNode

ANY = "*"
TOLERANCE = 0.5
"""Seconds by which a delay may differ: those recorded were taken from a clock on the wall."""


class DifferenceError(AssertionError):
    """What a case expects is not what happened."""


def check(what: str, expected: Hashable, found: Hashable) -> None:
    if expected != found:
        raise DifferenceError(f"{what}\n  expected: {expected}\n  found:    {found}")


def exact(value: Any) -> str:
    """As text that is equal where values are equal as JSON: 1 is 1.0, and neither "1" nor true."""
    return json.dumps(_typed(value), sort_keys=True)


def _typed(value: Any) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return int(value) if value == int(value) else value
    if isinstance(value, Mapping):
        return {name: _typed(member) for name, member in value.items()}
    return [_typed(member) for member in value]


def parent_text(parent: Any, label_of: Callable[[Any], Any]) -> str:
    """As `exact`, but null is {}, and lists of ids have no order."""
    return exact(_labelled(parent or {}, label_of))


def _labelled(parent: Any, label_of: Callable[[Any], Any]) -> Any:
    if isinstance(parent, Mapping):
        return {name: _labelled(inside, label_of) for name, inside in parent.items()}
    if isinstance(parent, list):
        return sorted((label_of(id) for id in parent), key=exact)
    return label_of(parent)


def ids_by_name(nodes: Mapping[str, Iterable[Any]], label_of: Callable[[Any], Any]) -> str:
    """{name: multiset of ids}; a name without ids is no name."""
    return exact({name: sorted(map(str, map(label_of, ids))) for name, ids in nodes.items() if list(ids)})


def counts_by_name(nodes: Mapping[str, Iterable[Any]]) -> str:
    return exact({name: len(list(ids)) for name, ids in nodes.items() if list(ids)})


def essence(state: Mapping[str, Any] | None) -> str:
    """What two states that are the same have in common."""
    if state is None:
        return ""
    active = sorted((node["name"], str(node["id"])) for node in state["active_nodes"])
    return exact([active, ids_by_name(state["finished_nodes"], str), ids_by_name(state["failed_nodes"], str)])


@dataclass(frozen=True, slots=True)
class Started:
    """A node that the simulation has started in a step."""

    node: PendingNode
    by_fallback: bool


class Labels:
    """Which real id each label `Name#k` of a case stands for."""

    def __init__(self) -> None:
        self._label_of: dict[str, str] = {}
        self._id_of: dict[str, str] = {}

    def label_of(self, id: Any) -> Any:
        """The label of a real id; any other id is itself."""
        return self._label_of.get(id, id) if isinstance(id, str) else id

    def id_of(self, label: str) -> str | None:
        return self._id_of.get(label)

    def bind(self, expected: Iterable[Mapping[str, Any]], started: Iterable[Started]) -> None:
        """Match expected and real starts as multisets, and learn the labels. Raises DifferenceError."""
        left = list(started)
        missing = []
        found: list[tuple[str, str]] = []
        # What is told exactly is matched first, so that what may be anything takes what is left.
        for entry in sorted(expected, key=_strictness, reverse=True):
            match = next((one for one in left if self._fits(entry, one)), None)
            if match is None:
                missing.append(entry)
            else:
                left.remove(match)
                found.append((entry["node"], match.node.id))
        if missing or left:
            lines = ["started nodes differ"]
            lines += [f"  not started: {json.dumps(entry)}" for entry in missing]
            lines += [f"  not expected: {self._told(one)}" for one in left]
            raise DifferenceError("\n".join(lines))
        for label, id in found:
            self.learn(label, id)

    def learn(self, label: str, id: str) -> None:
        self._label_of[id] = label
        self._id_of[label] = id

    def _fits(self, entry: Mapping[str, Any], one: Started) -> bool:
        node = one.node
        if (entry["kind"], entry["name"]) != (node.kind.value, node.name):
            return False
        if exact(entry.get("node_args")) != exact(node.node_args):
            return False
        return self._parent_fits(entry.get("parent"), one) and _extras_fit(entry, node)

    def _parent_fits(self, parent: Any, one: Started) -> bool:
        # Older files write null where a fallback starts a node, and mean anything by it.
        if parent == ANY or (parent is None and one.by_fallback):
            return True
        return parent_text(parent, lambda label: label) == parent_text(one.node.parent, self.label_of)

    def _told(self, one: Started) -> str:
        node = one.node
        parent = parent_text(node.parent, self.label_of)
        return f"{node.kind.value} {node.name}, node_args {exact(node.node_args)}, parent {parent}"


def _strictness(entry: Mapping[str, Any]) -> tuple[bool, bool, bool]:
    parent = entry.get("parent")
    return parent != ANY, parent is not None, "countdown_approx" in entry or "queue" in entry


def _extras_fit(entry: Mapping[str, Any], node: PendingNode) -> bool:
    """Keys that only some files have."""
    if "queue" in entry and entry["queue"] != node.queue:
        return False
    if entry.get("countdown_approx") is not None and abs(entry["countdown_approx"] - node.countdown) > TOLERANCE:
        return False
    return entry.get("selective") is None or _selection_text(entry["selective"]) == _selection_of(node)


def _selection_text(selective: Mapping[str, Any]) -> tuple[Counter[str], str]:
    return Counter(selective["task_names"]), subset_text(selective["waiting_edges_subset"])


def _selection_of(node: PendingNode) -> tuple[Counter[str], str] | None:
    if node.selection is None:
        return None
    return Counter(map(str, node.selection.tasks)), subset_text(node.selection.edges)


def subset_text(subset: Mapping[str, Mapping[Any, Iterable[str]]]) -> str:
    """{flow: {edge: targets}}: targets have no order, and a flow without edges is no flow."""
    return exact(
        {
            flow: {str(edge): sorted(targets) for edge, targets in edges.items()}
            for flow, edges in subset.items()
            if edges
        }
    )
