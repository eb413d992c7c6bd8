"""Runs that ended long ago are removed, in small batches beside everything else."""

from __future__ import annotations

import logging

import anyio

from asyncflow.errors import StoreError
from asyncflow.ports import Clock, Store

_log = logging.getLogger("asyncflow.retention")

_AT_ONCE = 100
"""Runs in one transaction."""
_SHORTEST_PAUSE = 0.05
_SOONEST, _LATEST = 1.0, 3600.0
"""Seconds from one search to the next."""


class Retention:
    """Keeps ended runs for so many seconds; several dispatchers on one store may each have one."""

    def __init__(self, store: Store, clock: Clock, keep: float) -> None:
        self._store = store
        self._clock = clock
        self._keep = keep

    async def run(self) -> None:
        """Remove what is due, for ever. A store that is away is waited for."""
        while True:
            try:
                removed = await self._sweep()
            except StoreError as exc:
                _log.warning("ended runs cannot be removed now: %s", exc)
            else:
                if removed:
                    _log.info("removed %d runs that ended more than %g s ago, sub-flows counted", removed, self._keep)
            await self._clock.sleep(min(max(self._keep / 10, _SOONEST), _LATEST))

    async def _sweep(self) -> int:
        before = self._clock.now() - self._keep
        removed = 0
        while True:
            begun = anyio.current_time()
            number = await self._store.remove_ended(before, _AT_ONCE)
            if not number:
                return removed
            removed += number
            # The store works for us half of the time at most.
            await self._clock.sleep(max(_SHORTEST_PAUSE, anyio.current_time() - begun))
