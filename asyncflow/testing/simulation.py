"""Simulation: runs flows by the dispatcher's own rules, synchronously, with outcomes and times that a test gives."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import fastjsonschema

from asyncflow.config import load, load_mapping
from asyncflow.dispatcher.completions import Judge
from asyncflow.errors import INLINE_LIMIT, InvalidNodeArgsError, RequestError, UnknownFlowError
from asyncflow.model.commands import AwaitNode, PublishTask
from asyncflow.model.events import (
    AttemptFailed,
    AttemptSucceeded,
    Blame,
    CancelRequested,
    ChildRunEnded,
    Event,
    PauseRequested,
    ResumeRequested,
    RunRequested,
)
from asyncflow.model.facts import Fact, RunStarted
from asyncflow.model.flow import Configuration, Selective
from asyncflow.model.names import FlowName, Json, NodeName, RunId, TaskId
from asyncflow.model.run import Parent, Selection
from asyncflow.ports import Completion, Progress
from asyncflow.predicates import BUILT_INS, SELINON_1_4
from asyncflow.testing.nodes import Failure, Order, PendingNode, error_of, name_of, plain
from asyncflow.testing.playing import Answers, Chance, Player, first_due
from asyncflow.testing.runs import SimulatedRun
from asyncflow.testing.world import World

Nodes: TypeAlias = str | PendingNode | Iterable[str | PendingNode] | Mapping[str, Any]
"""Which nodes: an id, a pending node, the name of a task that is pending once; several of these, or {id: outcome}."""

Written: TypeAlias = Configuration | Mapping[str, Json] | Sequence[Mapping[str, Json]]
"""A configuration that is loaded already, or what its YAML files would say."""

Selected: TypeAlias = Selection | Selective | Sequence[str] | Mapping[str, Any]


class Simulation:
    """Start flows, say how their nodes end, move the clock, and look at what follows.

    Nothing runs but the rules: no broker, no worker, no event loop, no real time. Sub-flows run for real, or, where
    `opaque` names them (True: all), are ended by the test like tasks. `functions` stand for the user's predicates,
    foreach and selective run functions, by "module.name"; others are imported when first needed, and the
    `predicates_module` at once, where it can be: it may redefine built-in predicates.
    """

    def __init__(
        self,
        configuration: Written,
        *,
        opaque: bool | Iterable[str] = (),
        functions: Mapping[str, Callable[..., Any]] | None = None,
        start_at: float = 0.0,
    ) -> None:
        """Raises ConfigurationError, with every problem of the configuration."""
        configured = _configured(configuration)
        self._opaque = opaque if isinstance(opaque, bool) else frozenset(opaque)
        self._flows = configured.flows
        self._world = World(configured, opaque=self._opaque_flows(), functions=functions or {}, start_at=start_at)
        self._judge = Judge(inline_limit=INLINE_LIMIT)
        self._started = 0

    @classmethod
    def load(
        cls,
        *paths: Path | str,
        opaque: bool | Iterable[str] = (),
        functions: Mapping[str, Callable[..., Any]] | None = None,
        start_at: float = 0.0,
    ) -> Simulation:
        """From YAML files, or folders of them. Raises ConfigurationError."""
        loaded = load(
            paths,
            builtins=BUILT_INS,
            selinon_builtins=SELINON_1_4,
            environ=os.environ,
            importer=importlib.import_module,
        )
        return cls(loaded.configuration, opaque=opaque, functions=functions, start_at=start_at)

    def change(self, configuration: Written) -> None:
        """Go on by another configuration, as a dispatcher does that is started again with changed files.

        What is pending stays so. Raises ConfigurationError, and UnknownFlowError for an opaque flow that is gone.
        """
        configured = _configured(configuration)
        self._world.remember_definitions()
        self._flows = configured.flows
        self._world.configure(configured, self._opaque_flows())

    @property
    def now(self) -> float:
        """The virtual clock: seconds since the epoch."""
        return self._world.now

    # --- starting -----------------------------------------------------------------------------------------------------

    def start(
        self,
        flow: str,
        node_args: Json = None,
        parent: Parent | None = None,
        selective: Selected | None = None,
    ) -> SimulatedRun:
        """Start a run. `selective` names the tasks of a selective run, or is {"tasks", "follow_subflows", ...}.

        Raises UnknownFlowError, InvalidNodeArgsError, SelectiveNoPathError.
        """
        name = self._known_flow(flow)
        given = plain(node_args, "node_args")
        self._check_node_args(name, given)
        selection = None if selective is None else self._selection(name, selective)
        run_id = RunId(f"run-{self._started + 1}")
        self._world.deliver(
            RunRequested(
                at=self.now,
                run_id=run_id,
                flow=name,
                root_id=run_id,
                node_args=given,
                parent=plain(parent, "parent"),
                selection=selection,
            )
        )
        self._started += 1
        return SimulatedRun(self._world, run_id)

    def retry(self, run: SimulatedRun, *again: str) -> SimulatedRun:
        """Run what has not succeeded in a run that is over again, in a new run; and the nodes `again`, with what follows.

        Raises RequestError.
        """
        self._started += 1
        again_id = RunId(f"run-{self._started}")
        self._world.deliver(self._world.retry_of(run.id, again_id, tuple(map(NodeName, again))))
        return SimulatedRun(self._world, again_id)

    def continue_from(self, facts: Sequence[Fact]) -> SimulatedRun:
        """Go on with a run from its facts, those of a real run perhaps, to see what would follow.

        Opaque sub-flows that are active can be ended; the runs of others are not there. Raises UnknownFlowError.
        """
        if not facts or not isinstance(facts[0], RunStarted):
            raise RequestError("a run's facts begin with RunStarted")
        self._known_flow(facts[0].flow)
        return SimulatedRun(self._world, self._world.adopt(facts))

    def select(
        self,
        flow: str,
        tasks: Sequence[str],
        *,
        follow_subflows: bool = False,
        run_subsequent: bool | Sequence[str] = False,
    ) -> Selection:
        """What a selective run of a flow would start. Raises UnknownFlowError, SelectiveNoPathError."""
        subsequent = run_subsequent if isinstance(run_subsequent, bool) else tuple(map(FlowName, run_subsequent))
        selective = Selective(
            tasks=tuple(map(NodeName, tasks)), follow_subflows=follow_subflows, run_subsequent=subsequent
        )
        return self._world.select(self._known_flow(flow), selective)

    def _opaque_flows(self) -> frozenset[FlowName]:
        named = self._flows if self._opaque is True else () if self._opaque is False else self._opaque
        return frozenset(self._known_flow(name) for name in named)

    def _known_flow(self, flow: str) -> FlowName:
        if flow not in self._flows:
            raise UnknownFlowError(flow, tuple(self._flows))
        return FlowName(flow)

    def _check_node_args(self, flow: FlowName, node_args: Json) -> None:
        schema = self._flows[flow].node_args_schema
        if schema is None:
            return
        try:
            fastjsonschema.validate(schema, node_args)
        except fastjsonschema.JsonSchemaValueException as exc:
            what = exc.message.replace("data", "node_args", 1)
            raise InvalidNodeArgsError(f"flow {flow!r} does not take these node args: {what}") from exc

    def _selection(self, flow: FlowName, selective: Selected) -> Selection:
        match selective:
            case Selection():
                return selective
            case Selective():
                return self._world.select(flow, selective)
            case Mapping():
                return self._selection_written(flow, selective)
            case _:
                return self.select(flow, [selective] if isinstance(selective, str) else selective)

    def _selection_written(self, flow: FlowName, written: Mapping[str, Any]) -> Selection:
        """{"tasks": ..., options}, or what is to be started itself, in Selinon's words."""
        tasks = written.get("tasks", written.get("task_names", ()))
        edges = written.get("waiting_edges_subset")
        if edges is None:
            options = {key: written[key] for key in ("follow_subflows", "run_subsequent") if key in written}
            return self.select(flow, tasks, **options)
        return Selection(
            tasks=tuple(map(NodeName, tasks)),
            edges={
                FlowName(name): {int(index): tuple(targets) for index, targets in subset.items()}
                for name, subset in edges.items()
            },
        )

    # --- outcomes -----------------------------------------------------------------------------------------------------

    def succeed(self, *nodes: Nodes, result: Json = None, **results: Json) -> None:
        """End nodes with results: `succeed(id, result=1)`, `succeed({id: 1, other: 2})`, `succeed(Task1=1)`.

        An opaque sub-flow's result is its report, {"finished_nodes": {name: [ids]}, "failed_nodes": ...}.
        All results are known before the first of these ends is looked at. Raises RequestError.
        """
        outcomes = self._outcomes(nodes, result, results)
        events = [self._success(order, plain(value, name_of(order))) for order, value in outcomes]
        self._deliver(events)

    def fail(
        self, *nodes: Nodes, error: Failure = None, report: Mapping[str, Json] | None = None, **errors: Failure
    ) -> None:
        """End attempts with errors; a task with retries left is pending again, under a new id.

        `report` is that of an opaque sub-flow, as for `succeed`. Raises RequestError.
        """
        events: list[Event] = []
        for order, failure in self._outcomes(nodes, error, errors):
            self._world.reports.note(order.id, plain(report, "report"))
            events.append(self._failure(order, failure, Blame.TASK))
        self._deliver(events)

    def lose(self, *nodes: Nodes) -> None:
        """The workers or the broker lose these attempts: no fault of the tasks, and no retry of theirs is used up."""
        outcomes = self._outcomes(nodes, "lost by its worker", {})
        self._deliver([self._failure(order, why, Blame.INFRASTRUCTURE) for order, why in outcomes])

    def remember(self, results: Mapping[str, Json]) -> None:
        """Results by id that the simulation cannot know: of parents given from outside, and of reused tasks.

        The reports of sub-flows inside an opaque sub-flow are told in the same way.
        """
        for id, result in results.items():
            written = plain(result, id)
            self._world.answers.results[TaskId(id)] = written
            self._world.reports.note(TaskId(id), written)

    def signal(
        self,
        run: SimulatedRun,
        event: str,
        payload: Json = None,
        *,
        key: str = "",
        node: str | PendingNode | None = None,
    ) -> None:
        """Send a signal: it releases the oldest node that waits for it, in the run or in those of its sub-flows.

        The same `key` again is the same signal. `node` says which node it is for. Raises SignalRefusedError.
        """
        id = None if node is None else self._id_of(node)
        self._world.deliver(self._world.signal(run.id, event, plain(payload, "payload"), key=key, id=id))

    def cancel(self, run: SimulatedRun, reason: str = "") -> None:
        """Cancel a run, and the runs of its sub-flows."""
        self._world.deliver(CancelRequested(at=self.now, run_id=run.id, reason=reason))

    def pause(self, run: SimulatedRun) -> None:
        """What is pending goes on; what would start from now on is held, in the runs of its sub-flows too."""
        self._world.deliver(PauseRequested(at=self.now, run_id=run.id))

    def resume(self, run: SimulatedRun) -> None:
        """Start what a paused run holds."""
        self._world.deliver(ResumeRequested(at=self.now, run_id=run.id))

    def deliver(self, event: Event) -> None:
        """Any event at all: repeated, late and contradictory ones decide nothing."""
        self._world.deliver(event)

    def _deliver(self, events: Iterable[Event]) -> None:
        for event in events:
            self._world.deliver(event)

    def _outcomes(self, nodes: tuple[Nodes, ...], same: Any, named: Mapping[str, Any]) -> list[tuple[Order, Any]]:
        given: dict[TaskId, Any] = {}
        for each in (*nodes, named):
            if isinstance(each, Mapping):
                given.update((self._id_of(node), outcome) for node, outcome in each.items())
            else:
                several = [each] if isinstance(each, (str, PendingNode)) else each
                given.update((self._id_of(node), same) for node in several)
        if not given and not nodes:
            raise RequestError("name the nodes to end: ids, pending nodes, or tasks that are pending once")
        return [(self._world.orders[id], outcome) for id, outcome in given.items()]

    def _id_of(self, node: str | PendingNode) -> TaskId:
        id = TaskId(node) if isinstance(node, str) else node.id
        orders = self._world.orders
        if id in orders:
            return id
        if id in self._world.over:
            raise RequestError(f"{id} is not pending: {self._world.over[id]}")
        found = [each for each, order in orders.items() if name_of(order) == str(id)]
        if len(found) == 1:
            return found[0]
        if found:
            raise RequestError(f"{id} is pending {len(found)} times; say which by id: {', '.join(found)}")
        pending = ", ".join(f"{name_of(order)} ({each})" for each, order in orders.items())
        raise RequestError(f"no node {id!r} is pending; there are: {pending or 'none'}")

    def _success(self, order: Order, result: Json) -> Event:
        if isinstance(order, AwaitNode):
            return self._release(order, result)
        if not isinstance(order, PublishTask):
            self._world.reports.note(order.id, result)
            report = self._world.reports.report_of(order.id)
            return ChildRunEnded(at=self.now, run_id=order.run_id, id=order.id, report=report)
        completion = Completion(id=order.id, progress=Progress.SUCCEEDED, result=result)
        event = self._judge.judge(completion, order.task, order.run_id, self.now).event
        if isinstance(event, AttemptSucceeded):
            self._world.answers.results[order.id] = result
        return event

    def _failure(self, order: Order, failure: Failure, blame: Blame) -> Event:
        error = error_of(failure)
        if isinstance(order, AwaitNode):
            raise RequestError(f"{order.name} is a {order.kind.value}: only time makes it fail, by `sim.advance`")
        if isinstance(order, PublishTask):
            return AttemptFailed(at=self.now, run_id=order.run_id, id=order.id, error=error, blame=blame)
        report = self._world.reports.report_of(order.id)
        return ChildRunEnded(at=self.now, run_id=order.run_id, id=order.id, error=error, report=report)

    def _release(self, order: AwaitNode, result: Json) -> Event:
        if order.event is None:
            raise RequestError(f"{order.name} is a delay: only time ends it, by `sim.advance`")
        return self._world.signal(order.run_id, order.event, result, id=order.id)

    # --- time, and whole runs -----------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Move the clock on: countdowns shrink, and retries of flows, throttled sub-flows and timeouts come due."""
        if seconds < 0:
            raise RequestError(f"the clock only moves on, not by {seconds:g} s")
        self._world.advance(self.now + seconds)

    def play(self, answers: Answers | None = None, *, most: int = 10_000) -> None:
        """End every node in turn, and move the clock where only countdowns are left, until all runs are over.

        `answers` says by name how: a function stands for the task's own and is called as a worker would, an exception
        fails the node, anything else is its result. Nodes without an answer succeed with None.
        Raises RequestError when that takes more than `most` nodes, and for names that no flow has.
        """
        self._check_names(answers or ())
        Player(self, self._world, answers or {}).play(first_due, most)

    def play_random(
        self,
        seed: int,
        *,
        fail: Mapping[str, float] | float = 0.0,
        answers: Answers | None = None,
        most: int = 10_000,
    ) -> None:
        """As `play`, in random order, with nodes failing at random: `fail` gives their chances, by name or for all."""
        chances = fail if isinstance(fail, Mapping) else dict.fromkeys(self._node_names(), fail)
        self._check_names([*(answers or ()), *chances])
        chance = Chance(seed)
        Player(self, self._world, answers or {}, failing=chance.failing(chances)).play(chance.choose, most)

    def _check_names(self, names: Iterable[str]) -> None:
        known = self._node_names()
        unknown = sorted(set(names) - known)
        if unknown:
            raise RequestError(f"no flow has a node {', '.join(unknown)}; there are: {', '.join(sorted(known))}")

    def _node_names(self) -> set[str]:
        return {name for flow in self._flows.values() for name in flow.nodes}


def _configured(configuration: Written) -> Configuration:
    if isinstance(configuration, Configuration):
        return configuration
    return load_mapping(
        configuration,
        builtins=BUILT_INS,
        selinon_builtins=SELINON_1_4,
        environ=os.environ,
        importer=importlib.import_module,
    ).configuration
