"""One event and everything that it sets off in other runs: sub-flows that begin, parents that go on.

A cascade is decided whole or not at all. While a run is not loaded or a question not answered, nothing of it counts;
it is simply played again when the gap is filled. `decide` is pure, so that playing again costs time and nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from asyncflow.dispatcher.runs import ABSENT, Hot
from asyncflow.dispatcher.signals import Post, Seek
from asyncflow.engine import decide
from asyncflow.engine.waits import Awaited, awaited_in
from asyncflow.model import events as e
from asyncflow.model.commands import (
    AwaitNode,
    CancelChildRun,
    Command,
    EndRun,
    PassSignal,
    PauseChildRun,
    ResumeChildRun,
    StartChildRun,
)
from asyncflow.model.decision import Answer, Context, Needs, Question
from asyncflow.model.flow import Flow, Selective, Task, TaskKind
from asyncflow.model.names import FlowName, NodeName, RunId, TaskId
from asyncflow.model.run import Run, Selection, Status, TaskError
from asyncflow.ports import Entry

DEEPEST = 1000
LONGEST = 200_000
"""How deep and how long a cascade may grow: a flow that starts itself with no task in between would never end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What every decision leans on: the flows, and pure functions over them."""

    flows: Mapping[FlowName, Flow]
    new_id: Callable[[RunId, NodeName, int, int], TaskId]
    select: Callable[[FlowName, Selective], Selection]
    tasks: Mapping[NodeName, Task] = field(default_factory=dict)
    """Every task that is configured: a flow that was defined anew may have lost one that is running."""
    opaque: frozenset[FlowName] = frozenset()
    """Flows whose runs are begun and ended elsewhere: `StartChildRun` is then a command to the world."""
    awaited: Awaited = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "awaited", awaited_in(self.flows))

    def task_of(self, run: Run, name: NodeName) -> Task:
        """The task that an attempt in a run is at."""
        flow = self.flows.get(run.flow)
        task = None if flow is None else flow.nodes.get(name)
        if not isinstance(task, Task):
            task = self.tasks.get(name)
        return Task(name=name, kind=TaskKind.CELERY) if task is None else task  # what it returns is kept inline


class Cascade:
    """Play it; then either `is_whole`, or `missing` and `questions` say what must be filled in first."""

    def __init__(self, rules: Rules, hot: Callable[[RunId], Hot | None], answers: Mapping[Question, Answer]) -> None:
        self._rules = rules
        self._hot = hot
        self._context = Context(new_id=rules.new_id, answers=answers, select=rules.select)
        self.runs: dict[RunId, Hot] = {}
        """The runs that moved, as they are now."""
        self.entries: list[tuple[RunId, Entry]] = []
        self.commands: list[Command] = []
        self.ended: list[EndRun] = []
        self.missing: set[RunId] = set()
        self.homeless: dict[RunId, FlowName] = {}
        """Runs that must move, and whose flows are not configured any more: this cascade cannot be played at all."""
        self.questions: dict[Question, None] = {}
        """In the order in which they came up: throttle slots are given in the order of the starts."""
        self._depths: dict[RunId, int] = {}
        self._post = Post(flows=rules.flows, awaited=rules.awaited, look=self._look, missing=self.missing)

    @property
    def is_whole(self) -> bool:
        return not self.missing and not self.questions and not self.homeless

    def play(self, event: e.Event) -> None:
        """Raises SignalRefusedError for a signal that cannot be taken."""
        events: deque[e.Event | Seek] = deque([event])
        while events:
            wish = events.popleft()
            found = self._post.seek(wish) if isinstance(wish, Seek) else wish
            if found is not None:
                self._play_one(found, events)

    def _look(self, run_id: RunId) -> Hot | None:
        return self.runs.get(run_id) or self._hot(run_id)

    def _play_one(self, event: e.Event, events: deque[e.Event | Seek]) -> None:
        hot = self._look(event.run_id)
        if hot is None:
            self.missing.add(event.run_id)
            return
        if isinstance(event, e.SignalReceived) and hot.run is not None:
            event = self._post.route(event, hot.run)
            if self.missing:
                return
        flow = self._flow_for(hot.run, event)
        if flow is None:
            return
        decision = decide(flow, hot.run, event, self._context)
        if isinstance(decision, Needs):
            self.questions.update(dict.fromkeys(decision.questions))
            return
        if not decision.facts:
            return
        version = hot.version + 1
        self.runs[event.run_id] = Hot(run=decision.run, version=version, snapshot=hot.snapshot)
        self.entries.append((event.run_id, Entry(version=version, at=event.at, facts=decision.facts)))
        for command in decision.commands:
            self._follow(decision.run, command, event.at, events)

    def _flow_for(self, run: Run | None, event: e.Event) -> Flow | None:
        """The flow by which to decide; None where nothing can be decided."""
        if run is None:  # other events than this one are for a run that never started
            return self._rules.flows[event.flow] if isinstance(event, e.RunRequested) else None
        flow = self._rules.flows.get(run.flow)
        if flow is not None:
            return flow
        if run.status.is_terminal or isinstance(event, e.CancelRequested):  # it starts nothing more
            return nothing_left_of(run)
        self.homeless[run.id] = run.flow
        return None

    def _follow(self, run: Run, command: Command, at: float, events: deque[e.Event | Seek]) -> None:
        """Commands to other runs become events; the rest is for the world."""
        match command:
            case StartChildRun() if command.flow not in self._rules.opaque:
                events.append(self._child_request(command, at))
            case CancelChildRun():
                events.append(e.CancelRequested(at=at, run_id=RunId(command.id), reason=command.reason))
            case PauseChildRun():
                events.append(e.PauseRequested(at=at, run_id=RunId(command.id)))
            case ResumeChildRun():
                events.append(e.ResumeRequested(at=at, run_id=RunId(command.id)))
            case PassSignal():  # at once: nothing shall come in between and end the node that it is for
                events.appendleft(_passed(command, at))
            case AwaitNode():
                self.commands.append(command)
                if command.event is not None and run.parent_node is not None:
                    events.append(Seek(at=at, run_id=command.run_id, id=command.id))
            case EndRun():
                self.ended.append(command)
                if run.parent_node is not None:
                    events.append(_child_end(run, command, at))
            case _:
                self.commands.append(command)

    def _child_request(self, command: StartChildRun, at: float) -> e.Event:
        child = RunId(command.id)
        depth = self._depths.get(command.run_id, 0) + 1
        if depth > DEEPEST or len(self.entries) > LONGEST:
            error = TaskError(type="RunawayRecursion", message=f"flow {command.flow} starts itself without end")
            return e.ChildRunEnded(at=at, run_id=command.run_id, id=command.id, error=error)
        self._depths[child] = depth
        self.runs[child] = ABSENT  # its id is new: no need to look in the store
        return e.RunRequested(
            at=at,
            run_id=child,
            flow=command.flow,
            root_id=command.root_id,
            node_args=command.node_args,
            parent=command.parent,
            parent_node=command.parent_node,
            selection=command.selection,
            reports=command.reports,
            due=command.due,
            kept=command.kept,
            priority=command.priority,
        )


def nothing_left_of(run: Run) -> Flow:
    """In place of a flow that is not configured any more: it has no nodes and no edges."""
    return Flow(name=run.flow, nodes={}, edges=(), version=run.version)


def _passed(command: PassSignal, at: float) -> e.SignalReceived:
    signal = command.signal
    return e.SignalReceived(
        at=at, run_id=command.run_id, name=signal.event, key=signal.key, payload=signal.payload, id=command.id
    )


def _child_end(run: Run, end: EndRun, at: float) -> e.ChildRunEnded:
    assert run.parent_node is not None
    error = end.error
    if end.status is Status.CANCELLED:
        error = TaskError(type="RunCancelled", message=f"run {run.id} of flow {run.flow} was cancelled")
    return e.ChildRunEnded(at=at, run_id=run.parent_node.run_id, id=run.parent_node.id, error=error, report=end.report)
