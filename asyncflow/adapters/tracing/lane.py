"""One sink with a queue and a thread of its own: whatever the sink does, nobody waits for it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition, Thread
from time import monotonic
from typing import Generic, TypeAlias, TypeVar

from asyncflow.model.spans import Span
from asyncflow.model.trace_events import Traced

T = TypeVar("T", Traced, Span)

Sink: TypeAlias = Callable[[T], object]
Making: TypeAlias = Callable[[], Sequence[T]]

MOST = 10_000
"""How much may wait for a sink that is slow: events of a worker, or steps of runs."""

_log = logging.getLogger(__name__)


class Lane(Generic[T]):
    """Belongs to the process that made it: threads do not survive a fork."""

    def __init__(self, name: str, sink: Sink[T], most: int = MOST) -> None:
        self.name = name
        self.dropped = 0
        """How much was not told, because the sink was too slow."""
        self._sink: Sink[T] = sink
        self._most = most
        self._waiting: deque[tuple[int, Making[T]]] = deque()
        self._size = 0
        self._is_busy = False
        self._has_failed = False
        self._changed = Condition()
        self._thread: Thread | None = None

    def put(self, size: int, making: Making[T]) -> None:
        with self._changed:
            # What is larger than the whole queue may pass where nothing waits, or it never would.
            if self._size and self._size + size > self._most:
                self._drop(size)
                return
            self._waiting.append((size, making))
            self._size += size
            self._start()
            self._changed.notify_all()

    def finish(self, seconds: float) -> bool:
        """Wait until all is told, but not longer; whether it is."""
        deadline = monotonic() + seconds
        with self._changed:
            while self._waiting or self._is_busy:
                if not self._changed.wait(deadline - monotonic()):
                    return False
        return True

    def _drop(self, size: int) -> None:
        if not self.dropped:
            _log.warning("trace: %s is too slow; what it does not get to is dropped from now on", self.name)
        self.dropped += size

    def _start(self) -> None:
        if self._thread is None:
            # A daemon: the interpreter must not wait at its end for a sink that hangs.
            self._thread = Thread(target=self._serve, name=f"trace {self.name}", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()
                while not self._waiting:
                    self._changed.wait()
                size, making = self._waiting.popleft()
                self._is_busy = True
            self._tell(making)
            with self._changed:
                self._size -= size

    def _tell(self, making: Making[T]) -> None:
        try:
            events = making()
        except Exception:  # noqa: BLE001  (a mistake of ours in a detail must not stop what follows)
            _log.exception("trace: events could not be made")
            return
        for one in events:
            try:
                self._sink(one)
            except Exception as exc:  # noqa: BLE001  (functions and storages of users raise anything)
                self._complain(one, exc)

    def _complain(self, one: T, exc: Exception) -> None:
        """In full once: a sink that fails for every event must not fill the log."""
        level = logging.DEBUG if self._has_failed else logging.WARNING
        _log.log(level, "trace: %s failed at %s: %r", self.name, one.name, exc, exc_info=not self._has_failed)
        self._has_failed = True
