"""A dispatcher that is started again with other files while runs are open (Q7)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.config import load_mapping
from asyncflow.dispatcher.changes import tell_changes
from asyncflow.errors import RequestError
from asyncflow.model.facts import RunMigrated
from asyncflow.model.run import Status
from asyncflow.predicates import BUILT_INS
from asyncflow.testing.broker import MemoryBroker, worked
from tests.dispatcher.test_dispatcher import serving
from tests.engine.flows import Edge, configured

TASKS = {name: {"celery_task": f"t.{name}", "queue": "q"} for name in "ACDN"} | {
    "B": {"celery_task": "t.B", "queue": "later"}
}


def written(*edges: Edge, **flows: Any) -> dict[str, Any]:
    return configured({"main": list(edges), **flows} if edges else flows, TASKS)


class Bench:
    """Workers that note what they run."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def __call__(self, headers: Mapping[str, Any], body: list[Any]) -> Any:
        self.ran.append(str(headers["task"]).removeprefix("t."))
        return {"by": self.ran[-1]}


async def begun(store: MemoryStore, bench: Bench, *edges: Edge, **flows: Any) -> str:
    """A run of `main`; its A has ended, and its B still waits for a worker when the dispatcher stops."""
    async with serving(MemoryBroker({"q": bench}), store, written(*edges, **flows)) as client:
        run = await client.start("main")
        while [node["state"] for node in (await run.status()).nodes] != ["succeeded", "running"]:
            await anyio.sleep(0.01)
    assert bench.ran == ["A"]
    return str(run.id)


async def test_q7_an_open_run_follows_its_edges_wherever_they_stand_after_a_restart() -> None:
    store, bench = MemoryStore(), Bench()
    run_id = await begun(store, bench, "-> A B", "A B -> C", "C -> D")
    broker = MemoryBroker({"q": bench, "later": bench})
    changed = written("D -> N", "C -> D", "A B -> C", "-> A B")
    async with serving(broker, store, changed) as client:
        outcome = await client.run(run_id).wait(timeout=5)
    assert outcome.succeeded
    assert bench.ran == ["A", "B", "C", "D", "N"]
    facts = [fact for entry in await store.journal(outcome.run_id) for fact in entry.facts]
    assert sum(isinstance(fact, RunMigrated) for fact in facts) == 1


async def test_q7_a_task_that_is_gone_is_recorded_and_its_result_kept() -> None:
    store, bench = MemoryStore(), Bench()
    run_id = await begun(store, bench, "-> A B", "A B -> C")
    broker = MemoryBroker({"q": bench, "later": bench})
    async with serving(broker, store, written("-> A", "A -> C")) as client:
        outcome = await client.run(run_id).wait(timeout=5)
    assert outcome.succeeded
    assert outcome.results("B") == [{"by": "B"}]
    assert bench.ran == ["A", "B"]


async def test_q7_a_run_whose_flow_is_gone_waits_until_it_is_there_again(caplog: pytest.LogCaptureFixture) -> None:
    store, bench, other = MemoryStore(), Bench(), {"other": ["-> A"]}
    run_id = await begun(store, bench, "-> A B", "A B -> C")
    broker = MemoryBroker({"q": bench, "later": bench})
    async with serving(broker, store, written(**other)) as client:
        await (await client.start("other")).wait(timeout=5)
        assert (await client.run(run_id).status()).state is Status.RUNNING
        with pytest.raises(RequestError, match="needs flow 'main', which is not configured; it can be cancelled"):
            await client.run(run_id).pause()
    assert f"held: run {run_id} needs flow 'main'" in caplog.text
    assert broker.parked == []
    (message,) = (one for one in broker.published if one.routing_key == "later")
    assert all(one.correlation_id != message.headers["id"] for one in broker.acked)
    again = MemoryBroker({"q": bench})
    again.deliver(worked(lambda headers, body: None, message))  # as brokers do with what nobody acknowledged
    async with serving(again, store, written("-> A B", "A B -> C")) as client:
        outcome = await client.run(run_id).wait(timeout=5)
    assert outcome.succeeded
    assert bench.ran == ["A", "B", "A", "C"]


async def test_q7_a_run_whose_flow_is_gone_can_be_cancelled() -> None:
    store, bench = MemoryStore(), Bench()
    run_id = await begun(store, bench, "-> A B", "A B -> C")
    async with serving(MemoryBroker(), store, written(other=["-> A"])) as client:
        await client.run(run_id).cancel()
        assert (await client.run(run_id).status()).state is Status.CANCELLED


async def said_of(store: MemoryStore, configuration: Mapping[str, Any], caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    caplog.set_level(logging.INFO, "asyncflow.changes")
    loaded = load_mapping(configuration, builtins=BUILT_INS, environ={}).configuration
    await tell_changes(store, loaded.flows)
    return [record.getMessage() for record in caplog.records if record.name == "asyncflow.changes"]


async def test_q7_what_has_changed_for_open_runs_is_said_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    store, edges = MemoryStore(), ("-> A B", "A B -> C", "C -> D")
    run_id = await begun(store, Bench(), *edges)
    assert await said_of(store, written(*edges), caplog) == []
    assert await said_of(store, written("A B -> C", "-> A B", "A -> N"), caplog) == [
        (
            f"flow changed: main, whose 1 open run ({run_id}) goes on by the new definition: "
            "gone edge [C -> D]; new edge [A -> N]"
        )
    ]
    assert await said_of(store, written(*reversed(edges)), caplog) == [
        f"flow changed: main, whose 1 open run ({run_id}) goes on by the new definition, with the same edges"
    ]
    assert await said_of(store, written(other=["-> A"]), caplog) == [
        (
            f"flow gone: main is not configured; its 1 open run ({run_id}) moves no further. "
            "Configure it again and restart, or cancel"
        )
    ]


async def test_q7_what_a_run_did_by_an_older_definition_is_told_by_the_one_served_last() -> None:
    store, bench = MemoryStore(), Bench()
    broker = MemoryBroker({"q": bench, "later": bench})
    async with serving(broker, store, written("-> A", "A -> B", "B -> C")) as client:
        old = await (await client.start("main")).wait(timeout=5)
    assert [(edge["index"], edge["fired"]) for edge in old.report["edges"]] == [(0, 1), (1, 1), (2, 1)]
    async with serving(broker, store, written("A -> N", "B -> C", "-> A B")) as client:
        told = (await client.run(old.run_id).status()).report
        await (await client.start("main")).wait(timeout=5)
        figures = await client.statistics("main")
    assert [(edge["index"], edge["fired"]) for edge in told["edges"]] == [(1, 1)]
    assert told["version"] != old.report["version"]
    counted = {edge["index"]: edge["fired"] for edge in figures["edges"]}
    assert counted == {0: 1, 1: 2, 2: 1}
