"""The machine's clock."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import anyio

_log = logging.getLogger("asyncflow.clock")

_JUMP = 1.0
"""Seconds between the wall clock and ours from which on it was set, rather than corrected little by little."""


def _since_boot() -> float:
    """Nobody sets this clock. Where there is one, the kind that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class SystemClock:
    """Fulfils `ports.Clock`: the wall clock as it was when this was made, and a steady one from there on.

    Setting the wall clock while a dispatcher runs thus makes none of its timers early, late or due again. It is said in
    the log, and the next start takes the new time.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = _since_boot) -> None:
        self._wall = wall
        self._steady = steady
        self._begin = wall() - steady()
        self._told = 0.0

    def now(self) -> float:
        now = self._begin + self._steady()
        ahead = self._wall() - now
        if abs(ahead - self._told) > _JUMP:
            self._told = ahead
            _log.warning("the machine's clock was set; %s", _compared(ahead))
        return now

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


def _compared(ahead: float) -> str:
    if abs(ahead) <= _JUMP:
        return "it agrees again with the time that is counted here"
    where = "ahead of" if ahead > 0 else "behind"
    return f"it is {abs(ahead):.0f} s {where} the time that is counted here, and a restart takes it over"
