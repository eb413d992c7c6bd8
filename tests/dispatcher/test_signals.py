"""Signals and timers through the whole dispatcher, on a broker and a store in memory."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import anyio
import pytest

from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.client import Client, RunHandle
from asyncflow.dispatcher.reception import LARGEST
from asyncflow.errors import InvalidPayloadError, SignalRefusedError, UnknownRunError
from asyncflow.model.requests import REQUEST_TYPE
from asyncflow.ports import Delivery
from asyncflow.testing.broker import MemoryBroker
from tests.dispatcher.test_dispatcher import plain, serving

SCHEMA = {"type": "object", "required": ["by"]}
RELEASE = {
    "tasks": [
        plain("Ask"),
        {"name": "Approval", "wait": {"event": "approved", "timeout": "1h", "schema": SCHEMA}},
        {"name": "Short", "wait": {"event": "never", "timeout": "50ms"}},
        {"name": "Pause", "delay": "node_args.pause"},
        plain("Publish", args=["results.Approval.by"]),
        plain("Escalate"),
    ],
    "flow-definitions": [
        {
            "name": "release",
            "edges": [
                {"from": None, "to": "Ask"},
                {"from": "Ask", "to": "Approval"},
                {"from": "Approval", "to": "Publish"},
            ],
        },
        {
            "name": "each",
            "edges": [
                {"from": None, "to": "Approval"},
                {"from": "Approval", "to": "Publish", "foreach": {"import": "of_test", "function": "names"}},
            ],
        },
        {"name": "inner", "propagate_node_args": True, "edges": [{"from": None, "to": "release"}]},
        {"name": "pause", "edges": [{"from": None, "to": "Pause"}, {"from": "Pause", "to": "Ask"}]},
        {
            "name": "late",
            "edges": [{"from": None, "to": "Short"}],
            "failures": [{"nodes": "Short", "fallback": "Escalate"}],
        },
    ],
}


class Desk:
    """The worker: what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[Any]]] = []

    def __call__(self, headers: Mapping[str, Any], body: list[Any]) -> Any:
        self.calls.append((headers["task"].removeprefix("t."), body[0]))


async def until_waiting(run: RunHandle, name: str = "Approval") -> Mapping[str, Any]:
    with anyio.fail_after(5):
        while True:
            for node in _all((await run.status()).nodes):
                if (node["name"], node["state"]) == (name, "waiting"):
                    return node
            await anyio.sleep(0.01)


def _all(nodes: Any) -> Any:
    for node in nodes:
        yield node
        yield from _all(node.get("nodes", ()))


def asking(configuration: Any = None) -> tuple[Desk, MemoryBroker, MemoryStore]:
    desk = Desk()
    return desk, MemoryBroker({"q": desk}), MemoryStore()


async def test_a_signal_releases_a_node_and_its_payload_reaches_the_next_task() -> None:
    desk, broker, store = asking()
    async with serving(broker, store, RELEASE) as client:
        run = await client.start("release")
        node = await until_waiting(run)
        assert (node["kind"], node["event"]) == ("wait", "approved")
        assert node["until"] > node["started_at"]
        told = await run.signal("approved", {"by": "Ada"}, id="1")
        assert told == {"state": "taken", "node": "Approval", "id": node["id"], "run_id": run.id}
        outcome = await run.wait(timeout=5)
        assert outcome.results("Approval") == [{"by": "Ada"}]
        with pytest.raises(SignalRefusedError, match="is over"):
            await run.signal("approved", {"by": "Ada"}, id="2")
    assert desk.calls == [("Ask", []), ("Publish", ["Ada"])]


async def test_a_signal_to_the_root_reaches_a_sub_flow() -> None:
    desk, broker, store = asking()
    async with serving(broker, store, RELEASE) as client:
        run = await client.start("inner")
        await until_waiting(run)
        told = await run.signal("approved", {"by": "Ada"})
        assert (told["state"], told["node"]) == ("taken", "Approval")
        assert told["run_id"] != run.id
        assert (await run.wait(timeout=5)).succeeded
    assert desk.calls[-1] == ("Publish", ["Ada"])


async def test_functions_of_users_read_the_payload(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("of_test")
    module.names = lambda pool, node_args: pool.get("Approval")["by"]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "of_test", module)
    desk, broker, store = asking()
    async with serving(broker, store, RELEASE) as client:
        run = await client.start("each")
        await run.signal("approved", {"by": ["Ada", "Grace"]})
        assert (await run.wait(timeout=5)).succeeded
    assert [name for name, _ in desk.calls] == ["Publish", "Publish"]


async def test_what_was_signalled_early_survives_a_restart() -> None:
    desk, broker, store = asking()
    broker.workers.clear()  # nobody takes Ask yet
    async with serving(broker, store, RELEASE) as client:
        run = await client.start("release")
        assert (await run.signal("approved", {"by": "Ada"}, id="1"))["state"] == "kept"
        assert [kept["event"] for kept in (await run.status()).report["signals"]] == ["approved"]
    broker.workers["q"] = desk
    async with serving(broker, store, RELEASE) as client:
        again = client.run(run.id)
        assert (await again.signal("approved", {"by": "Ada"}, id="1"))["state"] == "repeated"
        assert (await again.wait(timeout=5)).succeeded
    assert desk.calls[-1] == ("Publish", ["Ada"])


async def test_a_release_that_was_committed_before_a_crash_goes_on_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    desk, broker, store = asking()
    async with serving(broker, store, RELEASE) as client:
        run = await client.start("release")
        await until_waiting(run)
        commit = store.commit

        async def commit_and_hang(batch: Any) -> None:
            await commit(batch)
            committed.set()
            await anyio.sleep_forever()

        committed = anyio.Event()
        monkeypatch.setattr(store, "commit", commit_and_hang)
        async with anyio.create_task_group() as group:
            group.start_soon(run.signal, "approved", {"by": "Ada"})
            await committed.wait()
            group.cancel_scope.cancel()
    monkeypatch.undo()
    assert desk.calls == [("Ask", [])]
    async with serving(broker, store, RELEASE) as client:
        assert (await client.run(run.id).wait(timeout=5)).succeeded
    assert desk.calls[-1] == ("Publish", ["Ada"])


async def test_timers_survive_a_restart() -> None:
    desk, broker, store = asking()
    async with serving(broker, store, RELEASE) as client:
        paused = await client.start("pause", {"pause": "100ms"})
        late = await client.start("late")
    await anyio.sleep(0.2)
    async with serving(broker, store, RELEASE) as client:
        assert (await client.run(paused.id).wait(timeout=5)).succeeded
        outcome = await client.run(late.id).wait(timeout=5)
        assert outcome.succeeded
        assert outcome.nodes[0]["error"]["type"] == "WaitTimeout"
        assert outcome.nodes[0]["handled"]
    assert sorted(name for name, _ in desk.calls) == ["Ask", "Escalate"]


async def test_bad_signals_are_refused_and_lose_nothing() -> None:
    _, broker, store = asking()
    async with serving(broker, store, RELEASE) as client:
        run = await client.start("release")
        await until_waiting(run)
        before = await run.journal()
        with pytest.raises(InvalidPayloadError, match="does not fit"):
            await run.signal("approved", {"from": "Ada"})
        with pytest.raises(InvalidPayloadError, match="at most 262,144"):
            await run.signal("approved", {"by": "x" * LARGEST})
        with pytest.raises(InvalidPayloadError, match="must be JSON"):
            await run.signal("approved", {"by": object()})
        with pytest.raises(SignalRefusedError, match="never waits for a signal 'aproved'; it waits for approved"):
            await run.signal("aproved")
        with pytest.raises(SignalRefusedError, match="1 to 200 characters"):
            await run.signal("")
        with pytest.raises(SignalRefusedError, match="no node x of run"):
            await run.signal("approved", {"by": "Ada"}, node="x")
        with pytest.raises(UnknownRunError):
            await client.run("nobody").signal("approved")
        assert await run.journal() == before


def message(client: Client, run: str, **members: Any) -> Delivery:
    body = {"verb": "signal", "with": {"run_id": run, **members}}
    return Delivery(body=json.dumps(body).encode(), type=REQUEST_TYPE, content_type="application/json")


async def test_a_message_of_another_system_counts_once_and_a_bad_one_is_parked() -> None:
    desk, broker, store = asking()
    async with serving(broker, store, RELEASE) as client:
        run = await client.start("release")
        await until_waiting(run)
        bad = message(client, run.id, event="approved", id="0", payload={})
        lacking = message(client, run.id, event="approved", payload={"by": "Ada"})
        unknown = message(client, "nobody", event="approved", id="0")
        good = message(client, run.id, event="approved", id="1", payload={"by": "Ada"})
        for delivery in (bad, lacking, unknown, good, good):
            broker.deliver(delivery)
        assert (await run.wait(timeout=5)).succeeded
        with anyio.fail_after(5):
            while not {id(one) for one in (bad, lacking, unknown, good)} <= {id(one) for one in broker.acked}:
                await anyio.sleep(0.01)
    reasons = {id(delivery): reason for delivery, reason in broker.parked}
    assert "does not fit" in reasons[id(bad)]
    assert "'id'" in reasons[id(lacking)]
    assert "no run has the id" in reasons[id(unknown)]
    assert id(good) not in reasons
    assert desk.calls[-1] == ("Publish", ["Ada"])
