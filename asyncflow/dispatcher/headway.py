"""How far running tasks say they are: the newest word of each attempt, in memory only, and passed on now and then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import anyio

from asyncflow.model.names import Json, NodeName, RunId, TaskId
from asyncflow.model.run import HowFar, Run
from asyncflow.ports import Clock, Completion

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


class Headway:
    """`tell` is given the newest of those that have moved."""

    def __init__(self, *, clock: Clock, tell: Callable[[Sequence[Progressed]], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._newest: dict[TaskId, HowFar] = {}
        self._moved: dict[TaskId, Progressed] = {}
        self._changed = anyio.Event()

    @property
    def newest(self) -> Mapping[TaskId, HowFar]:
        """Of attempts that are active; it changes by itself."""
        return self._newest

    def note(self, run: Run, task: NodeName, completion: Completion) -> None:
        """Take in what an active attempt of a run reports."""
        how_far = completion.how_far
        if how_far is None or self._newest.get(completion.id) == how_far:
            return
        self._newest[completion.id] = how_far
        self._moved[completion.id] = Progressed(
            id=completion.id, run_id=run.id, root_id=run.root_id, task=task, how_far=how_far
        )
        self._changed.set()

    def forget(self, id: TaskId) -> None:
        """This attempt has ended."""
        self._newest.pop(id, None)
        self._moved.pop(id, None)

    async def run(self) -> None:
        """Pass on what is noted, for ever."""
        while True:
            if not self._moved:
                self._changed = anyio.Event()
                await self._changed.wait()
                continue
            moved, self._moved = self._moved, {}
            self._tell(list(moved.values()))
            await self._clock.sleep(_PAUSE)


def how_far_json(how_far: HowFar | None) -> Json:
    if how_far is None:
        return None
    return {"done": how_far.done, "total": how_far.total, "text": how_far.text}


def progressed_json(one: Progressed) -> Json:
    return {"run_id": one.run_id, "id": one.id, "task": one.task, "progress": how_far_json(one.how_far)}
