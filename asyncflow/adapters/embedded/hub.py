"""The queues of an embedded broker, shared by the threads of one process, and what wakes who waits for a message.

kombu's own in-memory transport keeps its queues in a class, one set for the whole process, and polls. Here every hub
is a broker of its own, and a message that arrives wakes its reader at once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from kombu.transport import virtual

Raw: TypeAlias = dict[str, Any]
"""A message as kombu's virtual transports carry it."""


class Hub:
    def __init__(self) -> None:
        self.routes = virtual.BrokerState()  # type: ignore[no-untyped-call]  # kombu has few types
        """Exchanges and bindings, in kombu's form."""
        self._queues: dict[str, deque[Raw]] = {}
        self._takers: dict[str, Callable[[Raw], None]] = {}
        self._wakes = 0
        self._changed = threading.Condition()

    # --- Queues -------------------------------------------------------------------------------------------------------

    def declare(self, queue: str) -> None:
        with self._changed:
            self._queues.setdefault(queue, deque())

    def delete(self, queue: str) -> None:
        with self._changed:
            self._queues.pop(queue, None)

    def has(self, queue: str) -> bool:
        return queue in self._queues

    def size(self, queue: str) -> int:
        return len(self._queues.get(queue, ()))

    def purge(self, queue: str) -> int:
        with self._changed:
            waiting = self._queues.get(queue, deque())
            count = len(waiting)
            waiting.clear()
            return count

    # --- Messages -----------------------------------------------------------------------------------------------------

    def put(self, queue: str, message: Raw) -> None:
        """Append to a queue. A queue that nobody has declared swallows it, as a broker's default exchange does."""
        with self._changed:
            taker = self._takers.get(queue)
            if taker is not None:
                taker(message)
            elif queue in self._queues:
                self._queues[queue].append(message)
                self._wake()

    def take(self, queue: str) -> Raw | None:
        with self._changed:
            waiting = self._queues.get(queue)
            return waiting.popleft() if waiting else None

    def hand_over(self, queue: str, taker: Callable[[Raw], None]) -> None:
        """Give what waits in a queue, and from now on what comes, to a function. It must neither block nor raise."""
        with self._changed:
            self.declare(queue)
            waiting = self._queues[queue]
            while waiting:
                taker(waiting.popleft())
            self._takers[queue] = taker

    def take_back(self, queue: str, messages: Iterable[Raw]) -> None:
        """End `hand_over`; the messages, oldest first, wait in the queue again."""
        with self._changed:
            self._takers.pop(queue, None)
            self._queues[queue].extendleft(reversed(list(messages)))

    # --- Waiting ------------------------------------------------------------------------------------------------------

    @property
    def wakes(self) -> int:
        """Counts what a reader must know of: messages, acknowledgements, the wish that it ends."""
        return self._wakes

    def wake(self) -> None:
        with self._changed:
            self._wake()

    def wait(self, wakes: int, seconds: float | None) -> bool:
        """Wait until `wakes` is another number; false when the time is over before."""
        with self._changed:
            return self._changed.wait_for(lambda: self._wakes != wakes, seconds)

    def _wake(self) -> None:
        self._wakes += 1
        self._changed.notify_all()
