"""The machine's clock."""

from __future__ import annotations

import time

import anyio


class SystemClock:
    """Fulfils `ports.Clock`. Waiting uses the event loop's clock, which no one sets."""

    def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)
