"""The dispatcher as a whole, on a broker and a store in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from asyncflow.adapters.clock import SystemClock
from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.client import Client
from asyncflow.config import load_mapping
from asyncflow.dispatcher.dispatcher import Dispatcher, DispatcherSettings, Surroundings
from asyncflow.dispatcher.outbox import OutboxSettings
from asyncflow.engine.selective import select
from asyncflow.errors import InvalidNodeArgsError, UnknownFlowError, UnknownRunError
from asyncflow.model.run import Status
from asyncflow.ports import Delivery
from asyncflow.predicates import BUILT_INS
from asyncflow.testing.broker import MemoryBroker, worked
from asyncflow_celery.wire import CeleryCodec


def plain(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "celery_task": f"t.{name}", "queue": "q", **more}


DINNER = {
    "tasks": [plain("Shop"), plain("Cook"), plain("Order"), plain("Serve")],
    "flows": ["dinner", "party"],
    "flow-definitions": [
        {
            "name": "dinner",
            "propagate_node_args": True,
            "node_args_schema": {"type": "object", "required": ["guests"]},
            "edges": [
                {"from": None, "to": "Shop"},
                {
                    "from": "Shop",
                    "to": "Cook",
                    "condition": {"name": "fieldGreater", "args": {"key": "eggs", "value": 3}},
                },
                {"from": ["Shop", "Cook"], "to": "Serve"},
            ],
            "failures": [{"nodes": "Cook", "fallback": "Order"}],
        },
        {
            "name": "party",
            "propagate_node_args": True,
            "edges": [{"from": None, "to": ["dinner", "dinner"]}, {"from": "dinner", "to": "Serve"}],
        },
    ],
}


class Kitchen:
    def __init__(self) -> None:
        self.ran: list[str] = []
        self.burn = False

    def __call__(self, headers: Mapping[str, Any], body: list[Any]) -> Any:
        name = headers["task"].removeprefix("t.")
        self.ran.append(name)
        if name == "Cook" and self.burn:
            raise ValueError("burnt")
        return {"eggs": 2 * body[1].get("guests", 0)}


@asynccontextmanager
async def serving(
    broker: MemoryBroker, store: MemoryStore, configuration: Any = None, results: Any = None, **outbox: float
) -> AsyncIterator[Client]:
    loaded = load_mapping(configuration or DINNER, builtins=BUILT_INS, environ={}).configuration
    dispatcher = Dispatcher(
        Surroundings(
            configuration=loaded,
            broker=broker,
            store=store,
            codec=CeleryCodec(),
            results=results,
            clock=SystemClock(),
            select=lambda flow, wish: select(loaded.flows, flow, wish.tasks),
        ),
        DispatcherSettings(outbox=OutboxSettings(**outbox)),
    )
    async with anyio.create_task_group() as group:
        await group.start(dispatcher.run)
        yield Client(dispatcher)
        group.cancel_scope.cancel()


async def test_a_flow_runs_to_its_end() -> None:
    kitchen = Kitchen()
    async with serving(MemoryBroker({"q": kitchen}), MemoryStore()) as client:
        run = await client.start("dinner", {"guests": 4})
        outcome = await run.wait(timeout=5)
    assert outcome.state is Status.SUCCEEDED
    assert kitchen.ran == ["Shop", "Cook", "Serve"]
    assert outcome.results("Shop") == [{"eggs": 8}]


async def test_a_false_condition_ends_the_branch() -> None:
    kitchen = Kitchen()
    async with serving(MemoryBroker({"q": kitchen}), MemoryStore()) as client:
        outcome = await (await client.start("dinner", {"guests": 1})).wait(timeout=5)
    assert outcome.succeeded
    assert kitchen.ran == ["Shop"]


async def test_a_failure_starts_its_fallback() -> None:
    kitchen = Kitchen()
    kitchen.burn = True
    async with serving(MemoryBroker({"q": kitchen}), MemoryStore()) as client:
        outcome = await (await client.start("dinner", {"guests": 4})).wait(timeout=5)
    assert outcome.succeeded
    assert kitchen.ran == ["Shop", "Cook", "Order"]
    [cook] = [node for node in outcome.nodes if node["name"] == "Cook"]
    assert cook["state"] == "failed"
    assert cook["error"]["type"] == "ValueError"


async def test_sub_flows_report_their_end_to_their_parent() -> None:
    kitchen = Kitchen()
    async with serving(MemoryBroker({"q": kitchen}), MemoryStore()) as client:
        outcome = await (await client.start("party", {"guests": 4})).wait(timeout=5)
    assert outcome.succeeded
    assert kitchen.ran.count("Serve") == 4
    assert [node["name"] for node in outcome.nodes[0]["nodes"]] == ["Shop", "Cook", "Serve"]


async def test_wrong_requests_are_refused() -> None:
    async with serving(MemoryBroker({"q": Kitchen()}), MemoryStore()) as client:
        with pytest.raises(UnknownFlowError, match="lunch"):
            await client.start("lunch")
        with pytest.raises(InvalidNodeArgsError, match="guests"):
            await client.start("dinner", {})
        with pytest.raises(UnknownRunError):
            await client.run("nothing").status()
        assert await client.list() == []


async def test_a_second_start_with_the_same_id_is_the_same_run() -> None:
    kitchen = Kitchen()
    async with serving(MemoryBroker({"q": kitchen}), MemoryStore()) as client:
        first = await client.start("dinner", {"guests": 4}, run_id="one")
        await first.wait(timeout=5)
        second = await client.start("dinner", {"guests": 4}, run_id="one")
        await second.wait(timeout=5)
        assert [run["run_id"] for run in await client.list()] == ["one"]
    assert kitchen.ran == ["Shop", "Cook", "Serve"]


async def test_an_unroutable_task_fails_with_the_queue_to_start() -> None:
    async with serving(MemoryBroker(), MemoryStore(), unroutable_after=0.1) as client:
        outcome = await (await client.start("dinner", {"guests": 4})).wait(timeout=5)
    assert outcome.state is Status.FAILED
    assert "-Q q" in str(outcome.error)


async def test_foreign_and_malformed_messages_are_parked_and_acknowledged() -> None:
    broker = MemoryBroker({"q": Kitchen()})
    async with serving(broker, MemoryStore()) as client:
        garbage = Delivery(body=b"\x80\x04.", content_type="application/x-python-serialize")
        broker.deliver(garbage)
        stranger = Delivery(
            body=b'{"task_id": "x", "status": "SUCCESS", "result": 1, "children": [], "traceback": null}',
            content_type="application/json",
            content_encoding="utf-8",
            correlation_id="x",
        )
        broker.deliver(stranger)
        await (await client.start("dinner", {"guests": 1})).wait(timeout=5)
    assert [parked for parked, _ in broker.parked] == [garbage, stranger]
    assert garbage in broker.acked
    assert stranger in broker.acked


async def test_a_repeated_completion_changes_nothing() -> None:
    kitchen = Kitchen()
    broker = MemoryBroker({"q": kitchen})
    async with serving(broker, MemoryStore()) as client:
        run = await client.start("dinner", {"guests": 4})
        await run.wait(timeout=5)
        for message in list(broker.published):
            broker.deliver(worked(lambda headers, body: "another result", message))
        await (await client.start("dinner", {"guests": 1})).wait(timeout=5)
        assert (await run.status()).results("Shop") == [{"eggs": 8}]
    assert kitchen.ran == ["Shop", "Cook", "Serve", "Shop"]


async def test_open_runs_go_on_after_a_restart() -> None:
    kitchen = Kitchen()
    store = MemoryStore()
    async with serving(MemoryBroker(), store) as client:
        run = await client.start("dinner", {"guests": 4})
    async with serving(MemoryBroker({"q": kitchen}), store) as client:
        outcome = await client.run(run.id).wait(timeout=5)
    assert outcome.succeeded
    assert kitchen.ran == ["Shop", "Cook", "Serve"]


async def test_a_run_can_be_cancelled_with_its_sub_flows() -> None:
    broker = MemoryBroker()
    async with serving(broker, MemoryStore()) as client:
        run = await client.start("party", {"guests": 4})
        await run.cancel("changed our minds")
        outcome = await run.wait(timeout=5)
        assert outcome.state is Status.CANCELLED
        children = {node["state"] for node in outcome.nodes}
        assert children == {"cancelled"}


async def test_a_paused_run_publishes_nothing_until_it_is_resumed() -> None:
    kitchen = Kitchen()
    broker = MemoryBroker({"q": kitchen})
    store = MemoryStore()
    broker.workers.clear()
    async with serving(broker, store) as client:
        run = await client.start("party", {"guests": 4})
        await run.pause()
        broker.workers["q"] = kitchen
        await anyio.sleep(1)  # what was published before the pause is sent and runs: the first task of each sub-flow
        paused = await run.status()
        assert paused.state is Status.PAUSED
        assert kitchen.ran == ["Shop", "Shop"]
        assert [[node["name"] for node in child["nodes"]] for child in paused.nodes] == [["Shop", "Cook"]] * 2
    async with serving(broker, store) as client:
        run = client.run(run.id)
        await run.resume()
        outcome = await run.wait(timeout=5)
    assert outcome.succeeded
    assert kitchen.ran.count("Serve") == 4


async def test_changing_a_run_that_is_not_there_is_refused() -> None:
    async with serving(MemoryBroker(), MemoryStore()) as client:
        for change in (client.run("x").cancel, client.run("x").pause, client.run("x").resume):
            with pytest.raises(UnknownRunError):
                await change()


async def test_a_long_run_is_loaded_from_its_snapshot_after_a_restart() -> None:
    count = 300
    configuration = {
        "tasks": [plain("Shop"), plain("Serve", queue="later")],
        "flows": ["flow"],
        "flow-definitions": [
            {
                "name": "flow",
                "edges": [{"from": None, "to": ["Shop"] * count}, {"from": None, "to": "Serve"}],
            }
        ],
    }
    kitchen = Kitchen()
    store = MemoryStore()
    async with serving(MemoryBroker({"q": kitchen}), store, configuration) as client:
        run = await client.start("flow", {"guests": 1})
        with anyio.fail_after(10):
            while len((await run.status()).results("Shop")) < count:
                await anyio.sleep(0.05)
    tail = (await store.tails([run.id]))[run.id]
    assert tail.snapshot is not None
    assert len(tail.entries) < 201
    async with serving(MemoryBroker({"q": kitchen, "later": kitchen}), store, configuration) as client:
        outcome = await client.run(run.id).wait(timeout=10)
    assert outcome.succeeded
    assert len(outcome.results("Shop")) == count


async def test_watchers_hear_of_values_that_strict_json_cannot_say() -> None:
    broker = MemoryBroker()
    async with serving(broker, MemoryStore()) as client:
        run = await client.start("dinner", {"guests": float("nan"), "more": 2**70})
        async with run.changes() as changes:
            first = await anext(changes)
            await run.cancel()
            heard = [change async for change in _until_ended(changes)]
    assert first["run"]["node_args"]["more"] == 2**70
    assert heard[-1]["ended"]


async def _until_ended(changes: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for change in changes:
        yield change
        if change.get("ended"):
            return
