"""Calls of a store that is away for a while."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from asyncflow.errors import FencedError, StoreError
from asyncflow.ports import Clock

_P = ParamSpec("_P")
_R = TypeVar("_R")

_log = logging.getLogger("asyncflow.decider")

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 10.0


class Insistence:
    """`await insist(call, *args)` calls the store until it answers.

    Without it nothing can be decided, and what waits is safe in the broker.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.trouble = ""
        """Why the store does not answer, while it does not."""

    async def __call__(self, call: Callable[_P, Awaitable[_R]], *args: _P.args, **options: _P.kwargs) -> _R:
        """Raises FencedError: the store has answered, and refused."""
        wait = _FIRST_WAIT
        while True:
            try:
                answer = await call(*args, **options)
            except FencedError:
                self.trouble = ""
                raise
            except StoreError as exc:
                self.trouble = f"store away: {exc}"
                _log.error("%s; tried again in %g s", self.trouble, wait)
            else:
                self.trouble = ""
                return answer
            await self._clock.sleep(wait)
            wait = min(_LONGEST_WAIT, wait * 2)
