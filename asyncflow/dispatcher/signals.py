"""Where signals go among the runs of a flow and its sub-flows: to the run that has a node for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from asyncflow.dispatcher.runs import Hot
from asyncflow.engine.waits import Awaited, kept_for, takers
from asyncflow.errors import InvalidPayloadError, SignalRefusedError
from asyncflow.model.events import SignalReceived, SignalSought
from asyncflow.model.flow import Flow, Wait
from asyncflow.model.names import FlowName, RunId, TaskId
from asyncflow.model.run import NodeKind, Run, mark_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Seek:
    """A node of a sub-flow's run has begun to wait: a run above it may keep a signal for it."""

    at: float
    run_id: RunId
    id: TaskId


@dataclass(slots=True, kw_only=True)
class Post:
    """Looks through runs; those that are not loaded are `missing`, and then nothing that is returned counts."""

    flows: Mapping[FlowName, Flow]
    awaited: Awaited
    look: Callable[[RunId], Hot | None]
    missing: set[RunId] = field(default_factory=set)

    def route(self, event: SignalReceived, run: Run) -> SignalReceived:
        """The signal, bound for the run that has a node for it; as it is, when it is this run's own affair.

        Raises SignalRefusedError where no node can ever take it.
        """
        if mark_of(event.name, event.key) in run.signal_marks:
            return event
        if run.status.is_terminal:
            raise SignalRefusedError.ended(run.id, run.flow, run.status.value)
        if run.flow not in self.flows:
            return event  # held, with all else of the run, until somebody configures it
        declared = self._declared(event, run)
        complaints = []
        for each in self._family(run, event.name):
            flow = self.flows.get(each.flow)
            for _, complaint in () if flow is None else takers(flow, each, event):
                if not complaint:
                    return event if each is run else replace(event, bound_for=each.id)
                complaints.append(complaint)
        if self.missing:
            return event
        if event.id is not None and not complaints:
            raise SignalRefusedError(f"no node {event.id} of run {run.id} waits for {event.name!r}")
        complaints = complaints or [wait.complaint(event.payload) for wait in declared]
        if all(complaints):
            raise InvalidPayloadError(f"the payload of {event.name!r} does not fit: {complaints[0]}")
        return event

    def _declared(self, event: SignalReceived, run: Run) -> tuple[Wait, ...]:
        known = self.awaited.get(run.flow, {})
        if event.name in known:
            return known[event.name]
        others = f"it waits for {', '.join(sorted(known))}" if known else "it has no node that waits for any"
        raise SignalRefusedError(f"flow {run.flow!r} never waits for a signal {event.name!r}; {others}")

    def _family(self, run: Run, event: str) -> Iterator[Run]:
        """A run and the runs of its sub-flows in which the event can be waited for, in the order of their starts."""
        unseen = [run]
        while unseen:
            here = unseen.pop()
            yield here
            inner = [
                (node.number, RunId(id))
                for id, node in here.active.items()
                if node.kind is NodeKind.FLOW and event in self.awaited.get(FlowName(node.name), ())
            ]
            hots = [(id, self.look(id)) for _, id in sorted(inner, reverse=True)]
            absent = [id for id, hot in hots if hot is None]
            if absent:
                self.missing.update(absent)
                return
            unseen.extend(hot.run for _, hot in hots if hot is not None and hot.run is not None)

    def seek(self, wish: Seek) -> SignalSought | None:
        """What to ask of the run above that keeps a signal for a node; None when none does."""
        run = self._run(wish.run_id)
        node = None if run is None else run.active.get(wish.id)
        if run is None or node is None or node.released:
            return None
        flow = self.flows.get(run.flow)
        wait = None if flow is None else flow.nodes.get(node.name)
        while run is not None and run.parent_node is not None and isinstance(wait, Wait):
            run = self._run(run.parent_node.run_id)
            kept = None if run is None or run.status.is_terminal else kept_for(run, wait)
            if run is not None and kept is not None:
                return SignalSought(at=wish.at, run_id=run.id, mark=kept.mark, by=wish.run_id, id=wish.id)
        return None

    def _run(self, run_id: RunId) -> Run | None:
        hot = self.look(run_id)
        if hot is None:
            self.missing.add(run_id)
            return None
        return hot.run
