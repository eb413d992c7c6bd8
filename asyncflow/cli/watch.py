"""Following a run from its start to its end."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import anyio

from asyncflow.cli.board import Board
from asyncflow.cli.progress import Progress
from asyncflow.client import NOTHING_KEPT, RunHandle
from asyncflow.errors import NoDispatcherError
from asyncflow.model.names import Json

_log = logging.getLogger("asyncflow.watch")

_FRAME = 0.125
"""Seconds between two pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds. A dispatcher that was replaced does not know who watched: ask again after so long a silence."""

    first_answer: float = 10.0
    silence: float = 30.0


async def watch(run: RunHandle, progress: Progress, patience: Patience | None = None) -> Mapping[str, Json]:
    """The report of the run when it is over. Raises NoDispatcherError, UnknownRunError."""
    async with anyio.create_task_group() as group:
        group.start_soon(_tick, progress)
        report = await Watch(run, progress, patience or Patience()).until_over()
        group.cancel_scope.cancel()
    return report


class Watch:
    """The conversation with the dispatcher, taken up again where it breaks off."""

    def __init__(self, run: RunHandle, progress: Progress, patience: Patience) -> None:
        self._patience = patience
        self._run = run
        self._progress = progress
        self._board: Board | None = None
        self._answered = False
        self._is_kept = False
        """Whether a queue has taken the request."""
        self._early: list[Mapping[str, Json]] = []
        """Changes that came before the first report, and may not be in it."""

    async def until_over(self) -> Mapping[str, Json]:
        while True:
            report = await self._listen()
            if report is not None:
                return report
            await anyio.sleep(_FRAME)

    async def _listen(self) -> Mapping[str, Json] | None:
        """One conversation; None when nothing has been heard for long."""
        self._answered = False
        with anyio.CancelScope(deadline=anyio.current_time() + self._patience.first_answer) as scope:
            async with self._run.changes() as answers:
                self._is_kept = True
                async for message in answers:
                    self._answered = True
                    scope.deadline = anyio.current_time() + self._patience.silence
                    self._take(message)
                    if message.get("ended"):
                        report: Mapping[str, Json] = message["run"]
                        return report
        self._note_silence()
        return None

    def _take(self, message: Mapping[str, Json]) -> None:
        if self._board is not None:
            self._progress.moved(self._board, self._board.tell(message))
        elif "run" not in message:
            self._early.append(message)
        else:
            self._board = board = Board(message["run"])
            self._progress.moved(
                board, [*board.all_nodes(), *(one for each in self._early for one in board.tell(each))]
            )

    def _note_silence(self) -> None:
        if self._board is None:
            what = f"run {self._run.id} goes on without being watched" if self._is_kept else NOTHING_KEPT
            raise NoDispatcherError(what, self._patience.first_answer)
        if not self._answered:
            _log.warning("no dispatcher answers; the run goes on when one serves again")


async def _tick(progress: Progress) -> None:
    while True:
        progress.tick()
        await anyio.sleep(_FRAME)
