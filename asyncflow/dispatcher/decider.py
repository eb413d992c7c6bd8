"""The heart of the dispatcher: takes work in batches, decides it, commits once, and then acts.

Order, on which every guarantee rests: commit, then publish; commit, then acknowledge.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import anyio
import anyio.abc

from asyncflow.dispatcher.answers import Answers
from asyncflow.dispatcher.backlog import Backlog
from asyncflow.dispatcher.cascade import Cascade, Rules
from asyncflow.dispatcher.completions import Judge, Judged, failed_to_keep, is_final
from asyncflow.dispatcher.headway import Headway
from asyncflow.dispatcher.insistence import Insistence
from asyncflow.dispatcher.outbox import Outbox
from asyncflow.dispatcher.place import Place
from asyncflow.dispatcher.reader import ResultReader
from asyncflow.dispatcher.runs import HotRuns
from asyncflow.dispatcher.timers import Timers
from asyncflow.dispatcher.turn import Turn, inline_parent_ids
from asyncflow.dispatcher.work import Work
from asyncflow.errors import INLINE_LIMIT, AsyncflowError, FencedError, LeaseLostError, RequestError
from asyncflow.model.decision import Question
from asyncflow.model.events import Event
from asyncflow.model.flow import TaskKind
from asyncflow.model.names import FlowName, RunId, TaskId
from asyncflow.model.run import Active, Run
from asyncflow.ports import Broker, Clock, Codec, Completion, Delivery, Results, Store

_log = logging.getLogger("asyncflow.decider")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the decider acts on, and whom it tells."""

    broker: Broker
    store: Store
    codec: Codec
    results: Results
    clock: Clock
    outbox: Outbox
    timers: Timers
    committed: Callable[[Turn], None]
    """Called after each commit: tells those who watch."""
    group: anyio.abc.TaskGroup
    place: Place
    headway: Headway
    trace: Callable[[Turn], None] | None = None
    """Called after each commit, while the runs are still known as they were before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeciderSettings:
    batch: int = 500
    """Works decided in one commit, at most."""
    linger: float = 0.01
    """Seconds that a turn waits for more reports to commit with those it has, while nobody waits for what they decide."""
    hot_runs: int = 10_000
    hot_nodes: int = 200_000
    """Nodes that the runs in memory have started, all together: some 100 MB."""
    held: int = 500
    """Deliveries left with the broker for flows that are not configured any more; half of what it hands out at a time."""
    located: int = 100_000
    """Attempts whose run is known without asking the store."""
    inline_limit: int = INLINE_LIMIT
    """Bytes of a result that is kept in the store."""
    errback_grace: float = 0.5
    """Seconds to wait for the reason of a failure that a callback told of without one."""


@dataclass(slots=True)
class Counts:
    """What came in and changed nothing."""

    late: int = 0
    """Completions of attempts that were over: duplicates, or too late."""
    unknown: int = 0
    """Completions of attempts that no run has."""
    held: int = 0
    """Deliveries for runs whose flow is not configured any more."""


class Decider:
    def __init__(self, *, world: World, rules: Rules, reader: ResultReader, settings: DeciderSettings) -> None:
        self._world = world
        self._rules = rules
        self._reader = reader
        self._settings = settings
        self._answers = Answers(reader=reader, store=world.store, clock=world.clock)
        self._judge = Judge(inline_limit=settings.inline_limit)
        self._runs = HotRuns(world.store, most=settings.hot_runs, heaviest=settings.hot_nodes)
        self._run_of: OrderedDict[TaskId, RunId] = OrderedDict()
        self._pending: dict[TaskId, Work] = {}
        """Completions that wait for slow answers: what comes later of the same attempt is late."""
        self._backlog = Backlog()
        self._insist = Insistence(world.clock)
        self._is_deciding = False
        self._rested = anyio.Event()
        self.counts = Counts()

    def submit(self, work: Work) -> None:
        self._backlog.add(work)

    def acknowledge(self, delivery: Delivery) -> None:
        """With the next turn: this delivery needs no decision."""
        self.submit(Work(delivery=delivery))

    @property
    def trouble(self) -> str:
        """Why nothing can be decided just now, if so."""
        return self._insist.trouble

    def root_of(self, run_id: RunId) -> RunId | None:
        """Of a run that is in memory."""
        return self._runs.root_of(run_id)

    async def run(self) -> None:
        """Decide what is submitted, for ever. Raises LeaseLostError when the partition is another dispatcher's."""
        while True:
            self._is_deciding = bool(self._backlog)
            if not self._backlog:
                self._rested.set()
                await self._backlog.arrival()
                self._is_deciding = True
            await self._turn(self._backlog.take(self._settings.batch))

    async def wait_idle(self) -> None:
        """Until all that was submitted is decided and carried out; what waits for slow answers does not count."""
        while self._backlog or self._is_deciding:
            self._rested = anyio.Event()
            await self._rested.wait()

    async def _turn(self, works: list[Work]) -> None:
        turn = Turn(known=self._runs, place=self._world.place)
        await self._decide_all(turn, works)
        closing = anyio.current_time() + self._settings.linger
        while turn.can_wait and len(works) < self._settings.batch and await self._backlog.arrives_before(closing):
            more = self._backlog.take(self._settings.batch - len(works))
            works.extend(more)
            await self._decide_all(turn, more)
        await self._encode(turn)
        try:
            committed = await self._commit(turn)
        except TypeError as exc:  # something in it cannot be written, so that trying again is of no use
            await self._isolate(works, str(exc))
            return
        if committed:
            await self._carry_out(turn)
        else:
            await self._begin_again(turn)

    async def _isolate(self, works: Sequence[Work], reason: str) -> None:
        """Decide works one by one, to find and park the one that cannot be written."""
        if len(works) > 1:
            for work in works:
                await self._turn([work])
            return
        turn = Turn(known=self._runs)
        await self._park(works[0], reason)
        turn.settle(works[0])
        await self._carry_out(turn)

    # --- finding runs -------------------------------------------------------------------------------------------------

    async def _locate(self, works: Sequence[Work]) -> None:
        """Find the runs of completions, and make hot what the works touch. Raises StoreError."""
        unknown = [work.completion.id for work in works if work.completion is not None and work.run_id is None]
        cold = [id for id in unknown if id not in self._run_of]
        if cold:
            self._run_of.update(await self._world.store.run_of(cold))
        for work in works:
            if work.completion is not None:
                work.run_id = self._run_of.get(work.completion.id)
            elif work.event is not None:
                work.run_id = work.event.run_id
        await self._runs.load(work.run_id for work in works if work.run_id is not None)

    # --- deciding -----------------------------------------------------------------------------------------------------

    async def _decide_all(self, turn: Turn, works: Sequence[Work]) -> None:
        await self._insist(self._locate, works)
        for work in works:
            await self._decide_safely(turn, work)

    async def _decide_safely(self, turn: Turn, work: Work) -> None:
        """One work that breaks a rule of ours must not stop the others: it is parked, with the reason."""
        try:
            await self._decide(turn, work)
        except AsyncflowError as exc:
            if work.refused is not None:
                work.refused(exc)
            if work.delivery is not None and not work.delivery.reply_to:
                await self._park(work, str(exc))  # nobody hears the refusal
            turn.settle(work)
        except Exception as exc:  # noqa: BLE001  (a bug of ours in one run must not stop all others)
            _log.exception("undecidable: %s", work.event or work.completion)
            await self._park(work, f"{type(exc).__name__}: {exc}")
            turn.settle(work)

    async def _decide(self, turn: Turn, work: Work) -> None:
        if work.event is None and work.completion is None:
            turn.settle(work)
            return
        event = work.event if work.completion is None else await self._event_of(turn, work, work.completion)
        if event is None:
            return
        cascade = await self._play(turn, work, event)
        if cascade is not None:
            turn.accept(work, cascade, event)

    async def _event_of(self, turn: Turn, work: Work, completion: Completion) -> Event | None:
        """The event that a completion is; None when it changes nothing, or needs time and comes back."""
        hot = turn.hot(work.run_id) if work.run_id is not None else None
        if hot is None or hot.run is None:
            self.counts.unknown += 1
            await self._park(work, "unknown task id")
            turn.settle(work)
            return None
        node = hot.run.active.get(completion.id)
        first = self._pending.get(completion.id, work)
        if node is None:
            self.counts.late += 1
            turn.settle(work)
            return None
        if not is_final(completion):
            self._world.headway.note(hot.run, node.name, completion)
            turn.let_pass(work)
            return None
        if first is not work:
            # Acknowledged with the first, not before: that may have come over a connection that is gone by now.
            self.counts.late += 1
            first.repeats.extend(work.deliveries)
            return None
        if not completion.conclusive:
            self._world.group.start_soon(self._wait_for_reason, work, completion)
            return None
        return self._judged(work, completion, hot.run, node)

    def _judged(self, work: Work, completion: Completion, run: Run, node: Active) -> Event | None:
        task = self._rules.task_of(run, node.name)
        where = self._world.headway.where(completion.id, completion.worker)
        judged = self._judge.judge(completion, task, run.id, self._world.clock.now(), where)
        if judged.to_store and not work.is_stored:
            self._pending[completion.id] = work
            self._world.group.start_soon(self._store_result, work, completion, judged, run, node)
            return None
        if judged.inline is not None:
            work.result = judged.inline
            self._reader.note(completion.id, judged.inline)  # now: the edges of this very node may read it
        return judged.event

    async def _play(self, turn: Turn, work: Work, event: Event) -> Cascade | None:
        """Decide an event with all that follows; None when slow answers are needed: the work comes back with them."""
        while True:
            cascade = Cascade(self._rules, turn.hot, work.answers)
            cascade.play(event)
            if cascade.homeless:
                await self._hold(turn, work, cascade.homeless)
                return None
            if cascade.missing:
                await self._insist(self._runs.load, cascade.missing)
                continue
            if not cascade.questions:
                return cascade
            quick = [question for question in cascade.questions if self._answers.is_quick(question)]
            if not quick:
                if work.completion is not None:
                    self._pending[work.completion.id] = work
                self._world.group.start_soon(self._answer_slowly, work, tuple(cascade.questions))
                return None
            work.answers.update(await self._insist(self._answers.quick, quick))

    async def _answer_slowly(self, work: Work, questions: Iterable[Question]) -> None:
        work.answers.update(await self._answers.slow(questions))
        self.submit(work)

    async def _hold(self, turn: Turn, work: Work, homeless: Mapping[RunId, FlowName]) -> None:
        """Who configures the flow again goes on: the broker keeps the delivery, as the store does a timer."""
        reason = "; ".join(
            f"run {run_id} needs flow {flow!r}, which is not configured" for run_id, flow in homeless.items()
        )
        if work.refused is not None:
            work.refused(RequestError(f"{reason}; it can be cancelled"))
            turn.settle(work)
        elif work.delivery is not None and self.counts.held >= self._settings.held:  # the rest must get through
            await self._park(work, reason)
            turn.settle(work)
        else:
            _log.error("held: %s; configure the flow again and restart, or cancel the run", reason)
            self.counts.held += work.delivery is not None

    async def _wait_for_reason(self, work: Work, completion: Completion) -> None:
        await self._world.clock.sleep(self._settings.errback_grace)
        work.completion = replace(completion, conclusive=True)
        self.submit(work)

    async def _store_result(self, work: Work, completion: Completion, judged: Judged, run: Run, node: Active) -> None:
        task = self._rules.task_of(run, node.name)
        node_args = node.node_args if node.own_args else run.node_args
        try:
            await self._world.results.store(run.flow, task, completion.id, node_args, completion.result)
            work.is_stored = True
        except AsyncflowError as exc:
            _log.warning("result not stored: task %s (%s): %s", task.name, completion.id, exc)
            work.event = failed_to_keep(judged, self._world.clock.now(), str(exc))
            work.completion = None
        self.submit(work)

    # --- committing ---------------------------------------------------------------------------------------------------

    async def _encode(self, turn: Turn) -> None:
        """Make messages of what must be published. What cannot be sent fails at once, in the same commit."""
        while turn.publish:
            wanted: list[TaskId] = []
            for order in turn.publish:
                if order.task.kind is TaskKind.FLOW and order.parent:
                    wanted.extend(inline_parent_ids(order.parent, self._reader.is_inline))
            results = await self._insist(self._reader.inline, wanted) if wanted else {}
            refused = turn.encode(self._world.codec, self._world.broker, results, self._world.clock.now())
            for event in refused:
                await self._decide_safely(turn, Work(event=event))

    async def _commit(self, turn: Turn) -> bool:
        """Write the turn; False when some of its runs have moved on without us.

        Acknowledging alone takes the fence too: who has lost the partition judges by old runs what is late or unknown.
        """
        batch = turn.batch()
        if batch.is_empty and not (batch.fences and turn.deliveries):
            return True
        try:
            await self._insist(self._world.store.commit, batch)
        except LeaseLostError:
            raise
        except FencedError as exc:
            _log.warning("fenced: %s", exc)
            return False
        return True

    async def _begin_again(self, turn: Turn) -> None:
        """Another dispatcher, or an earlier life of ours whose commit did succeed, has moved these runs."""
        self._runs.drop(run_id for run_id, _ in turn.entries)
        self._backlog.add(*turn.done)
        unpublished = await self._insist(self._world.store.unpublished, [self._world.place.partition])
        self._world.outbox.add(unpublished)

    async def _park(self, work: Work, reason: str) -> None:
        _log.warning("parked: %s (%s)", reason, work.completion or work.event)
        if work.delivery is not None:
            await self._world.broker.park(work.delivery, reason)

    # --- acting -------------------------------------------------------------------------------------------------------

    async def _carry_out(self, turn: Turn) -> None:
        world = self._world
        if world.trace is not None:
            world.trace(turn)
        for run_id, hot in turn.runs.items():
            self._runs.put(run_id, hot)
        self._runs.trim()
        self._reader.trim()
        for attempt in turn.attempts:
            self._run_of[attempt.id] = attempt.run_id
        for verdict in turn.verdicts:
            self._run_of.pop(verdict.id, None)
            self._pending.pop(verdict.id, None)
            world.headway.forget(verdict.id)
        while len(self._run_of) > self._settings.located:
            self._run_of.popitem(last=False)
        world.outbox.add(turn.attempts)
        world.timers.add(turn.timers)
        for forgotten in turn.forgotten:
            world.outbox.forget(forgotten.ids)
            message = world.codec.encode_revoke(forgotten.ids, terminate=forgotten.terminate)
            world.group.start_soon(world.broker.publish, [message])
        for work in turn.done:
            if work.committed is not None:
                work.committed()
        world.committed(turn)
        await world.broker.ack([*turn.deliveries, *turn.passing])
