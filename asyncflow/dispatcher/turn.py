"""One batch: what its cascades decided, gathered for one commit. Nothing here acts; the dispatcher does, afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from asyncflow.dispatcher.cascade import Cascade
from asyncflow.dispatcher.place import Place
from asyncflow.dispatcher.runs import Hot, HotRuns
from asyncflow.dispatcher.work import Work
from asyncflow.errors import EnvelopeError
from asyncflow.model import jsontext
from asyncflow.model.commands import EndRun, ForgetAttempts, KeepResult, PublishTask, SetTimer
from asyncflow.model.events import AttemptFailed, AttemptSucceeded, Blame, Event
from asyncflow.model.names import Json, NodeName, RunId, TaskId
from asyncflow.model.run import Run, TaskError
from asyncflow.model.snapshot import Snapshot, encode, is_due
from asyncflow.ports import Advance, Attempt, Batch, Broker, Codec, Delivery, Entry, Message, RunHeader, Verdict


@dataclass(slots=True, kw_only=True)
class Turn:
    """Filled work by work, then committed, then carried out."""

    known: HotRuns
    place: Place = field(default_factory=Place)
    runs: dict[RunId, Hot] = field(default_factory=dict)
    entries: list[tuple[RunId, Entry]] = field(default_factory=list)
    publish: list[PublishTask] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    timers: list[SetTimer] = field(default_factory=list)
    timers_done: list[SetTimer] = field(default_factory=list)
    forgotten: list[ForgetAttempts] = field(default_factory=list)
    ended: list[EndRun] = field(default_factory=list)
    done: list[Work] = field(default_factory=list)
    kept: list[Attempt] = field(default_factory=list)
    """Of results that no worker has made: nothing of them is published."""
    deliveries: list[Delivery] = field(default_factory=list)
    """To be acknowledged after the commit."""
    passing: list[Delivery] = field(default_factory=list)
    """To be acknowledged with them. They tell nothing that lasts, so no commit is made for them."""

    @property
    def can_wait(self) -> bool:
        """Whether it only takes reports down: nothing is to be sent, no run ends, and no client waits for an answer."""
        is_urgent = self.publish or self.timers or self.timers_done or self.forgotten or self.ended
        return bool(self.verdicts) and not is_urgent and all(work.committed is None for work in self.done)

    def hot(self, run_id: RunId) -> Hot | None:
        """The run as this turn leaves it so far."""
        return self.runs.get(run_id) or self.known.get(run_id)

    def accept(self, work: Work, cascade: Cascade, event: Event) -> None:
        """Take over what a whole cascade has decided."""
        self.runs.update(cascade.runs)
        self.entries.extend(cascade.entries)
        self.ended.extend(cascade.ended)
        for command in cascade.commands:
            match command:
                case PublishTask():
                    self.publish.append(command)
                case SetTimer():
                    self.timers.append(command)
                case ForgetAttempts():
                    self._forget(command, event.at)
                case KeepResult():
                    self._keep(command, event.at)
        work.entries = cascade.entries
        self._judge(work, event)
        self.settle(work)

    def settle(self, work: Work) -> None:
        """This work needs nothing more than the commit."""
        self.done.append(work)
        self.deliveries.extend(work.deliveries)
        if work.timer is not None:
            self.timers_done.append(work.timer)

    def let_pass(self, work: Work) -> None:
        """This work changes nothing that lasts."""
        self.done.append(work)
        self.passing.extend(work.deliveries)

    def _judge(self, work: Work, event: Event) -> None:
        """The verdict on the attempt that an event ends. The store lets the first one stand."""
        if isinstance(event, AttemptSucceeded):
            self.verdicts.append(Verdict(id=event.id, at=event.at, verdict="succeeded", result=work.result))
        elif isinstance(event, AttemptFailed):
            lost = event.blame is Blame.INFRASTRUCTURE
            self.verdicts.append(Verdict(id=event.id, at=event.at, verdict="lost" if lost else "failed"))

    def _forget(self, command: ForgetAttempts, at: float) -> None:
        self.forgotten.append(command)
        self.verdicts.extend(Verdict(id=id, at=at, verdict=command.verdict) for id in command.ids)

    def _keep(self, command: KeepResult, at: float) -> None:
        """As an attempt that is over, where results are looked for."""
        nothing = Message(routing_key="", body=b"")
        self.kept.append(
            Attempt(id=command.id, run_id=command.run_id, task=command.name, message=nothing, due=at, published=True)
        )
        result = jsontext.dumps(command.result)
        self.verdicts.append(Verdict(id=command.id, at=at, verdict="succeeded", result=result))

    def encode(self, codec: Codec, broker: Broker, results: Mapping[TaskId, Json], now: float) -> list[AttemptFailed]:
        """Turn orders into messages; what cannot be sent safely comes back as failed attempts."""
        refused = []
        for order in self.publish:
            try:
                message = codec.encode_task(
                    with_results(order, results) if results else order,
                    reply_to=broker.reply_queue,
                    exchange=broker.callback_exchange,
                    routing_key=broker.callback_key,
                )
            except EnvelopeError as exc:
                error = TaskError(type="EnvelopeError", message=str(exc), module="asyncflow.errors")
                refused.append(
                    AttemptFailed(at=now, run_id=order.run_id, id=order.id, error=error, blame=Blame.REVOKED)
                )
                continue
            self.attempts.append(
                Attempt(id=order.id, run_id=order.run_id, task=order.task.name, message=message, due=order.due or now)
            )
        self.publish.clear()
        return refused

    def _snapshots(self) -> list[Snapshot]:
        """Of runs that have got long since the last one, so that loading them stays quick."""
        taken = []
        for run_id, hot in self.runs.items():
            if hot.run is not None and not hot.run.status.is_terminal and is_due(hot.run, hot.version - hot.snapshot):
                taken.append(Snapshot(run_id=run_id, version=hot.version, state=encode(hot.run)))
                self.runs[run_id] = replace(hot, snapshot=hot.version)
        return taken

    def batch(self) -> Batch:
        last_entry = dict(self.entries)
        return Batch(
            advances=tuple(
                Advance(header=header_of(self._run(run_id), last_entry[run_id].at, self.place.partition), entry=entry)
                for run_id, entry in self.entries
            ),
            attempts=(*self.attempts, *self.kept),
            verdicts=tuple(self.verdicts),
            timers=tuple(self.timers),
            timers_done=tuple(self.timers_done),
            snapshots=tuple(self._snapshots()),
            fences=self.place.fences,
        )

    def _run(self, run_id: RunId) -> Run:
        run = self.runs[run_id].run
        assert run is not None, "a run that has an entry has begun"
        return run


def header_of(run: Run, at: float, partition: int = 0) -> RunHeader:
    return RunHeader(
        run_id=run.id,
        flow=run.flow,
        status=run.status,
        root_id=run.root_id,
        parent_node=run.parent_node,
        partition=partition,
        started_at=run.started_at,
        ended_at=run.ended_at,
        updated_at=at,
        labels=run.labels,
        error=run.error,
    )


def with_results(order: PublishTask, results: Mapping[TaskId, Json]) -> PublishTask:
    """A flow task's order with those results of its parents that are kept inline."""
    wanted: dict[str, Json] = {id: results[id] for id in parent_ids(order.parent) if id in results}
    if not wanted:
        return order
    return PublishTask(
        run_id=order.run_id,
        root_id=order.root_id,
        flow=order.flow,
        id=order.id,
        task=order.task,
        attempt=order.attempt,
        node_args=order.node_args,
        parent=order.parent,
        args=order.args,
        kwargs=order.kwargs,
        results=wanted,
        errors=order.errors,
        due=order.due,
    )


def inline_parent_ids(parent: Mapping[str, Json], is_inline: Callable[[NodeName], bool]) -> list[TaskId]:
    """The ids in a parent, at any depth, of tasks whose results are kept inline."""
    ids: list[TaskId] = []
    for name, told in parent.items():
        if isinstance(told, Mapping):
            ids.extend(inline_parent_ids(told, is_inline))
        elif is_inline(NodeName(name)):
            ids.extend(parent_ids(told))
    return ids


def parent_ids(parent: Json) -> list[TaskId]:
    """Every id in a parent, at any depth."""
    match parent:
        case str():
            return [TaskId(parent)]
        case list():
            return [TaskId(id) for id in parent]
        case Mapping():
            return [id for inside in parent.values() for id in parent_ids(inside)]
    return []
