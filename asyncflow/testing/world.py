"""Where simulated runs live: their journals, what waits for its outcome, timers, and a clock that only tests move."""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from asyncflow.dispatcher.cascade import Cascade, Rules
from asyncflow.dispatcher.ids import TaskIds
from asyncflow.dispatcher.runs import ABSENT, Hot, folded
from asyncflow.engine.keeping import retry_of
from asyncflow.engine.selective import select
from asyncflow.errors import RequestError
from asyncflow.model import facts as f
from asyncflow.model.commands import AwaitNode, Command, KeepResult, PublishTask, SetTimer, StartChildRun
from asyncflow.model.decision import Answer, Context, OutlineOf, Question
from asyncflow.model.events import Event, RunRequested, SignalReceived, TimerDue, TimerKind
from asyncflow.model.flow import Configuration, Selective
from asyncflow.model.names import FlowName, Json, NodeName, RunId, TaskId
from asyncflow.model.outline import outline_of
from asyncflow.model.run import Run, Selection
from asyncflow.ports import Entry
from asyncflow.testing.answers import MemoryAnswers
from asyncflow.testing.nodes import Order, PendingNode, Reports, pending_flow, pending_task, pending_wait
from asyncflow.testing.resuming import commands_of_active

_NAMESPACE = b"asyncflow.testing"


class World:
    """Takes events one by one and settles: decides by the dispatcher's own rules, and keeps what follows."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        opaque: frozenset[FlowName],
        functions: Mapping[str, Callable[..., Any]],
        start_at: float,
    ) -> None:
        self.now = start_at
        self.reports = Reports(configuration.flows)
        self.answers = MemoryAnswers(functions)
        self.orders: OrderedDict[TaskId, Order] = OrderedDict()
        """What is started and not ended, in the order of the starts."""
        self.over: dict[TaskId, str] = {}
        """Attempts that are no longer awaited, and why."""
        self.journals: dict[RunId, list[Entry]] = {}
        self.children: dict[RunId, list[RunId]] = {}
        self._runs: dict[RunId, Hot] = {}
        self._timers: list[tuple[float, int, SetTimer]] = []
        self._timers_set = 0
        self._signals = 0
        self._due_at_once: deque[SetTimer] = deque()
        self.configure(configuration, opaque)

    def configure(self, configuration: Configuration, opaque: frozenset[FlowName]) -> None:
        """Go on by this configuration from now on."""
        self.configuration = configuration
        self.opaque = opaque
        self.reports.flows = frozenset(configuration.flows)
        self._rules = Rules(
            flows=configuration.flows,
            new_id=TaskIds(_NAMESPACE),
            select=self.select,
            tasks=configuration.tasks,
            opaque=opaque,
        )

    def remember_definitions(self) -> None:
        """Before others take their place."""
        for flow in self.configuration.flows.values():
            self.answers.outlines[OutlineOf(flow.name, flow.version)] = outline_of(flow)

    def select(self, flow: FlowName, selective: Selective) -> Selection:
        """What a selective run starts. Raises SelectiveNoPathError, UnknownFlowError."""
        return select(
            self.configuration.flows,
            flow,
            selective.tasks,
            follow_subflows=selective.follow_subflows,
            run_subsequent=selective.run_subsequent,
        )

    def run(self, run_id: RunId) -> Run:
        run = self._runs[run_id].run
        assert run is not None, "runs that are handed out have begun"
        return run

    def deliver(self, event: Event) -> None:
        """Decide an event with all that follows at once; when an answer is missing, nothing has happened.

        Raises SignalRefusedError for a signal that cannot be taken.
        """
        self._decide(event)
        while self._due_at_once:
            self._decide(self._due(self._due_at_once.popleft()))

    def _decide(self, event: Event) -> None:
        answers: dict[Question, Answer] = {}
        cascade = self._played(event, answers)
        while not cascade.is_whole:
            for run_id, flow in cascade.homeless.items():
                raise RequestError(f"run {run_id} needs flow {flow!r}, which is not configured any more")
            for question in cascade.questions:
                answers[question] = self.answers.answer(question, self.now)
            cascade = self._played(event, answers)
        self._accept(cascade)

    def adopt(self, facts: Sequence[f.Fact]) -> RunId:
        """Go on with a run from its facts; one of the same id is forgotten. Timers that it had set are not known."""
        entry = Entry(version=1, at=self.now, facts=tuple(facts))
        hot = folded([entry])
        run = hot.run
        assert run is not None, "a journal begins with RunStarted"
        for id in [id for id, order in self.orders.items() if order.run_id == run.id]:
            self.orders.pop(id)
        self._runs[run.id] = hot
        self.journals[run.id] = [entry]
        flow = self.configuration.flows[run.flow]
        context = Context(new_id=self._rules.new_id, select=self.select)
        for command in commands_of_active(flow, run, facts, lambda q: self.answers.answer(q, self.now), context):
            self._order(command)
        return run.id

    def signal(
        self, run_id: RunId, event: str, payload: Json, *, key: str = "", id: TaskId | None = None
    ) -> SignalReceived:
        """A signal to deliver; without a key it is like no other."""
        self._signals += 1
        key = key or f"signal-{self._signals}"
        return SignalReceived(at=self.now, run_id=run_id, name=event, key=key, payload=payload, id=id)

    def retry_of(self, run_id: RunId, again_id: RunId, again: Sequence[NodeName]) -> RunRequested:
        """What begins a retry of a run. Raises RequestError."""
        journals = {
            name: [fact for entry in journal for fact in entry.facts] for name, journal in self.journals.items()
        }
        return retry_of(journals, run_id, again_id, again=again, at=self.now)[0]

    def advance(self, until: float) -> None:
        """Move the clock; timers go off on the way, each at its time."""
        while self._timers and self._timers[0][0] <= until:
            due, _, timer = heapq.heappop(self._timers)
            self.now = max(self.now, due)
            self.deliver(self._due(timer))
        self.now = max(self.now, until)

    def _due(self, timer: SetTimer) -> TimerDue:
        return TimerDue(at=self.now, run_id=timer.run_id, kind=timer.kind, id=timer.id, attempt=timer.attempt)

    @property
    def next_timer(self) -> float | None:
        return self._timers[0][0] if self._timers else None

    @property
    def is_over(self) -> bool:
        """Whether every run has ended; nodes that no run waits for may be left."""
        return all(hot.run is None or hot.run.status.is_terminal for hot in self._runs.values())

    def pending_of(self, run_ids: Iterable[RunId]) -> tuple[PendingNode, ...]:
        wanted = frozenset(run_ids)
        return tuple(self.pending_node(order) for order in self.orders.values() if order.run_id in wanted)

    def pending_node(self, order: Order) -> PendingNode:
        waited = self.run(order.run_id).active[order.id].waited
        if isinstance(order, PublishTask):
            return pending_task(order, now=self.now, waited=waited)
        if isinstance(order, AwaitNode):
            return pending_wait(order, now=self.now, waited=waited)
        flow = self.configuration.flows.get(order.flow)
        return pending_flow(order, now=self.now, waited=waited, queue="" if flow is None else flow.queue)

    def _played(self, event: Event, answers: Mapping[Question, Answer]) -> Cascade:
        cascade = Cascade(self._rules, lambda run_id: self._runs.get(run_id, ABSENT), answers)
        cascade.play(event)
        return cascade

    def _accept(self, cascade: Cascade) -> None:
        self._runs.update(cascade.runs)
        for run_id, entry in cascade.entries:
            self.journals.setdefault(run_id, []).append(entry)
            for fact in entry.facts:
                self._note(run_id, fact)
        for command in cascade.commands:
            self._order(command)

    def _order(self, command: Command) -> None:
        match command:
            case PublishTask() | StartChildRun() | AwaitNode():
                if command.id in self.run(command.run_id).active:
                    self.orders[command.id] = command
            case KeepResult():
                self.answers.results[command.id] = command.result
            case SetTimer(kind=TimerKind.NODE_DONE | TimerKind.NODE_TIMEOUT) if command.due <= self.now:
                self._due_at_once.append(command)
            case SetTimer():
                self._timers_set += 1
                heapq.heappush(self._timers, (command.due, self._timers_set, command))

    def _note(self, run_id: RunId, fact: f.Fact) -> None:
        match fact:
            case f.RunStarted(parent_node=parent) if parent is not None:
                self.children.setdefault(parent.run_id, []).append(run_id)
            case f.NodeSucceeded():
                self._end(fact.id, "it has succeeded")
            case f.NodeFailed():
                self._end(fact.id, "it has failed")
            case f.NodeCancelled():
                self._end(fact.id, "it was cancelled")
            case f.AttemptRetried():
                self._end(fact.id, f"it has failed, and is tried again as {fact.next_id}")
            case f.RunRetried():
                mine = [id for id, order in self.orders.items() if order.run_id == run_id]
                for id in mine:
                    if id not in self.run(run_id).active:
                        self._end(id, "its flow has failed and is tried again")

    def _end(self, id: TaskId, why: str) -> None:
        self.over[id] = why
        self.orders.pop(id, None)
