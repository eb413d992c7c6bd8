"""A fleet of workers in memory, whose answers a test gives."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio

from asyncflow.errors import BrokerError
from asyncflow.fleet import Answers, QueueState, Sign, WorkerReport


@dataclass(slots=True)
class Fleet:
    """Fulfils `fleet.Workers`. `has` says which attempts each worker holds; who stands there answers."""

    has: dict[str, list[str]] = field(default_factory=dict)
    scheduled: dict[str, list[str]] = field(default_factory=dict)
    mute: set[str] = field(default_factory=set)
    queues: dict[str, QueueState] = field(default_factory=dict)
    attached: set[str] = field(default_factory=set)
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    generation: int = 1
    connected: bool = True
    _told: list[WorkerReport] = field(default_factory=list)
    _news: anyio.Event = field(default_factory=anyio.Event)

    def tell(self, sign: Sign, worker: str, id: str | None = None, interval: float | None = None) -> None:
        self._told.append(WorkerReport(sign=sign, worker=worker, id=id, interval=interval))  # type: ignore[arg-type]
        self._news.set()

    async def reports(self) -> list[WorkerReport]:
        while not self._told:
            self._news = anyio.Event()
            await self._news.wait()
        told, self._told = self._told, []
        return told

    async def ask(
        self, method: str, arguments: Mapping[str, Any], *, expected: Collection[str] = (), seconds: float = 2.0
    ) -> Answers:
        if not self.connected:
            raise BrokerError("away")
        if method == "ping":
            return Answers(by_worker=dict.fromkeys(self.has))
        self.asked.append((method, arguments))
        answers = {worker: self._answer(worker, method, arguments) for worker in self.has if worker not in self.mute}
        return Answers(by_worker=answers, complete=set(expected) <= answers.keys())

    def _answer(self, worker: str, method: str, arguments: Mapping[str, Any]) -> Any:
        if method == "query_task":
            return {id: ["active", {}] for id in arguments["ids"] if id in self.has[worker]}
        return [{"eta": None, "request": {"id": id}} for id in self.scheduled.get(worker, ())]

    async def order(self, method: str, workers: Collection[str]) -> None:
        raise AssertionError("nobody is ordered about here")

    async def queue(self, name: str) -> QueueState | None:
        if not self.connected:
            raise BrokerError("away")
        return self.queues.get(name)

    async def is_attached(self, worker: str) -> bool:
        return worker in self.attached
