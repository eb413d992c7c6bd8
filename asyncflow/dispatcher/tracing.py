"""Commits, told as trace events. What a commit costs here is one call: its events are made where they are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from asyncflow.dispatcher.trace_details import Scene, events_of
from asyncflow.dispatcher.turn import Turn
from asyncflow.engine import evolve
from asyncflow.model.decision import Answer, Question
from asyncflow.model.facts import RunStarted
from asyncflow.model.flow import Flow
from asyncflow.model.names import FlowName, RunId
from asyncflow.model.run import Run
from asyncflow.model.trace_events import EmitLater, Traced
from asyncflow.ports import Entry


class Tracing:
    """`committed` must be called after each commit, while the turn still knows the runs as they were before."""

    def __init__(self, flows: Mapping[FlowName, Flow], emit: EmitLater) -> None:
        self._flows = flows
        self._emit = emit

    def committed(self, turn: Turn) -> None:
        if not turn.entries:
            return
        before = {run_id: hot.run for run_id in turn.runs if (hot := turn.known.get(run_id)) is not None}
        answers = {asked: answer for work in turn.done for asked, answer in work.answers.items()}
        commit = _Commit(flows=self._flows, entries=tuple(turn.entries), before=before, answers=answers)
        self._emit(len(commit.entries), lambda: commit.events)


@dataclass(frozen=True, kw_only=True)
class _Commit:
    """Not slotted: its events are made once, for all who want them."""

    flows: Mapping[FlowName, Flow]
    entries: Sequence[tuple[RunId, Entry]]
    before: Mapping[RunId, Run | None]
    answers: Mapping[Question, Answer]

    @cached_property
    def events(self) -> tuple[Traced, ...]:
        """Folds the facts again, for what a fact says depends on the run that it changes."""
        runs = dict(self.before)
        firsts = ((run_id, entry.facts[0]) for run_id, entry in self.entries)
        children = {run_id: first for run_id, first in firsts if isinstance(first, RunStarted)}
        found: list[Traced] = []
        for run_id, entry in self.entries:
            run = runs.get(run_id)
            for fact in entry.facts:
                if isinstance(fact, RunStarted) or run is None:  # its own first fact makes a run
                    run = evolve(None, fact, entry.at)
                    before = run
                else:
                    before, run = run, evolve(run, fact, entry.at)
                scene = Scene(
                    flow=self.flows[before.flow],
                    run=before,
                    at=entry.at,
                    facts=entry.facts,
                    children=children,
                    answers=self.answers,
                )
                found.extend(Traced(event=event, at=entry.at, details=told) for event, told in events_of(fact, scene))
            runs[run_id] = run
        return tuple(found)
