"""An event loop on virtual time, whose every choice comes from one seed: the same seed is the same interleaving."""

from __future__ import annotations

import asyncio
import heapq
import random
from asyncio import base_events
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

MOST_STEPS = 300_000
"""Of one world: what takes longer spins."""


class StuckError(Exception):
    """Nothing can happen any more, or too much does, and what was waited for has not come."""


class Agenda:
    """Virtual time, and what the world outside the dispatcher will do when: it outlives every loop."""

    def __init__(self, seed: int | str) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.steps = 0
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self._sequence += 1
        heapq.heappush(self._entries, (self.now + seconds, self._sequence, act))

    @property
    def next(self) -> float:
        return self._entries[0][0] if self._entries else float("inf")

    def take_due(self) -> Callable[[], None] | None:
        return heapq.heappop(self._entries)[2] if self._entries and self._entries[0][0] <= self.now else None


class VirtualLoop(base_events.BaseEventLoop):
    """One life of the dispatcher. Ready callbacks are run in an order drawn from the agenda's seed."""

    def __init__(self, agenda: Agenda) -> None:
        super().__init__()
        self._agenda = agenda
        self.frozen = False
        """Whether this life is over, and Python cleans up."""
        self.crash_in: int | None = None
        """So many steps until the life ends; None for no end."""
        self.crashed = False
        self.steps = 0
        self.until: Callable[[], bool] = lambda: False
        self.set_exception_handler(lambda loop, context: None)

    def time(self) -> float:
        return self._agenda.now

    def live(self, main: Coroutine[Any, Any, None]) -> None:
        """Run until the crash, or until `until` holds. What `main` raises is raised."""
        asyncio.set_event_loop(None)
        task = self.create_task(main)
        task.add_done_callback(lambda _: None if self.frozen else self.stop())
        try:
            self.run_forever()
            if task.done() and not self.crashed:
                task.result()
        finally:
            self._bury(task)

    def crash(self) -> None:
        """Nothing of this life runs after the callback that is running now."""
        self.crashed = True
        self.stop()

    def _bury(self, main: asyncio.Task[None]) -> None:
        """Python's own clean-up, out of time: the ports of a dead life do nothing."""
        self.frozen = True
        for _ in range(100):
            left = [task for task in asyncio.all_tasks(self) if not task.done()]
            if not left:
                break
            if not main.done():
                main.cancel()
            else:
                for task in left:
                    task.cancel()
            self.run_until_complete(asyncio.wait(left))
        if main.done() and not main.cancelled():
            main.exception()  # retrieved, so that asyncio does not tell of it
        self.close()

    def _run_once(self) -> None:
        if self.frozen:
            self._run_frozen()
            return
        agenda = self._agenda
        self.steps += 1
        agenda.steps += 1
        if agenda.steps > MOST_STEPS:
            raise StuckError(f"{MOST_STEPS} steps, and no end: something spins at {agenda.now:g} s")
        self._move_time()
        ready = self._ready
        world_is_due = agenda.next <= agenda.now
        drawn = agenda.random.randrange(len(ready) + world_is_due)
        if drawn == len(ready):
            act = agenda.take_due()
            assert act is not None, "it was due just now"
            act()
        else:
            handle = ready[drawn]
            del ready[drawn]
            if not handle._cancelled:
                handle._run()
        if self.crash_in is not None and self.steps >= self.crash_in:
            self.crash()
        elif self.until():
            self.stop()

    def _move_time(self) -> None:
        scheduled, agenda = self._scheduled, self._agenda
        while scheduled and scheduled[0]._cancelled:
            heapq.heappop(scheduled)._scheduled = False
            self._timer_cancelled_count -= 1
        if not self._ready:
            first = min(scheduled[0]._when if scheduled else float("inf"), agenda.next)
            if first == float("inf"):
                raise StuckError(f"nothing can happen any more at {agenda.now:g} s")
            agenda.now = max(agenda.now, first)
        while scheduled and scheduled[0]._when <= agenda.now:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            self._ready.append(handle)

    def _run_frozen(self) -> None:
        ready = self._ready
        if not ready and self._scheduled:
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False
            ready.append(handle)
        if not ready:
            self._give_up_waiting()
        handle = ready.popleft()
        if not handle._cancelled:
            handle._run()

    def _give_up_waiting(self) -> NoReturn:
        raise StuckError("a dead life cannot be cleaned up")

    def _write_to_self(self) -> None:
        pass

    def _process_events(self, event_list: object) -> None:
        pass
