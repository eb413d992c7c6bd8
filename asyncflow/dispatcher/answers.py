"""Answers to what `decide` has to ask: quick ones within the turn, slow ones beside it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import anyio

from asyncflow.dispatcher.functions import Functions
from asyncflow.dispatcher.reader import ResultReader
from asyncflow.errors import AsyncflowError, StorageError, StoreError
from asyncflow.model.decision import Answer, OutlineOf, Question, Raised, ResultOf, SlotOf
from asyncflow.model.outline import Outline
from asyncflow.ports import Clock, Store

_log = logging.getLogger("asyncflow.answers")

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 60.0


class Answers:
    """Inline results and throttle slots come from the store at once; storages and users' functions may take long."""

    def __init__(self, *, reader: ResultReader, store: Store, clock: Clock) -> None:
        self._reader = reader
        self._functions = Functions(reader)
        self._store = store
        self._clock = clock
        self._outlines: dict[OutlineOf, Outline | None] = {}

    def is_quick(self, question: Question) -> bool:
        match question:
            case ResultOf():
                return self._reader.is_inline(question.task)
            case SlotOf() | OutlineOf():
                return True
        return False

    async def quick(self, questions: Iterable[Question]) -> dict[Question, Answer]:
        """Raises StoreError."""
        answers: dict[Question, Answer] = {}
        asked = list(questions)
        results = await self._reader.inline(q.id for q in asked if isinstance(q, ResultOf))
        for question in asked:
            if isinstance(question, ResultOf):
                answers[question] = results.get(question.id)
            elif isinstance(question, SlotOf):
                answers[question] = await self._store.take_slot(question.node, self._clock.now(), question.interval)
            elif isinstance(question, OutlineOf):
                answers[question] = await self._outline(question)
        return answers

    async def slow(self, questions: Iterable[Question]) -> dict[Question, Answer]:
        """Wait for all of them; a storage or store that is away is asked again until it answers."""
        answers: dict[Question, Answer] = {}

        async def fill(question: Question) -> None:
            answers[question] = await self._insist(question)

        async with anyio.create_task_group() as group:
            for question in questions:
                group.start_soon(fill, question)
        return answers

    async def _insist(self, question: Question) -> Answer:
        wait = _FIRST_WAIT
        while True:
            try:
                return await self._once(question)
            except (StorageError, StoreError) as exc:
                _log.warning("storage away: %s; asked again in %g s", exc, wait)
            except AsyncflowError as exc:
                return Raised(str(exc))
            await self._clock.sleep(wait)
            wait = min(_LONGEST_WAIT, wait * 2)

    async def _once(self, question: Question) -> Answer:
        match question:
            case ResultOf():
                return await self._reader.read(question.flow, question.task, question.id)
            case SlotOf():
                return await self._store.take_slot(question.node, self._clock.now(), question.interval)
            case OutlineOf():
                return await self._outline(question)
            case _:
                return await self._functions.answer(question)

    async def _outline(self, question: OutlineOf) -> Outline | None:
        """Read once: a definition of a version never changes, and one that is not there was never kept."""
        if question not in self._outlines:
            kept = {outline.version: outline for outline in await self._store.outlines(question.flow)}
            self._outlines[question] = kept.get(question.version)
        return self._outlines[question]
