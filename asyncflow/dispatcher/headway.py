"""What is known of attempts under way: how far they say they are, which worker has them, and since when.

The newest word of each is kept in memory only, and passed on now and then. Where an attempt was is written with its
end; nothing of it has a commit of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import anyio

from asyncflow.model.history import where_json
from asyncflow.model.names import Json, NodeName, RunId, TaskId
from asyncflow.model.run import NOWHERE, HowFar, Run, Whereabouts
from asyncflow.ports import Clock, Completion, Progress

_PAUSE = 0.25
"""Seconds in which the words of one attempt are taken together: nobody reads faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """What a task has said of itself."""

    id: TaskId
    run_id: RunId
    root_id: RunId
    task: NodeName
    how_far: HowFar


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Where an attempt has been seen."""

    id: TaskId
    run_id: RunId
    where: Whereabouts


class Headway:
    """`tell` and `tell_seen` are given the newest of those that have moved."""

    def __init__(
        self,
        *,
        clock: Clock,
        tell: Callable[[Sequence[Progressed]], None],
        tell_seen: Callable[[Sequence[Seen]], None],
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._tell_seen = tell_seen
        self._newest: dict[TaskId, HowFar] = {}
        self._where: dict[TaskId, Whereabouts] = {}
        self._moved: dict[TaskId, Progressed] = {}
        self._seen: dict[TaskId, Seen] = {}
        self._changed = anyio.Event()

    @property
    def newest(self) -> Mapping[TaskId, HowFar]:
        """How far attempts are that are active; it changes by itself."""
        return self._newest

    @property
    def whereabouts(self) -> Mapping[TaskId, Whereabouts]:
        """Of attempts that are active; it changes by itself."""
        return self._where

    def note(self, run: Run, task: NodeName, completion: Completion) -> None:
        """Take in what an active attempt of a run reports."""
        now = self._clock.now()
        if completion.progress is Progress.RETRYING:  # it goes back to its queue, where any worker may take it
            self._put(completion.id, run.id, NOWHERE)
        elif completion.progress is Progress.STARTED:
            self.saw(completion.id, run.id, completion.worker, now - completion.ran)
        elif completion.worker:
            self.saw(completion.id, run.id, completion.worker)
        how_far = completion.how_far
        if how_far is None or self._newest.get(completion.id) == how_far:
            return
        self._newest[completion.id] = how_far
        self._moved[completion.id] = Progressed(
            id=completion.id, run_id=run.id, root_id=run.root_id, task=task, how_far=how_far
        )
        self._changed.set()

    def saw(self, id: TaskId, run_id: RunId, worker: str, since: float | None = None) -> None:
        """A worker has an active attempt, and runs it since then where that is known."""
        known = self._where.get(id, NOWHERE)
        if known.worker != worker or (known.since is None and since is not None):
            self._put(id, run_id, Whereabouts(worker=worker, since=since))

    def where(self, id: TaskId, worker: str = "") -> Whereabouts | None:
        """Where an attempt is that ends now, as `worker` says or as was heard before; None where nothing is known."""
        known = self._where.get(id, NOWHERE)
        if worker and worker != known.worker:  # what was heard of another worker's start is not its
            known = Whereabouts(worker=worker, since=None if known.worker else known.since)
        return None if known == NOWHERE else known

    def forget(self, id: TaskId) -> None:
        """This attempt has ended."""
        for words in (self._newest, self._where, self._moved, self._seen):
            words.pop(id, None)

    async def run(self) -> None:
        """Pass on what is noted, for ever."""
        while True:
            if not self._moved and not self._seen:
                self._changed = anyio.Event()
                await self._changed.wait()
                continue
            moved, seen = list(self._moved.values()), list(self._seen.values())
            self._moved.clear()
            self._seen.clear()
            if moved:
                self._tell(moved)
            if seen:
                self._tell_seen(seen)
            await self._clock.sleep(_PAUSE)

    def _put(self, id: TaskId, run_id: RunId, where: Whereabouts) -> None:
        self._where[id] = where
        self._seen[id] = Seen(id=id, run_id=run_id, where=where)
        self._changed.set()


def how_far_json(how_far: HowFar | None) -> Json:
    if how_far is None:
        return None
    return {"done": how_far.done, "total": how_far.total, "text": how_far.text}


def progressed_json(one: Progressed) -> Json:
    return {"run_id": one.run_id, "id": one.id, "task": one.task, "progress": how_far_json(one.how_far)}


def seen_json(one: Seen) -> Json:
    return {"run_id": one.run_id, "id": one.id, **where_json(one.where)}
