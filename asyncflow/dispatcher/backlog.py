"""What was submitted and is not being decided yet, in the order in which it came."""

from __future__ import annotations

from collections import deque

import anyio

from asyncflow.dispatcher.work import Work


class Backlog:
    def __init__(self) -> None:
        self._works: deque[Work] = deque()
        self._arrived = anyio.Event()

    def __len__(self) -> int:
        return len(self._works)

    def add(self, *works: Work) -> None:
        self._works.extend(works)
        self._arrived.set()

    def take(self, most: int) -> list[Work]:
        return [self._works.popleft() for _ in range(min(most, len(self._works)))]

    async def arrival(self) -> None:
        """Wait until there is something to decide."""
        if not self._works:
            self._arrived = anyio.Event()
            await self._arrived.wait()

    async def arrives_before(self, deadline: float) -> bool:
        """Whether there is something to decide, waiting until then for it. A `deadline` of `anyio.current_time`."""
        with anyio.CancelScope(deadline=deadline):
            await self.arrival()
        return bool(self._works)
