"""A site on a dispatcher whose broker and store are in memory, and which is asked as programs ask it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx

from asyncflow.adapters.clock import SystemClock
from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.client import Client
from asyncflow.config import load_mapping
from asyncflow.dispatcher.dispatcher import Dispatcher, Surroundings
from asyncflow.engine.selective import select
from asyncflow.errors import BrokerError
from asyncflow.fleet import Answers, QueueState, WorkerReport
from asyncflow.model.flow import Configuration
from asyncflow.ports import Delivery, Line, Message, Published
from asyncflow.predicates import BUILT_INS
from asyncflow.testing.broker import MemoryBroker, worked
from asyncflow.web.access import Access
from asyncflow.web.application import application
from asyncflow.web.guard import Limits
from asyncflow.web.pace import Bounds, Pace
from asyncflow.web.server import Address, limits_of, listening
from asyncflow.web.site import Site, Timing
from asyncflow.web.tokens import TokenFile
from asyncflow_celery.wire import CeleryCodec


def plain(name: str, queue: str = "quick") -> dict[str, Any]:
    return {"name": name, "celery_task": f"t.{name}", "queue": queue}


MENU = {
    "tasks": [
        plain("Shop"),
        plain("Cook", "slow"),
        plain("Burn"),
        {
            "name": "Taste",
            "wait": {
                "event": "tasted",
                "schema": {"type": "object", "required": ["by"], "properties": {"by": {"type": "string"}}},
            },
        },
    ],
    "flows": ["dinner", "party", "fire", "banquet", "choice", "tasting", "barbecue"],
    "flow-definitions": [
        {
            "name": "dinner",
            "propagate_node_args": True,
            "node_args_schema": {
                "type": "object",
                "required": ["guests"],
                "properties": {"guests": {"type": "integer", "minimum": 1, "not": {"const": 13}}},
            },
            "edges": [{"from": None, "to": "Shop"}, {"from": "Shop", "to": "Cook"}],
        },
        {"name": "party", "propagate_node_args": True, "edges": [{"from": None, "to": ["dinner", "dinner"]}]},
        {
            "name": "banquet",
            "edges": [
                {"from": None, "to": "Shop", "foreach": {"import": "tests.web.restaurant", "function": "tables"}}
            ],
        },
        {
            "name": "choice",
            "edges": [
                {"from": None, "to": "Shop"},
                {
                    "from": "Shop",
                    "to": "Cook",
                    "condition": {"name": "argsFieldEqual", "args": {"key": "guests", "value": 99}},
                },
            ],
        },
        {"name": "tasting", "edges": [{"from": None, "to": "Taste"}, {"from": "Taste", "to": "Shop"}]},
        {"name": "barbecue", "edges": [{"from": None, "to": "Shop"}, {"from": "Shop", "to": "Burn"}]},
        {"name": "fire", "edges": [{"from": None, "to": "Burn"}]},
    ],
}
SCRIPT = "<script>alert(1)</script>"


def tables(storage_pool: Any, node_args: Any) -> range:
    return range(300)


def quick(headers: Mapping[str, Any], body: list[Any]) -> Any:
    if headers["task"] == "t.Burn":
        raise ValueError(SCRIPT)
    return {"eggs": 8}


@dataclass(slots=True)
class Counter(MemoryBroker):
    """What is for the slow queue stays there until it is served."""

    held: list[Message] = field(default_factory=list)

    def _take(self, message: Message) -> Published:
        if message.routing_key != "slow":
            return MemoryBroker._take(self, message)
        self.held.append(message)
        return Published.CONFIRMED

    def say(self, **how_far: Any) -> None:
        """What the task that is held says of its progress."""
        id = str(self.held[0].headers["id"])
        body = json.dumps({"task_id": id, "status": "PROGRESS", "result": how_far}).encode()
        self.deliver(Delivery(body=body, content_type="application/json", correlation_id=id))

    def serve(self) -> None:
        served, self.held = self.held, []
        for message in served:
            self.deliver(worked(lambda headers, body: "cooked", message))


class LateClock(SystemClock):
    """Of this machine, or so many seconds ahead."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


@dataclass(slots=True)
class Fleet:
    """What is seen of workers; nobody knows where there is no `queues`."""

    queues: dict[str, QueueState] | None = None
    generation: int = 1
    connected: bool = True

    async def queue(self, name: str) -> QueueState | None:
        if self.queues is None:
            raise BrokerError("nobody is asked")
        return self.queues.get(name)

    async def reports(self) -> list[WorkerReport]:
        await anyio.sleep_forever()
        return []

    async def ask(self, *_: object, **__: object) -> Answers:
        return Answers()

    async def is_attached(self, worker: str) -> bool:
        return False


@dataclass(frozen=True, kw_only=True)
class Restaurant:
    broker: Counter
    client: Client
    configuration: Configuration

    store: MemoryStore
    clock: LateClock
    fleet: Fleet

    def site(self, tokens: TokenFile | None = None, line: Line | None = None, bounds: Bounds | None = None) -> Site:
        """Off loopback where there are tokens."""
        return Site(
            client=Client(line, timeout=0.1) if line else self.client,
            configuration=self.configuration,
            access=Access(tokens=tokens, demanded=tokens is not None),
            timing=Timing(heartbeat=0.05, reminder=0.2, look=0.02, batch=0.02),
            pace=Pace(bounds or Bounds(rate=10_000, burst=10_000)),
        )

    def asked(
        self,
        tokens: TokenFile | None = None,
        limits: Limits | None = None,
        line: Line | None = None,
        bounds: Bounds | None = None,
    ) -> httpx.AsyncClient:
        app = application(self.site(tokens, line, bounds), limits)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8321")

    @asynccontextmanager
    async def served(
        self, tokens: TokenFile | None = None, bounds: Bounds | None = None
    ) -> AsyncIterator[httpx.AsyncClient]:
        """By a real server."""
        address = Address(host="127.0.0.1", port=0)
        async with (
            listening(self.site(tokens, bounds=bounds), address, limits_of(address)) as url,
            httpx.AsyncClient(base_url=url) as asked,
        ):
            yield asked

    async def until_cooking(self, number: int = 1) -> None:
        with anyio.fail_after(5):
            while len(self.broker.held) < number:
                await anyio.sleep(0.005)


@asynccontextmanager
async def open_restaurant(menu: Mapping[str, Any] = MENU) -> AsyncIterator[Restaurant]:
    configuration = load_mapping(menu, builtins=BUILT_INS, environ={}).configuration
    broker = Counter({"quick": quick})
    store, clock, fleet = MemoryStore(), LateClock(), Fleet()
    dispatcher = Dispatcher(
        Surroundings(
            configuration=configuration,
            broker=broker,
            store=store,
            codec=CeleryCodec(),
            results=None,
            clock=clock,
            workers=fleet,
            select=lambda flow, wish: select(configuration.flows, flow, wish.tasks),
        )
    )
    async with anyio.create_task_group() as group:
        await group.start(dispatcher.run)
        yield Restaurant(
            broker=broker, client=Client(dispatcher), configuration=configuration, store=store, clock=clock, fleet=fleet
        )
        group.cancel_scope.cancel()


@dataclass(frozen=True, kw_only=True)
class Told:
    """One server-sent event."""

    event: str
    content: Any


async def events(response: httpx.Response) -> AsyncIterator[Told | None]:
    """None for a heartbeat."""
    event = ""
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            yield Told(event=event, content=json.loads(value))
        elif line.startswith(":"):
            yield None


def tokens_in(folder: Path) -> TokenFile:
    return TokenFile(folder / "tokens")
