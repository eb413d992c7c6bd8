"""What must hold, told from the journal, the workers' ledger and the verdicts: I1 to I7."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from asyncflow.dispatcher.functions import answered
from asyncflow.dispatcher.ids import TaskIds
from asyncflow.dispatcher.runs import folded
from asyncflow.dispatcher.turn import header_of
from asyncflow.engine.retries import retry_after
from asyncflow.model import events as e
from asyncflow.model import facts as f
from asyncflow.model import jsontext
from asyncflow.model.decision import Answer, OutlineOf, Question, Raised, ResultOf, SlotOf
from asyncflow.model.flow import Task
from asyncflow.model.names import Json, NodeName, RunId, TaskId
from asyncflow.model.outline import Outline
from asyncflow.model.run import NodeKind, Run, Status
from asyncflow.ports import Entry
from asyncflow.testing import Simulation
from tests.faults.world import World


def violations(world: World) -> list[str]:
    """Of a world in which everything is over."""
    for check in (_outcomes, _ledger, _open_runs, torn, _rests, _decisions):
        found = list(check(world))
        if found:
            return found  # what comes after it would say the same less well
    return []


def runs_of(world: World) -> dict[RunId, Run]:
    found = {}
    for run_id in world.store._runs:
        run = folded(world.store._entries(run_id)).run
        assert run is not None, "a journal begins with RunStarted"
        found[run_id] = run
    return found


def torn(world: World) -> Iterator[str]:
    """Half transitions: what no crash may leave behind."""
    runs = runs_of(world)
    timers = {(timer.run_id, timer.kind) for timer in world.store._timers.values()}
    for run in runs.values():
        if run.restarting and not run.status.is_terminal and (run.id, e.TimerKind.RESTART) not in timers:
            yield f"run {run.id} is to restart, and no timer is set for it"
        for id, node in run.active.items():
            if id in run.held:
                continue
            if node.kind is NodeKind.TASK and id not in world.store._open_attempts:
                yield f"attempt {id} of {node.name} is open in the journal of {run.id}, and not in the outbox"
            child = runs.get(RunId(id))
            if node.kind is NodeKind.FLOW and (child is None or child.status.is_terminal):
                yield f"run {run.id} waits for its sub-flow {id}, which is {child and child.status.value}"
    for run_id, stored in world.store._runs.items():
        if stored.header != header_of(runs[run_id], stored.header.updated_at):
            yield f"I7: the header of {run_id} is not what its journal tells"
    for id, attempt in world.store._open_attempts.items():
        if id not in runs[attempt.run_id].active:
            yield f"attempt {id} of {attempt.task} has no verdict, and is not open in the journal of {attempt.run_id}"


def left_open(world: World) -> str:
    """For the message of a world that is stuck."""
    runs = [run for run in runs_of(world).values() if not run.status.is_terminal]
    told = [
        f"{run.id} of {run.flow} is {run.status.value} with {[n.name for n in run.active.values()]}" for run in runs
    ]
    unsent = [one.task for one in world.store._open_attempts.values() if not one.published]
    return (
        f"open: {told}; unpublished: {unsent}; timers: {len(world.store._timers)}; workers busy: {world.workers.busy}; "
        f"messages: {len(world.broker._queue)} and {len(world.broker._unacked)} unacknowledged; "
        f"lost by workers: {len(world.workers.lost)}; client waits: {list(world.client._waiting.values())}"
    )


def _open_runs(world: World) -> Iterator[str]:
    """I1: every run that was accepted has come to an end."""
    for run_id in world.client.accepted - world.store._runs.keys():
        yield f"I1: run {run_id} was accepted and is lost"
    for run_id, run in runs_of(world).items():
        if not run.status.is_terminal:
            yield f"I1: run {run_id} is {run.status.value}"


_ENDS = (f.NodeSucceeded, f.NodeFailed, f.NodeCancelled, f.AttemptRetried)


def _outcomes(world: World) -> Iterator[str]:
    """I2: at most one end for each attempt, and the verdict says the same. N5: every attempt has one."""
    ends: dict[TaskId, list[f.Fact]] = {}
    for _, entry in world.log:
        for fact in entry.facts:
            if isinstance(fact, _ENDS):
                ends.setdefault(fact.id, []).append(fact)
    for id, facts in ends.items():
        if len(facts) > 1:
            yield f"I2: attempt {id} ended {len(facts)} times: {facts}"
    for id, run_id in world.store._run_of.items():
        verdict = world.store._verdicts.get(id)
        if verdict is None:
            if not _may_be_open(world, run_id, id):
                yield f"N5: attempt {id} of {run_id} has no verdict"
            continue
        told = type(ends[id][0]).__name__ if id in ends else "none"
        if verdict.verdict not in _VERDICTS[told]:
            yield f"I2: the verdict on {id} is {verdict.verdict}, and its journal says {told}"


_VERDICTS = {
    "NodeSucceeded": {"succeeded"},
    "NodeFailed": {"failed", "lost", "timed out"},
    "AttemptRetried": {"failed", "lost", "timed out"},
    "NodeCancelled": {"cancelled", "timed out"},
    "none": {"superseded"},
}


def _may_be_open(world: World, run_id: RunId, id: TaskId) -> bool:
    """Nobody waits for it, and nobody looks for it: its worker was killed after it had acknowledged."""
    return id in world.workers.lost and world.store._runs[run_id].header.status.is_terminal


def _ledger(world: World) -> Iterator[str]:
    """I4: succeeded attempts have run, with the result that is recorded; nothing ran that was not started."""
    signalled = {fact.id for _, entry in world.log for fact in entry.facts if isinstance(fact, f.NodeReleased)}
    results: dict[TaskId, list[Json]] = {}
    for done in world.workers.ledger:
        results.setdefault(done.id, []).append(done.result if done.status == "SUCCESS" else None)
        if done.id not in world.store._run_of:
            yield f"I4: {done.task} ran under the id {done.id}, which nobody started"
    for id, verdict in world.store._verdicts.items():
        if verdict.verdict != "succeeded" or id in signalled:
            continue
        kept = world.stored_results.get(id) if verdict.result is None else jsontext.loads(verdict.result)
        if kept not in results.get(id, []) and not (kept is None and id in results):
            yield f"I4: {id} succeeded with {kept}, and its body returned {results.get(id)}"


def _rests(world: World) -> Iterator[str]:
    """I5, I6, I7: nothing is left over, and counts are what the journal tells."""
    unpublished = [one.id for one in world.store._open_attempts.values() if not one.published]
    if unpublished:
        yield f"I5: the outbox still holds {unpublished}"
    if world.store._timers:
        yield f"I6: timers are left: {list(world.store._timers)}"
    if not world.broker.is_empty:
        yield "messages are left on our queue"
    stored = Counter(len(run.entries) for run in world.store._runs.values())
    logged = Counter(Counter(run_id for run_id, _ in world.log).values())
    if stored != logged:
        yield f"I7: {sum(stored)} runs are stored, {sum(logged)} were committed"


# --- I3 ---------------------------------------------------------------------------------------------------------------


def _decisions(world: World) -> Iterator[str]:
    """I3: the reference, told of the recorded outcomes only, decides the same in the same order."""
    simulation = Simulation(world.decided_by[0] if world.decided_by else world.configuration)
    reference: Any = simulation._world
    reference.answers = _Recorded(world)
    reference._rules = replace(reference._rules, new_id=TaskIds(world.store.secret))
    seen: Counter[RunId] = Counter()
    for (run_id, entry), configuration in zip(world.log, world.decided_by, strict=True):
        seen[run_id] += 1
        if configuration is not reference.configuration:
            simulation.change(configuration)
            reference._rules = replace(reference._rules, new_id=TaskIds(world.store.secret))
        if len(reference.journals.get(run_id, ())) < seen[run_id]:
            run = reference._runs[run_id].run if run_id in reference._runs else None
            event = _cause(world, run_id, run, entry)
            if event is not None:  # else another run's entry must lead to it
                reference.now = entry.at
                reference._decide(event)
                reference._due_at_once.clear()  # they fire when they did
    for run_id in {**reference.journals, **world.store._runs}:
        yield from _differences(run_id, list(world.store._entries(run_id)), reference.journals.get(run_id, []))


def _decided(entry: Entry) -> list[Any]:
    """Its facts without where an attempt was: that is told by workers, and decides nothing."""
    return [replace(fact, where=None) if getattr(fact, "where", None) else fact for fact in entry.facts]


def _differences(run_id: RunId, stored: list[Entry], decided: list[Entry]) -> Iterator[str]:
    for entry, expected in zip_longest(stored, decided):
        if entry is None or expected is None:
            yield f"I3: {run_id} has {len(stored)} entries; the reference decides {len(decided)}"
            return
        if _decided(entry) != _decided(expected):
            yield f"I3: {run_id} version {entry.version} has {entry.facts}; the reference decides {expected.facts}"
            return


class _Recorded:
    """What users' functions said, and what attempts returned, as it is recorded."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.outlines: dict[OutlineOf, Outline] = {}
        self.results: dict[TaskId, Json] = {}
        """What the reference notes of signals; the record says it too."""

    def answer(self, question: Question, now: float) -> Answer:
        match question:
            case OutlineOf():
                return self.outlines.get(question)
            case ResultOf():
                return self.result(question.task, question.id)
            case SlotOf():
                return self._slot(question, now)
        results = {name: self.result(name, id) for name, id in question.sources}
        try:
            return answered(self._world.functions[str(question.function)], question, _Pool(results))
        except Exception as exc:  # noqa: BLE001  (whatever a user's function raises is the answer)
            return Raised(f"{question.function}: {type(exc).__name__}: {exc}")

    def result(self, task: NodeName, id: TaskId) -> Json:
        declared = self._world.configuration.tasks.get(task)
        if declared is not None and declared.storage is not None:
            return self._world.stored_results.get(id)
        verdict = self._world.store._verdicts.get(id)
        return None if verdict is None or verdict.result is None else jsontext.loads(verdict.result)

    def _slot(self, question: SlotOf, now: float) -> float:
        for _, entry in self._world.log:
            for fact in entry.facts:
                if isinstance(fact, f.NodeStarted) and fact.id == question.id and fact.due is not None:
                    return fact.due
        return now


class _Pool:
    def __init__(self, results: dict[NodeName, Json]) -> None:
        self._results = results

    def get(self, task_name: str) -> Json:
        return self._results[NodeName(task_name)]


def _cause(world: World, run_id: RunId, run: Run | None, entry: Entry) -> e.Event | None:
    """The event from outside that an entry follows from."""
    at, facts = entry.at, entry.facts
    if isinstance(facts[0], f.RunMigrated):  # goes before what follows from the event
        facts = facts[1:]
    match facts[0]:
        case f.RunStarted(parent_node=None) as fact:
            return e.RunRequested(
                at=at,
                run_id=run_id,
                flow=fact.flow,
                root_id=fact.root_id,
                node_args=fact.node_args,
                selection=fact.selection,
                labels=fact.labels,
            )
        case f.NodeSucceeded(id=id) if run is not None and id in run.active and run.active[id].kind is NodeKind.TASK:
            return e.AttemptSucceeded(at=at, run_id=run_id, id=id)
        case f.NodeSucceeded(id=id) if run is not None and id in run.active and run.active[id].kind in _WAITS:
            # A run that is stopped counts what a signal has released as succeeded.
            return _stop(run_id, facts, at) or e.TimerDue(at=at, run_id=run_id, kind=e.TimerKind.NODE_DONE, id=id)
        case f.NodeFailed(id=id) if run is not None and id in run.active and run.active[id].kind is NodeKind.WAIT:
            return e.TimerDue(at=at, run_id=run_id, kind=e.TimerKind.NODE_TIMEOUT, id=id)
        case (f.SignalKept() | f.SignalPassed() | f.NodeReleased()) as fact:
            payload = fact.payload if isinstance(fact, f.SignalKept) else _payload(world, fact.key)
            return e.SignalReceived(at=at, run_id=run_id, name=fact.event, key=fact.key, payload=payload)
        case (f.NodeFailed() | f.AttemptRetried()) as fact if run is not None:
            return _failure(world, run, fact, at)
        case f.RunRestarted() if run is not None:
            return e.TimerDue(at=at, run_id=run_id, kind=e.TimerKind.RESTART, attempt=run.attempt)
        case f.RunPaused():
            return e.PauseRequested(at=at, run_id=run_id)
        case f.RunResumed():
            return e.ResumeRequested(at=at, run_id=run_id)
    return _stop(run_id, facts, at)


_WAITS = (NodeKind.WAIT, NodeKind.DELAY)


def _payload(world: World, key: str) -> Json:
    """What a signal brought to the node that it released."""
    for _, entry in world.log:
        for fact in entry.facts:
            if isinstance(fact, f.NodeReleased) and fact.key == key:
                return jsontext.loads(world.store._verdicts[fact.id].result or b"null")
    return None


def _failure(world: World, run: Run, fact: f.NodeFailed | f.AttemptRetried, at: float) -> e.Event | None:
    node = run.active.get(fact.id)
    if node is None:
        return None
    task = world.configuration.flows[run.flow].nodes[node.name]
    if not isinstance(task, Task):
        return None
    if fact.error.type == "NodeTimeout":
        return e.TimerDue(at=at, run_id=run.id, kind=e.TimerKind.NODE_TIMEOUT, id=fact.id, attempt=run.attempt)
    blame = e.Blame.TASK
    if isinstance(fact, f.AttemptRetried):
        blame = e.Blame.TASK if fact.counts else e.Blame.INFRASTRUCTURE
    elif not (node.waited and run.status.is_terminal):
        for blame in e.Blame:
            if retry_after(task, node, fact.error, blame, fact.id) is None:
                break
    return e.AttemptFailed(at=at, run_id=run.id, id=fact.id, error=fact.error, blame=blame)


def _stop(run_id: RunId, facts: Sequence[f.Fact], at: float) -> e.Event | None:
    """Cancelled from outside, or its time is over."""
    match facts[-1]:
        case f.RunCancelled(reason=reason):
            return e.CancelRequested(at=at, run_id=run_id, reason=reason)
        case f.RunFailed(error=error) if error.type == "FlowTimeout":
            return e.TimerDue(at=at, run_id=run_id, kind=e.TimerKind.RUN_TIMEOUT)
    return None


def ends_of(world: World) -> tuple[dict[RunId, tuple[Status, str]], Counter[tuple[str, str]]]:
    """How it all ended: each run's state, and how many nodes of each name ended how."""
    nodes: Counter[tuple[str, str]] = Counter()
    for run_id, run in runs_of(world).items():
        names = _names(world, run_id)
        for entry in world.store._entries(run_id):
            for fact in entry.facts:
                if isinstance(fact, _ENDS):
                    nodes[f"{run.flow}.{names[fact.id]}", type(fact).__name__] += 1
    roots = {id: (run.status, str(run.error)) for id, run in runs_of(world).items() if run.parent_node is None}
    return roots, nodes


def _names(world: World, run_id: RunId) -> dict[TaskId, NodeName]:
    names: dict[TaskId, NodeName] = {}
    for entry in world.store._entries(run_id):
        for fact in entry.facts:
            if isinstance(fact, f.NodeStarted):
                names[fact.id] = fact.name
            elif isinstance(fact, f.AttemptRetried):
                names[fact.next_id] = names[fact.id]
    return names
