"""One worker's time at a hub, and the threads that run tasks in it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from asyncflow.adapters.embedded.hub import Hub


class Session:
    """One worker's time at a hub."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.ended = False
        self.abandoned = False
        """Whether the worker has stopped waiting for tasks that still run; what they publish is dropped."""
        self._running = 0
        self._afterwards: list[Callable[[], None]] = []
        self._counting = threading.Lock()

    def end(self) -> None:
        """Ask the worker to stop; it hears it at once."""
        self.ended = True
        self.hub.wake()

    def task_begins(self) -> None:
        with self._counting:
            self._running += 1

    def task_ends(self) -> None:
        with self._counting:
            self._running -= 1
            due = [] if self._running else list(self._afterwards)
        for call in due:
            call()
        self.hub.wake()  # the worker's loop may have acknowledgements to send

    def after_last_task(self, call: Callable[[], None]) -> None:
        """Call at once when no task runs, otherwise in the thread of the last one; only when no more will begin."""
        with self._counting:
            if self._running:
                self._afterwards.append(call)
                return
        call()


class TaskThread(threading.Thread):
    """A daemon, so that a process can end while a task runs."""

    def __init__(self, session: Session, target: Callable[[], None], name: str) -> None:
        super().__init__(target=target, name=name, daemon=True)
        self.session = session


def runs_task() -> bool:
    """Whether this thread is one that runs tasks."""
    return isinstance(threading.current_thread(), TaskThread)


def is_abandoned() -> bool:
    """Whether this thread runs a task that nobody waits for any more."""
    thread = threading.current_thread()
    return isinstance(thread, TaskThread) and thread.session.abandoned
