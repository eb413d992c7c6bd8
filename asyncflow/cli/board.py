"""The picture of a run while it moves: its nodes by name, with those of its sub-flows.

It begins with a report, as the dispatcher gives it, and takes in changes; each fact costs the same, however many nodes
there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from asyncflow.model import facts as f
from asyncflow.model import journal
from asyncflow.model.history import NodeView, tell_node
from asyncflow.model.names import FlowName, Json, NodeName, RunId, TaskId
from asyncflow.model.run import HowFar, NodeKind, Status, TaskError, Whereabouts

OVER = frozenset({"succeeded", "failed", "cancelled", "reused"})


@dataclass(slots=True)
class Group:
    """The instances of one name in one run, in the order they were started."""

    places: dict[TaskId, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    began: float = float("inf")
    ended: float = 0.0
    """When the first of them was started, and the last that is over ended."""

    def __len__(self) -> int:
        return len(self.places)

    @property
    def over(self) -> int:
        return sum(self.counts[state] for state in OVER)


@dataclass(slots=True)
class Branch:
    """One run: the one that is watched, or a sub-flow's."""

    path: tuple[NodeName, ...] = ()
    nodes: dict[TaskId, NodeView] = field(default_factory=dict)
    groups: dict[NodeName, Group] = field(default_factory=dict)

    def of(self, name: NodeName) -> list[NodeView]:
        """The instances of a name, in the order they were started."""
        places = self.groups[name].places
        return [self.nodes[id] for id in sorted(places, key=places.__getitem__)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A node that has moved, and where it stands."""

    branch: Branch
    node: NodeView
    before: NodeView | None
    waits_for: str = ""
    """It has not moved, but waits for this queue, which no worker has made yet."""
    how_far: HowFar | None = None
    """It has not moved, but is so far."""


class Board:
    """`tell` takes in a message of `RunHandle.changes`, and gives the nodes that moved."""

    def __init__(self, report: Mapping[str, Json]) -> None:
        self.run_id = RunId(report["run_id"])
        self.flow = FlowName(report["flow"])
        self.branches: dict[RunId, Branch] = {}
        self.waiting: dict[TaskId, str] = {}
        """Nodes whose task waits for a queue that does not exist."""
        self.progress: dict[TaskId, HowFar] = {}
        self._read(report)

    def child(self, node: NodeView) -> Branch | None:
        """The run of a sub-flow's node, once it has begun."""
        return self.branches.get(RunId(node.id)) if node.kind is NodeKind.FLOW else None

    def tell(self, message: Mapping[str, Json]) -> list[Change]:
        """Take in what changed. A whole report replaces what was known."""
        if "run" in message:
            return self._replaced(message["run"])
        if "seen" in message:
            self._see(message["seen"])
            return []
        if "waiting" in message:
            return list(self._waits(message["waiting"]))
        if "progress" in message:
            return list(self._gets_on(message["progress"]))
        return [
            moved
            for change in message["changes"]
            for fact in journal.from_json(change["facts"])
            for moved in self._tell(RunId(change["run_id"]), fact, change["at"])
        ]

    def all_nodes(self) -> list[Change]:
        """Everything, as if it had just moved."""
        everything = [Change(branch=branch, node=node, before=None) for branch, node in self.everywhere()]
        return [*everything, *self._all_waiting()]

    def everywhere(self) -> Iterator[tuple[Branch, NodeView]]:
        """Every node with its branch."""
        for branch in self.branches.values():
            for node in branch.nodes.values():
                yield branch, node

    def _waits(self, told: Iterable[Mapping[str, Json]]) -> Iterator[Change]:
        for one in told:
            branch = self.branches.get(RunId(one["run_id"]))
            node = None if branch is None else branch.nodes.get(TaskId(one["id"]))
            if one["since"] is None:
                self.waiting.pop(TaskId(one["id"]), None)
            elif branch is not None and node is not None and node.state not in OVER:
                self.waiting[node.id] = one["queue"]
                yield Change(branch=branch, node=node, before=node, waits_for=one["queue"])

    def _see(self, told: Iterable[Mapping[str, Json]]) -> None:
        for one in told:
            branch = self.branches.get(RunId(one["run_id"]))
            node = None if branch is None else branch.nodes.get(TaskId(one["id"]))
            if branch is not None and node is not None and node.state not in OVER:
                branch.nodes[node.id] = replace(node, where=_where(one))

    def _gets_on(self, told: Iterable[Mapping[str, Json]]) -> Iterator[Change]:
        for one in told:
            branch = self.branches.get(RunId(one["run_id"]))
            node = None if branch is None else branch.nodes.get(TaskId(one["id"]))
            if branch is not None and node is not None and node.state not in OVER:
                how_far = self.progress[node.id] = HowFar(**one["progress"])
                yield Change(branch=branch, node=node, before=node, how_far=how_far)

    def _all_waiting(self) -> Iterator[Change]:
        for branch, node in self.everywhere():
            if queue := self.waiting.get(node.id):
                yield Change(branch=branch, node=node, before=node, waits_for=queue)

    def _tell(self, run_id: RunId, fact: f.Fact, at: float) -> Iterator[Change]:
        branch = self._branch(run_id)
        if isinstance(fact, f.RunRetried) and run_id == self.run_id:
            self.attempt = int(fact.attempt)
        before = {new: branch.nodes.get(old) for old, new in _ids_in(fact)}
        starts = isinstance(fact, f.NodeStarted | f.NodeReused)
        if any((old is None) is not starts for old in before.values()):
            return  # the report that came first knows it already
        tell_node(branch.nodes, fact, at)
        if isinstance(fact, f.AttemptRetried):
            _rename(branch, fact)
        for id, old in before.items():
            new = branch.nodes[id]
            for lives in (self.waiting, self.progress):
                lives.pop(new.id if old is None else old.id, None)
            if old is None or _told(new) != _told(old):
                yield self._moved(branch, new, old)

    def _moved(self, branch: Branch, new: NodeView, old: NodeView | None) -> Change:
        group = branch.groups.setdefault(new.name, Group())
        if old is not None:
            group.counts[old.state] -= 1
        group.counts[new.state] += 1
        group.places.setdefault(new.id, len(group.places))
        group.began = min(group.began, new.started_at)
        group.ended = max(group.ended, new.ended_at or 0.0)
        if new.kind is NodeKind.FLOW:
            self._branch(RunId(new.id)).path = (*branch.path, new.name)
        return Change(branch=branch, node=new, before=old)

    def _branch(self, run_id: RunId) -> Branch:
        return self.branches.setdefault(run_id, Branch())

    def _replaced(self, report: Mapping[str, Json]) -> list[Change]:
        before = {node.id: node for _, node in self.everywhere()}
        waited = self.waiting
        self.branches, self.waiting, self.progress = {}, {}, {}
        self._read(report)
        moved = [
            Change(branch=branch, node=node, before=before.get(node.id))
            for branch, node in self.everywhere()
            if node.id not in before or _told(node) != _told(before[node.id])
        ]
        return [*moved, *(change for change in self._all_waiting() if change.node.id not in waited)]

    def _read(self, report: Mapping[str, Json]) -> None:
        self.state = Status(report["state"])
        self.attempt = int(report["attempt"])
        self.started_at = _seconds(report["started_at"]) or 0.0
        self.ended_at = _seconds(report["ended_at"])
        self.error = _error(report["error"])
        self._read_nodes(self.run_id, report["nodes"])

    def _read_nodes(self, run_id: RunId, nodes: list[Mapping[str, Json]]) -> None:
        branch = self._branch(run_id)
        for each in nodes:
            node = _node(each)
            branch.nodes[node.id] = node
            self._moved(branch, node, None)
            if each.get("waiting_for"):
                self.waiting[node.id] = each["waiting_for"]
            if each.get("progress"):
                self.progress[node.id] = HowFar(**each["progress"])
            if "nodes" in each:
                self._read_nodes(RunId(node.id), each["nodes"])


def _told(node: NodeView) -> tuple[str, int, bool]:
    """What of a node is worth telling when it changes; reports round times."""
    return node.state, node.attempt, node.handled


def _ids_in(fact: f.Fact) -> tuple[tuple[TaskId, TaskId], ...]:
    """The nodes that a fact tells of: their ids before it and after it."""
    match fact:
        case f.NodeStarted(id=id) | f.NodeReused(id=id) | f.NodeSucceeded(id=id):
            return ((id, id),)
        case f.NodeFailed(id=id) | f.NodeCancelled(id=id):
            return ((id, id),)
        case f.AttemptRetried(id=id, next_id=next_id):
            return ((id, next_id),)
        case f.FallbackStarted(handled=handled):
            return tuple((id, id) for id in handled.values())
    return ()


def _rename(branch: Branch, fact: f.AttemptRetried) -> None:
    """The next attempt takes the place of the one before it."""
    places = branch.groups[branch.nodes[fact.next_id].name].places
    places[fact.next_id] = places.pop(fact.id)


def _node(told: Mapping[str, Json]) -> NodeView:
    return NodeView(
        id=TaskId(told["id"]),
        name=NodeName(told["name"]),
        kind=NodeKind(told["kind"]),
        state=told["state"],
        attempt=told["attempt"],
        started_at=_seconds(told["started_at"]) or 0.0,
        ended_at=_seconds(told["ended_at"]),
        error=_error(told["error"]),
        handled=told["handled"],
        event=told.get("event"),
        until=_seconds(told.get("until")),
        due=_seconds(told.get("due")) or 0.0,
        queue=told.get("queue"),
        where=_where(told),
    )


def _where(told: Mapping[str, Json]) -> Whereabouts:
    return Whereabouts(worker=told.get("worker") or "", since=_seconds(told.get("running_since")))


def _error(told: Mapping[str, str] | None) -> TaskError | None:
    return None if told is None else TaskError(**told)


def _seconds(instant: str | None) -> float | None:
    return None if instant is None else datetime.fromisoformat(instant).timestamp()
