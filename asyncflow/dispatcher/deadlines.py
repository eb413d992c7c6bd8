"""When to look for which attempt: a heap that is not touched by the signs of life that move a deadline."""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from asyncflow.dispatcher.evidence import Watched
from asyncflow.model.names import TaskId

_SLACK = 1000
"""Stale entries that are not worth a clean-up."""


class Deadlines:
    """Each attempt has one entry that counts, at its `next_look`; others are stale."""

    def __init__(self, watched: Mapping[TaskId, Watched]) -> None:
        self._watched = watched
        self._heap: list[tuple[float, TaskId]] = []

    @property
    def first(self) -> float:
        return self._heap[0][0] if self._heap else float("inf")

    def push(self, one: Watched) -> None:
        one.next_look = one.deadline
        heapq.heappush(self._heap, (one.deadline, one.id))
        if len(self._heap) > 2 * len(self._watched) + _SLACK:
            self._clean_up()

    def due(self, now: float, most: int) -> list[Watched]:
        """Take those whose deadline has come."""
        found: list[Watched] = []
        while self._heap and self._heap[0][0] <= now and len(found) < most:
            at, id = heapq.heappop(self._heap)
            one = self._watched.get(id)
            if one is None or one.next_look != at:
                continue
            if one.deadline > now:
                self.push(one)
            else:
                one.next_look = float("inf")
                found.append(one)
        return found

    def _clean_up(self) -> None:
        """Most attempts are over long before their deadline."""
        self._heap = [(one.next_look, id) for id, one in self._watched.items() if one.next_look != float("inf")]
        heapq.heapify(self._heap)
