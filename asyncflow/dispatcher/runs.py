"""Hot runs: those that something happened to lately, folded from their journals when they are needed again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from asyncflow.engine import evolve
from asyncflow.model.names import RunId
from asyncflow.model.run import Run
from asyncflow.model.snapshot import decode
from asyncflow.ports import Entry, Store, Tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Hot:
    """A run and the version of its last journal entry; `run` is None for an id that has no run."""

    run: Run | None
    version: int = 0
    snapshot: int = 0
    """The version of its last snapshot."""

    @property
    def weight(self) -> int:
        """How much room it takes: about half a KB for each."""
        return 2 if self.run is None else 4 + self.run.number


ABSENT = Hot(run=None)


class HotRuns:
    """A cache in front of the store, bounded in runs and in their weight; the least recently used runs leave."""

    def __init__(self, store: Store, *, most: int, heaviest: int) -> None:
        self._store = store
        self._most = most
        self._heaviest = heaviest
        self._weight = 0
        self._hot: OrderedDict[RunId, Hot] = OrderedDict()

    def get(self, run_id: RunId) -> Hot | None:
        """The run if it is hot, ABSENT if it is known not to exist, None if it must be loaded."""
        hot = self._hot.get(run_id)
        if hot is not None:
            self._hot.move_to_end(run_id)
        return hot

    def root_of(self, run_id: RunId) -> RunId | None:
        """Of a hot run; looking it up here makes it no hotter."""
        hot = self._hot.get(run_id)
        return None if hot is None or hot.run is None else hot.run.root_id

    def put(self, run_id: RunId, hot: Hot) -> None:
        self.drop([run_id])
        self._hot[run_id] = hot
        self._weight += hot.weight

    def drop(self, run_ids: Iterable[RunId]) -> None:
        for run_id in run_ids:
            hot = self._hot.pop(run_id, None)
            if hot is not None:
                self._weight -= hot.weight

    async def load(self, run_ids: Iterable[RunId]) -> None:
        """Make runs hot. Raises StoreError."""
        cold = [run_id for run_id in dict.fromkeys(run_ids) if run_id not in self._hot]
        if cold:
            tails = await self._store.tails(cold)
            for run_id in cold:
                self.put(run_id, await self._folded(run_id, tails[run_id]))

    async def _folded(self, run_id: RunId, tail: Tail) -> Hot:
        """A snapshot that another version of asyncflow wrote is of no use: then the whole journal is replayed."""
        snapshot = tail.snapshot
        if snapshot is None:
            return folded(tail.entries)
        run = decode(snapshot.state)
        if run is None:
            return folded(await self._store.journal(run_id))
        return folded(tail.entries, Hot(run=run, version=snapshot.version, snapshot=snapshot.version))

    def trim(self) -> None:
        """Forget what is too much. Called between turns, so that a turn never loses a run it has loaded."""
        while len(self._hot) > self._most or (self._weight > self._heaviest and len(self._hot) > 1):
            self._weight -= self._hot.popitem(last=False)[1].weight


def folded(journal: Iterable[Entry], begin: Hot = ABSENT) -> Hot:
    """The run that a journal tells, from its beginning or from a snapshot."""
    run, version = begin.run, begin.version
    for entry in journal:
        version = entry.version
        for fact in entry.facts:
            run = evolve(run, fact, entry.at)
    return Hot(run=run, version=version, snapshot=begin.snapshot)
