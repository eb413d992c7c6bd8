"""Hot runs: those that something happened to lately, folded from their journals when they are needed again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from asyncflow.engine import evolve
from asyncflow.model.names import RunId
from asyncflow.model.run import Run
from asyncflow.ports import Entry, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Hot:
    """A run and the version of its last journal entry; `run` is None for an id that has no run."""

    run: Run | None
    version: int = 0


ABSENT = Hot(run=None)


class HotRuns:
    """A bounded cache in front of the store; the least recently used runs leave."""

    def __init__(self, store: Store, *, most: int) -> None:
        self._store = store
        self._most = most
        self._hot: OrderedDict[RunId, Hot] = OrderedDict()

    def get(self, run_id: RunId) -> Hot | None:
        """The run if it is hot, ABSENT if it is known not to exist, None if it must be loaded."""
        hot = self._hot.get(run_id)
        if hot is not None:
            self._hot.move_to_end(run_id)
        return hot

    def put(self, run_id: RunId, hot: Hot) -> None:
        self._hot[run_id] = hot
        self._hot.move_to_end(run_id)

    def drop(self, run_ids: Iterable[RunId]) -> None:
        for run_id in run_ids:
            self._hot.pop(run_id, None)

    async def load(self, run_ids: Iterable[RunId]) -> None:
        """Make runs hot. Raises StoreError."""
        cold = [run_id for run_id in dict.fromkeys(run_ids) if run_id not in self._hot]
        if cold:
            journals = await self._store.journals(cold)
            for run_id in cold:
                self.put(run_id, folded(journals.get(run_id, [])))

    def trim(self) -> None:
        """Forget what is too much. Called between turns, so that a turn never loses a run it has loaded."""
        while len(self._hot) > self._most:
            self._hot.popitem(last=False)


def folded(journal: Iterable[Entry]) -> Hot:
    """The run that a journal tells."""
    run, version = None, 0
    for entry in journal:
        version = entry.version
        for fact in entry.facts:
            run = evolve(run, fact, entry.at)
    return Hot(run=run, version=version)
