"""Finds out about workers as they come, so that messages are spared where all of them allow it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable

import anyio

from asyncflow.errors import BrokerError
from asyncflow.fleet import Exploration, Workers

_log = logging.getLogger("asyncflow.scout")

_GATHERING = 1.0
"""Workers often come together: they are asked once."""
_AGAIN = 30.0


class Scout:
    """`doubted` is called when messages have been spared that a newcomer might have needed."""

    def __init__(
        self,
        exploration: Exploration | None,
        workers: Workers,
        *,
        queues: Iterable[str],
        present: Callable[[], Collection[str]],
        doubted: Callable[[], None],
    ) -> None:
        self._exploration = exploration
        self._workers = workers
        self._queues = tuple(queues)
        self._present = present
        self._doubted = doubted
        self._news = anyio.Event()

    def newcomer(self) -> None:
        if self._exploration is not None and self._exploration.is_open:
            if self._exploration.doubt():
                self._doubted()
            self._news.set()

    async def run(self) -> None:
        """Ask whenever workers have come, for ever."""
        while self._exploration is not None and self._exploration.is_open:
            await self._news.wait()
            await anyio.sleep(_GATHERING)
            self._news = anyio.Event()
            try:
                await self._exploration.explore(self._workers, self._present(), self._queues)
            except BrokerError as exc:
                _log.warning("cannot ask workers: %s", exc)
                with anyio.move_on_after(_AGAIN):
                    await self._news.wait()
                self._news.set()
