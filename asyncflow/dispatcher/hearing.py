"""One connection to the workers for several dispatchers of a process: each hears all that workers tell."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import anyio

from asyncflow.fleet import Answers, QueueState, WorkerReport, Workers
from asyncflow.model.names import Json


class Listener:
    """Fulfils `fleet.Workers` for one dispatcher, but for entering: the connection is another's matter."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._heard: list[WorkerReport] = []
        self._news = anyio.Event()

    @property
    def generation(self) -> int:
        return self._workers.generation

    @property
    def connected(self) -> bool:
        return self._workers.connected

    async def reports(self) -> list[WorkerReport]:
        while not self._heard:
            self._news = anyio.Event()
            await self._news.wait()
        heard, self._heard = self._heard, []
        return heard

    async def ask(
        self, method: str, arguments: Mapping[str, Json], *, expected: Collection[str] = (), seconds: float = 2.0
    ) -> Answers:
        return await self._workers.ask(method, arguments, expected=expected, seconds=seconds)

    async def order(self, method: str, workers: Collection[str]) -> None:
        await self._workers.order(method, workers)

    async def queue(self, name: str) -> QueueState | None:
        return await self._workers.queue(name)

    async def is_attached(self, worker: str) -> bool:
        return await self._workers.is_attached(worker)

    def hear(self, reports: Collection[WorkerReport]) -> None:
        self._heard.extend(reports)
        self._news.set()


class Hearing:
    """Passes on to all listeners what one connection hears."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._listeners: list[Listener] = []

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        listener = Listener(self._workers)
        self._listeners.append(listener)
        try:
            yield listener
        finally:
            self._listeners.remove(listener)

    async def run(self) -> None:
        """For ever."""
        while True:
            reports = await self._workers.reports()
            for listener in self._listeners:
                listener.hear(reports)
