"""A broker in memory, whose workers are functions: for tests of the dispatcher without servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import anyio
import orjson

from asyncflow.model.names import Json
from asyncflow.ports import Delivery, Message, Published

Worker = Callable[[Mapping[str, Json], list[Json]], Json]
"""(headers, body) -> the task's return value; an exception is the task's failure."""


@dataclass(slots=True)
class MemoryBroker:
    """Fulfils `ports.Broker`. `workers` take the messages of their queue as soon as they are published.

    Workers answer as rpc:// workers do. Messages to a queue without a worker are unroutable, and `published` keeps all.
    """

    workers: dict[str, Worker] = field(default_factory=dict)
    published: list[Message] = field(default_factory=list)
    parked: list[tuple[Delivery, str]] = field(default_factory=list)
    acked: list[Delivery] = field(default_factory=list)
    replies: dict[str, list[Delivery]] = field(default_factory=dict)
    connected: bool = True
    reply_queue: str = "asyncflow.0"
    callback_exchange: str = "asyncflow"
    callback_key: str = "0"
    _waiting: list[Delivery] = field(default_factory=list)
    _arrived: anyio.Event = field(default_factory=anyio.Event)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def wait_connected(self) -> None:
        pass

    async def publish(self, messages: Sequence[Message]) -> list[Published]:
        return [self._take(message) for message in messages]

    def _take(self, message: Message) -> Published:
        worker = self.workers.get(message.routing_key)
        if worker is None:
            return Published.UNROUTABLE
        self.published.append(message)
        self.deliver(worked(worker, message))
        return Published.CONFIRMED

    def deliver(self, delivery: Delivery) -> None:
        """Put a message on our queue."""
        self._waiting.append(delivery)
        self._arrived.set()

    async def receive(self, most: int) -> list[Delivery]:
        while not self._waiting:
            self._arrived = anyio.Event()
            await self._arrived.wait()
        taken, self._waiting = self._waiting[:most], self._waiting[most:]
        return taken

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        self.acked.extend(deliveries)

    async def park(self, delivery: Delivery, reason: str) -> None:
        self.parked.append((delivery, reason))


def worked(worker: Worker, message: Message) -> Delivery:
    """The rpc:// report of a worker that has run a task message."""
    id = message.headers["id"]
    try:
        report = {"task_id": id, "status": "SUCCESS", "result": worker(message.headers, orjson.loads(message.body))}
    except Exception as exc:  # noqa: BLE001  (a failing task is what is played)
        failure = {"exc_type": type(exc).__name__, "exc_message": list(exc.args), "exc_module": type(exc).__module__}
        report = {"task_id": id, "status": "FAILURE", "result": failure, "traceback": f"Traceback ...\n{exc!r}"}
    body = orjson.dumps({"traceback": None, "children": [], **report})
    return Delivery(body=body, content_type="application/json", content_encoding="utf-8", correlation_id=str(id))
