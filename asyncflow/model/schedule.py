"""When runs of a flow are started by the clock. Moments are seconds since the epoch."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from asyncflow.model.names import FlowName, Json

GRACE = 60.0
"""Ticks that are no older than that were not missed: somebody has started again, or taken over."""

_MOST = 200_000
"""Ticks that are gone through after a long time: two thousand hours of one that ticks every minute."""


class CatchUp(Enum):
    """What becomes of ticks that came while no dispatcher was there."""

    NONE = "none"
    LAST = "last"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    name: str
    flow: FlowName
    cron: str = ""
    every: float | None = None
    timezone: str = "UTC"
    node_args: Json = None
    labels: Mapping[str, str] = field(default_factory=dict)
    catch_up: CatchUp = CatchUp.LAST
    limit: int = 100
    """With CatchUp.ALL: the latest so many."""
    enabled: bool = True
    next_tick: Callable[[float], float | None] = field(compare=False)
    """The first tick after a moment; None when there is none any more."""

    def due(self, last: float, now: float) -> tuple[list[float], float]:
        """The ticks to start now, after the last one that was seen to; and the last one that is seen to then."""
        fresh = now - GRACE
        missed: deque[float] = deque(maxlen={CatchUp.NONE: 0, CatchUp.LAST: 1, CatchUp.ALL: self.limit}[self.catch_up])
        due: list[float] = []
        seen = last
        tick = self.next_tick(last)
        for _ in range(_MOST):
            if tick is None or tick > now:
                break
            (due if tick >= fresh else missed).append(tick)
            seen = tick
            tick = self.next_tick(tick)
        if self.catch_up is CatchUp.LAST and due:
            missed.clear()  # the last one is among them
        return [*missed, *due], seen

    def coming(self, now: float, count: int) -> list[float]:
        """The next ticks."""
        found: list[float] = []
        tick = self.next_tick(now)
        while tick is not None and len(found) < count:
            found.append(tick)
            tick = self.next_tick(tick)
        return found


def ticks_every(seconds: float) -> Callable[[float], float | None]:
    """Ticks at the multiples of an interval, counted from the epoch in thousandths: the same for every dispatcher."""
    step = round(seconds * 1000)

    def next_tick(after: float) -> float:
        return (math.floor(round(after * 1000, 3)) // step + 1) * step / 1000

    return next_tick
