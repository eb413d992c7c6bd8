"""Retries of runs that are over: what was decided in them is read, and becomes the start of a new run."""

from __future__ import annotations

from collections.abc import Sequence

from asyncflow.engine.keeping import Survey, retry_of
from asyncflow.errors import UnknownFlowError
from asyncflow.model import facts as f
from asyncflow.model.events import RunRequested
from asyncflow.model.facts import Fact
from asyncflow.model.flow import Configuration
from asyncflow.model.names import Json, NodeName, RunId
from asyncflow.model.run import NodeKind
from asyncflow.ports import Store


class Retries:
    def __init__(self, configuration: Configuration, store: Store) -> None:
        self._flows = configuration.flows
        self._store = store

    async def request(self, run_id: RunId, new_id: RunId, again: Sequence[str], at: float) -> RunRequested:
        """Raises RequestError, StoreError."""
        return (await self._prepared(run_id, new_id, again, at))[0]

    async def preview(self, run_id: RunId, again: Sequence[str]) -> dict[str, Json]:
        """What a retry would run again and what it would reuse, by path. Raises RequestError, StoreError."""
        request, survey, has_changed = await self._prepared(run_id, RunId(""), again, 0.0)
        return {
            "run_id": run_id,
            "flow": request.flow,
            "again": dict(survey.again),
            "reused": dict(survey.reused),
            "flow_has_changed": has_changed,
        }

    async def _prepared(
        self, run_id: RunId, new_id: RunId, again: Sequence[str], at: float
    ) -> tuple[RunRequested, Survey, bool]:
        journals = await self._tree(run_id)
        names = tuple(NodeName(name) for name in again)
        request, survey = retry_of(journals, run_id, new_id, again=names, at=at)
        flow = self._flows.get(request.flow)
        if flow is None:
            raise UnknownFlowError(request.flow, tuple(self._flows))
        begun = journals[run_id][0]
        return request, survey, isinstance(begun, f.RunStarted) and begun.version != flow.version

    async def _tree(self, run_id: RunId) -> dict[RunId, list[Fact]]:
        """The facts of a run and of the runs of its sub-flows, those of earlier runs that stand for them too."""
        journals: dict[RunId, list[Fact]] = {}
        unread = [run_id]
        while unread:
            found = await self._store.journals(unread)
            journals |= {name: [fact for entry in entries for fact in entry.facts] for name, entries in found.items()}
            unread = [child for name in unread for child in _children(journals[name]) if child not in journals]
        return journals


def _children(facts: Sequence[Fact]) -> list[RunId]:
    return [
        RunId(fact.id)
        for fact in facts
        if isinstance(fact, f.NodeStarted | f.NodeReused) and fact.kind is NodeKind.FLOW
    ]
