"""Commits, told as trace events and spans. What that costs a commit is one call: events are made where they are used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from asyncflow.dispatcher.cascade import nothing_left_of
from asyncflow.dispatcher.run_spans import RunSpans
from asyncflow.dispatcher.trace_details import Scene, events_of
from asyncflow.dispatcher.turn import Turn
from asyncflow.engine import evolve
from asyncflow.model.decision import Answer, Question
from asyncflow.model.facts import Fact, RunStarted
from asyncflow.model.flow import Flow
from asyncflow.model.names import FlowName, RunId
from asyncflow.model.run import Run
from asyncflow.model.spans import EmitSpansLater, Span
from asyncflow.model.trace_events import EmitLater, Traced
from asyncflow.ports import Entry


class Tracing:
    """`committed` must be called after each commit, while the turn still knows the runs as they were before."""

    def __init__(
        self, flows: Mapping[FlowName, Flow], events: EmitLater | None, spans: EmitSpansLater | None = None
    ) -> None:
        self._flows = flows
        self._events = events
        self._spans = spans
        self._run_spans = RunSpans()

    def committed(self, turn: Turn) -> None:
        if not turn.entries:
            return
        before = {run_id: hot.run for run_id in turn.runs if (hot := turn.known.get(run_id)) is not None}
        answers = {asked: answer for work in turn.done for asked, answer in work.answers.items()}
        commit = _Commit(flows=self._flows, entries=tuple(turn.entries), before=before, answers=answers)
        size = len(commit.entries)
        if self._events is not None:
            self._events(size, lambda: commit.events)
        if self._spans is not None:
            self._spans(size, lambda: self._spans_of(commit))

    def _spans_of(self, commit: _Commit) -> list[Span]:
        spans = self._run_spans
        return [span for fact, run, entry in commit.steps() for span in spans.spans_of(fact, run, entry.at)]


@dataclass(frozen=True, kw_only=True)
class _Commit:
    """Not slotted: its events are made once, for all who want them."""

    flows: Mapping[FlowName, Flow]
    entries: Sequence[tuple[RunId, Entry]]
    before: Mapping[RunId, Run | None]
    answers: Mapping[Question, Answer]

    @cached_property
    def events(self) -> tuple[Traced, ...]:
        firsts = ((run_id, entry.facts[0]) for run_id, entry in self.entries)
        children = {run_id: first for run_id, first in firsts if isinstance(first, RunStarted)}
        found: list[Traced] = []
        for fact, run, entry in self.steps():
            scene = Scene(
                flow=self.flows.get(run.flow) or nothing_left_of(run),
                run=run,
                at=entry.at,
                facts=entry.facts,
                children=children,
                answers=self.answers,
            )
            found.extend(Traced(event=event, at=entry.at, details=told) for event, told in events_of(fact, scene))
        return tuple(found)

    def steps(self) -> Iterator[tuple[Fact, Run, Entry]]:
        """Each fact with the run before it: what a fact says depends on that. A run's first fact comes with its own."""
        runs = dict(self.before)
        for run_id, entry in self.entries:
            run = runs.get(run_id)
            for fact in entry.facts:
                before, run = run, evolve(run, fact, entry.at)
                yield fact, before or run, entry
            runs[run_id] = run
