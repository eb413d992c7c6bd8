"""What a retry of a run keeps of it: instances that have succeeded stand for new ones.

Rules:
- An instance is known by its node, by the instances after which it was started, and by the arguments of its own. Where
  the retry would start such a one, the earlier stands for it: so what follows a node that runs again, runs again.
- A sub-flow that has succeeded is kept whole; of one that has not, its instances are kept in the same way.
- What a fallback has started is not kept: it is started again when its task fails again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeAlias

from asyncflow.engine.step import Sources, Step, as_text
from asyncflow.errors import RequestError
from asyncflow.model import facts as f
from asyncflow.model.events import RunRequested
from asyncflow.model.facts import Fact
from asyncflow.model.names import Json, NodeName, RunId, TaskId
from asyncflow.model.run import NodeKind

Kept: TypeAlias = Mapping[str, Json]
"""By what an instance is known by: [[id, place among the ends, report, what is kept inside]]; it is part of a fact."""

RETRY_OF, FIRST_RUN = "retry_of", "first_run"
"""Labels of a retry. A run is not removed while one of its retries is there, for that shows its results."""

DEEPEST = 50
"""Sub-flows deeper than that run again as a whole."""


@dataclass(slots=True, kw_only=True)
class Survey:
    """What a retry keeps of a run, and for people, by path: how many instances are reused, and how many run again."""

    kept: dict[str, list[Json]] = field(default_factory=dict)
    reused: Counter[str] = field(default_factory=Counter)
    again: Counter[str] = field(default_factory=Counter)
    names: set[NodeName] = field(default_factory=set)
    """Every node that was started, those of sub-flows too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    key: str
    name: NodeName
    kind: NodeKind
    follows_kept: bool
    """Whether all that it was started after is kept."""


def kept_of(journals: Mapping[RunId, Sequence[Fact]], run_id: RunId, again: frozenset[NodeName]) -> Survey:
    """What a retry of a run keeps, where the nodes `again`, wherever they are, shall run again with what follows them.

    `journals` has the facts of the run and of its sub-flows' runs.
    """
    return _Surveyor(journals, again).survey(run_id, "", 0)


def retry_of(
    journals: Mapping[RunId, Sequence[Fact]], run_id: RunId, new_id: RunId, *, again: Sequence[NodeName], at: float
) -> tuple[RunRequested, Survey]:
    """The request for a retry, and what it keeps. Labels tell of which run it is one, and which run was the first.

    Raises RequestError when the run is not over, nothing of it would run again, or it has no node of such a name.
    """
    begun = journals[run_id][0]
    assert isinstance(begun, f.RunStarted), "a journal begins with it"
    _check_is_over(journals[run_id], run_id)
    survey = kept_of(journals, run_id, frozenset(again))
    if unknown := [name for name in again if name not in survey.names]:
        known = ", ".join(sorted(survey.names)) or "none"
        raise RequestError(f"run {run_id} has started no {', '.join(unknown)}; the nodes that it has started: {known}")
    if not survey.again and isinstance(journals[run_id][-1], f.RunSucceeded):
        raise RequestError(f"run {run_id} has succeeded; name a node from which it shall run again")
    labels = {**begun.labels, RETRY_OF: run_id, FIRST_RUN: begun.labels.get(FIRST_RUN, run_id)}
    request = RunRequested(
        at=at,
        run_id=new_id,
        flow=begun.flow,
        root_id=new_id,
        node_args=begun.node_args,
        parent=begun.parent,
        selection=begun.selection,
        labels=labels,
        kept=survey.kept or None,
        priority=begun.priority,
    )
    return request, survey


def _check_is_over(facts: Sequence[Fact], run_id: RunId) -> None:
    ends = (f.RunSucceeded, f.RunFailed, f.RunCancelled)
    if isinstance(facts[0], f.RunStarted) and facts[0].parent_node is not None:
        raise RequestError(f"run {run_id} is a sub-flow's; retry its root, run {facts[0].root_id}")
    if not any(isinstance(fact, ends) for fact in facts):
        raise RequestError(f"run {run_id} is not over; a retry begins when it is: cancel it, or wait")


def take(step: Step, name: NodeName, kind: NodeKind, sources: Sources, own_args: Json) -> Sequence[Json] | None:
    """What is kept for an instance that is about to be started: [id, place, report, kept inside]; each is given once."""
    kept = step.run.kept
    if not kept:
        return None
    key = _key(name, kind, sources, own_args)
    entries = kept.get(key, ())
    place = step.taken[key]
    step.taken[key] += 1
    if place >= len(entries):
        return None
    entry: Sequence[Json] = entries[place]
    tells_parent = kind is NodeKind.FLOW and (step.run.reports or name in step.flow.reported)
    return None if entry[0] is not None and tells_parent and entry[2] is None else entry


def _key(name: NodeName, kind: NodeKind, sources: Sources, own_args: Json) -> str:
    known_by = [name, kind.value, sorted(sources.items()), own_args]
    return blake2b(as_text(known_by).encode(), digest_size=12).hexdigest()


class _Surveyor:
    def __init__(self, journals: Mapping[RunId, Sequence[Fact]], again: frozenset[NodeName]) -> None:
        self._journals = journals
        self._again = again

    def survey(self, run_id: RunId, within: str, depth: int) -> Survey:
        reader = _Reader(self, within, depth)
        for fact in self._journals.get(run_id, ()):
            reader.read(fact)
        reader.close()
        return reader.survey

    def runs_again(self, name: NodeName) -> bool:
        return name in self._again

    def holds(self, names: set[NodeName]) -> bool:
        return not self._again.isdisjoint(names)


class _Reader:
    """Goes through the facts of one run."""

    def __init__(self, surveyor: _Surveyor, within: str, depth: int) -> None:
        self.survey = Survey()
        self._surveyor = surveyor
        self._within = within
        self._depth = depth
        self._sources: Sources = {}
        self._open: dict[TaskId, _Start] = {}
        self._alive: set[TaskId] = set()
        self._key_of: dict[str, str] = {}

    def read(self, fact: Fact) -> None:
        match fact:
            case f.RunStarted(kept=kept):
                self._key_of = {entry[0]: key for key, entries in (kept or {}).items() for entry in entries if entry[0]}
            case f.RunRetried():
                self._begin_anew()
            case f.EdgeFired():
                self._sources = fact.sources
            case f.NodeStarted():
                self.survey.names.add(fact.name)
                own_args = [fact.node_args] if fact.own_args else None
                self._open[fact.id] = _Start(
                    key=_key(fact.name, fact.kind, self._sources, own_args),
                    name=fact.name,
                    kind=fact.kind,
                    follows_kept=fact.edge is not None and self._alive.issuperset(self._sources.values()),
                )
            case f.AttemptRetried():
                self._open[fact.next_id] = self._open.pop(fact.id)
            case f.NodeReused():
                self._read_reused(fact)
            case f.NodeSucceeded():
                self._keep(fact.id, self._open.pop(fact.id), fact.report)
            case f.NodeFailed() | f.NodeCancelled():
                self._drop(fact.id, self._open.pop(fact.id))

    def close(self) -> None:
        """What was never told to have ended runs again."""
        for id, start in self._open.items():
            self._drop(id, start)
        for entries in self.survey.kept.values():
            entries.sort(key=lambda entry: entry[0] is None)

    def _read_reused(self, fact: f.NodeReused) -> None:
        self.survey.names.add(fact.name)
        key = self._key_of.get(fact.id)
        if key is None:  # a selective run function gave the id, and will be asked again
            self._alive.add(fact.id)
            return
        follows_kept = self._alive.issuperset(fact.sources.values())
        start = _Start(key=key, name=fact.name, kind=fact.kind, follows_kept=follows_kept)
        self._keep(fact.id, start, fact.report)

    def _keep(self, id: TaskId, start: _Start, report: Json) -> None:
        if not start.follows_kept or self._surveyor.runs_again(start.name):
            self._drop(id, start)
            return
        if start.kind is NodeKind.FLOW:
            inside = self._inside(id, start)
            self.survey.names |= inside.names
            if self._surveyor.holds(inside.names):
                self._take_over(start, inside)
                return
        place = len(self._alive)
        self._alive.add(id)
        self.survey.kept.setdefault(start.key, []).append([id, place, report, None])
        self.survey.reused[self._within + start.name] += 1

    def _drop(self, id: TaskId, start: _Start) -> None:
        """It runs again; where that is a sub-flow, what has succeeded in it need not."""
        if start.kind is not NodeKind.FLOW:
            self.survey.again[self._within + start.name] += 1
            return
        inside = self._inside(id, start)
        self.survey.names |= inside.names
        if start.follows_kept and not self._surveyor.runs_again(start.name):
            self._take_over(start, inside)
        else:
            self.survey.again[self._within + start.name] += 1

    def _take_over(self, start: _Start, inside: Survey) -> None:
        self.survey.again[self._within + start.name] += 1
        self.survey.again += inside.again
        self.survey.reused += inside.reused
        if inside.kept:
            self.survey.kept.setdefault(start.key, []).append([None, 0, None, inside.kept])

    def _inside(self, id: TaskId, start: _Start) -> Survey:
        if self._depth >= DEEPEST:
            return Survey()
        return self._surveyor.survey(RunId(id), f"{self._within}{start.name}/", self._depth + 1)

    def _begin_anew(self) -> None:
        """A flow's own retry: of the attempt before, nothing counts any more."""
        self._open.clear()
        self._alive.clear()
        names = self.survey.names
        self.survey = Survey(names=names)
