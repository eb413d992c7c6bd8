"""Defects to plant in the dispatcher or its store: each breaks one of the rules on which the guarantees rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import anyio.abc

from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.dispatcher.answers import Answers
from asyncflow.dispatcher.decider import Decider
from asyncflow.dispatcher.dispatcher import Dispatcher, DispatcherSettings, Surroundings
from asyncflow.dispatcher.runs import Hot
from asyncflow.dispatcher.turn import Turn
from asyncflow.dispatcher.work import Work
from asyncflow.engine.evolve import _with
from asyncflow.errors import FunctionError, StoreError
from asyncflow.model.decision import Answer, Question
from asyncflow.model.events import Event
from asyncflow.model.names import RunId, TaskId
from asyncflow.model.run import Active, NodeKind
from asyncflow.ports import Advance, Batch, Completion, Message, Progress, Published, Verdict
from tests.faults.life import LifeBroker, LifeClock, LifeStore, SimulatedDispatcher
from tests.faults.scenario import Make, Outcome, simulate

MOST_SEEDS = 400
"""A fifth of what the short form plays."""

# --- the order of commit, publish and acknowledgement -----------------------------------------------------------------


class PublishesBeforeTheCommit(Decider):
    async def _commit(self, turn: Turn) -> bool:
        self._world.outbox.add(turn.attempts)
        return await super()._commit(turn)


class AcknowledgesBeforeTheCommit(Decider):
    async def _commit(self, turn: Turn) -> bool:
        await self._world.broker.ack(turn.deliveries)
        turn.deliveries.clear()
        return await super()._commit(turn)


class AcknowledgesRepeatsAtOnce(Decider):
    async def _event_of(self, turn: Turn, work: Work, completion: Completion) -> Event | None:
        first = self._pending.get(completion.id, work)
        if first is not work:
            turn.settle(work)
            return None
        return await super()._event_of(turn, work, completion)


# --- what is decided --------------------------------------------------------------------------------------------------


class LetsTheLastVerdictStand(Decider):
    async def _event_of(self, turn: Turn, work: Work, completion: Completion) -> Event | None:
        event = await super()._event_of(turn, work, completion)
        if event is None and work in turn.done and completion.progress is Progress.FAILED:
            turn.verdicts.append(Verdict(id=completion.id, at=self._world.clock.now(), verdict="failed"))
        return event


class OverwritingStore(MemoryStore):
    def _end(self, verdict: Verdict) -> None:
        self._open_attempts.pop(verdict.id, None)
        self._verdicts[verdict.id] = verdict


class EvaluatesDuplicates(Decider):
    async def _event_of(self, turn: Turn, work: Work, completion: Completion) -> Event | None:
        hot = turn.hot(work.run_id) if work.run_id is not None else None
        if hot is not None and hot.run is not None and not hot.run.status.is_terminal:
            for name, ids in hot.run.finished.items():
                if completion.id in list(ids):
                    again = Active(name=name, number=1, kind=NodeKind.TASK, attempt=1)
                    run = _with(hot.run, active=hot.run.active.set(completion.id, again), waited=hot.run.waited + 1)
                    turn.runs[run.id] = Hot(run=run, version=hot.version, snapshot=hot.snapshot)
                    break
        return await super()._event_of(turn, work, completion)


class TakesAnOutageForAnAnswer(Answers):
    async def _once(self, question: Question) -> Answer:
        try:
            return await super()._once(question)
        except StoreError as exc:
            raise FunctionError(str(exc)) from exc


# --- fences -----------------------------------------------------------------------------------------------------------


class UnfencedStore(MemoryStore):
    """It takes what an earlier life sent, whatever has happened since."""

    def _check(self, batch: Batch) -> dict[TaskId, RunId]:
        return super()._check(replace(batch, fences=()))

    def _check_version(self, advance: Advance, moved: dict[RunId, int]) -> int:
        return advance.entry.version


# --- what a transaction holds -----------------------------------------------------------------------------------------


class StartsChildrenApart(LifeStore):
    async def _write(self, batch: Batch) -> None:
        children = tuple(one for one in batch.advances if one.header.parent_node is not None and one.entry.version == 1)
        own = {one.header.run_id for one in children}
        later = tuple(one for one in batch.advances if one in children or one.header.run_id in own)
        theirs = {
            "attempts": tuple(one for one in batch.attempts if one.run_id in own),
            "timers": tuple(one for one in batch.timers if one.run_id in own),
        }
        ours = {name: tuple(one for one in getattr(batch, name) if one not in kept) for name, kept in theirs.items()}
        await super()._write(replace(batch, advances=tuple(one for one in batch.advances if one not in later), **ours))
        if later:
            await self._life.pause()
            await super()._write(Batch(advances=later, **theirs))


class WritesVerdictsApart(LifeStore):
    async def _write(self, batch: Batch) -> None:
        known = self._world.store._run_of
        verdicts = tuple(verdict for verdict in batch.verdicts if verdict.id in known)
        if verdicts:
            await super()._write(Batch(verdicts=verdicts))
            await self._life.pause()
        await super()._write(replace(batch, verdicts=tuple(one for one in batch.verdicts if one not in verdicts)))


# --- what a start takes up, and what is believed ----------------------------------------------------------------------


class ForgetsTheOutbox(LifeStore):
    async def unpublished(self, partitions: Any = None) -> Any:
        return []


class ForgetsTimers(LifeStore):
    async def timers(self, partitions: Any = None) -> Any:
        return []


class BelievesThatAllIsPublished(LifeBroker):
    async def publish(self, messages: Sequence[Message]) -> list[Published]:
        return [Published.CONFIRMED for _ in await super().publish(messages)]


class FollowsTheWallClock(LifeClock):
    def now(self) -> float:
        return self._wall()


# --- planting ---------------------------------------------------------------------------------------------------------


def _random_ids(dispatcher: SimulatedDispatcher) -> None:
    random = dispatcher.life.world.agenda.random
    rules = dispatcher._decider._rules
    dispatcher._decider._rules = replace(rules, new_id=lambda *_: TaskId(f"{random.getrandbits(64):016x}"))


def _becomes(part: Callable[[SimulatedDispatcher], Any], kind: type) -> Callable[[SimulatedDispatcher], None]:
    """Its class is swapped when everything is assembled: so the rest of it is the real thing."""

    def plant(dispatcher: SimulatedDispatcher) -> None:
        part(dispatcher).__class__ = kind

    return plant


def _decider(kind: type) -> Callable[[SimulatedDispatcher], None]:
    return _becomes(lambda dispatcher: dispatcher._decider, kind)


def _port(kind: type) -> Callable[[SimulatedDispatcher], None]:
    return _becomes(lambda dispatcher: dispatcher.life.store, kind)


def _store(kind: type) -> Callable[[SimulatedDispatcher], None]:
    return _becomes(lambda dispatcher: dispatcher.life.world.store, kind)


def _both(*plants: Callable[[SimulatedDispatcher], None]) -> Callable[[SimulatedDispatcher], None]:
    def plant(dispatcher: SimulatedDispatcher) -> None:
        for each in plants:
            each(dispatcher)

    return plant


DEFECTS: Mapping[str, Callable[[SimulatedDispatcher], None]] = {
    "publish before commit": _decider(PublishesBeforeTheCommit),
    "acknowledge before commit": _decider(AcknowledgesBeforeTheCommit),
    "acknowledge repeats before the first is committed": _decider(AcknowledgesRepeatsAtOnce),
    "random task ids": _random_ids,
    "last write wins": _both(_decider(LetsTheLastVerdictStand), _store(OverwritingStore)),
    "duplicate completion evaluated twice": _decider(EvaluatesDuplicates),
    "store outage taken for an answer": _becomes(
        lambda dispatcher: dispatcher._decider._answers, TakesAnOutageForAnAnswer
    ),
    "fence not checked": _store(UnfencedStore),
    "child start outside the parent's commit": _port(StartsChildrenApart),
    "verdict written without the run's entry": _port(WritesVerdictsApart),
    "outbox not read at start": _port(ForgetsTheOutbox),
    "timers not read at start": _port(ForgetsTimers),
    "confirms not waited for": _becomes(lambda dispatcher: dispatcher._around.broker, BelievesThatAllIsPublished),
    "time read from a clock that is set": _becomes(lambda dispatcher: dispatcher._around.clock, FollowsTheWallClock),
}


def defective(name: str) -> Make:
    """Dispatchers with that defect."""
    plant = DEFECTS[name]

    class Defective(SimulatedDispatcher):
        def _assemble(self, group: anyio.abc.TaskGroup) -> None:
            super()._assemble(group)
            plant(self)

    def make(around: Surroundings, settings: DispatcherSettings) -> Dispatcher:
        return Defective(around, settings)

    return make


def first_violation(name: str) -> Outcome | None:
    """Of the first seed that finds a defect."""
    make = defective(name)
    outcomes = (simulate(seed, make) for seed in range(MOST_SEEDS))
    return next((outcome for outcome in outcomes if outcome.violations), None)
