"""What a dispatcher keeps in memory is bounded, and it finds in its store what had to leave."""

from __future__ import annotations

from typing import Any

import anyio

from asyncflow.adapters.clock import SystemClock
from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.client import Client
from asyncflow.config import load_mapping
from asyncflow.dispatcher import reader as reader_module
from asyncflow.dispatcher.decider import DeciderSettings
from asyncflow.dispatcher.dispatcher import Dispatcher, DispatcherSettings, Surroundings
from asyncflow.dispatcher.reader import ResultReader
from asyncflow.dispatcher.runs import Hot, HotRuns
from asyncflow.model.run import Run
from asyncflow.ports import Store
from asyncflow.predicates import BUILT_INS
from asyncflow.testing.broker import MemoryBroker
from asyncflow_celery.wire import CeleryCodec

TASKS = [{"name": name, "celery_task": "t", "queue": "q"} for name in ("A", "B", "C")]
FLOW = {
    "tasks": [*TASKS, {"name": "Sum", "celery_task": "t", "queue": "q", "args": ["results.A", "results.B"]}],
    "flows": ["flow"],
    "flow-definitions": [
        {
            "name": "flow",
            "edges": [
                {"from": None, "to": ["A", "B"]},
                {"from": ["A", "B"], "to": "Sum"},
                {"from": "Sum", "to": "C"},
            ],
        }
    ],
}


def dispatcher(broker: MemoryBroker, store: Store, settings: DeciderSettings, written: Any = FLOW) -> Dispatcher:
    configuration = load_mapping(written, builtins=BUILT_INS, environ={}).configuration
    around = Surroundings(
        configuration=configuration,
        broker=broker,
        store=store,
        codec=CeleryCodec(),
        results=None,  # type: ignore[arg-type]  # no task here has a storage
        clock=SystemClock(),
        select=lambda flow, wish: None,  # type: ignore[arg-type,return-value]  # nothing is selected here
    )
    return Dispatcher(around, DispatcherSettings(decider=settings))


async def test_runs_that_have_left_memory_go_on_where_they_were():
    calls: list[Any] = []

    def work(headers, body):
        calls.append(body[0])
        return "x" * 100

    settings = DeciderSettings(hot_runs=3, hot_nodes=10, located=5, batch=7)
    serving = dispatcher(MemoryBroker({"q": work}), MemoryStore(), settings)
    async with anyio.create_task_group() as group:
        await group.start(serving.run)
        client = Client(serving)
        runs = [await client.start("flow") for _ in range(30)]
        outcomes = [await run.wait(timeout=10) for run in runs]
        decider = serving._decider
        assert len(decider._runs._hot) <= 3
        assert len(decider._run_of) <= 5
        group.cancel_scope.cancel()
    assert all(outcome.succeeded for outcome in outcomes)
    assert calls.count(["x" * 100, "x" * 100]) == 30


def run_of(nodes: int) -> Hot:
    return Hot(run=Run(id="r", flow="f", version="", root_id="r", number=nodes), version=1)


def test_large_runs_leave_memory_sooner_than_small_ones():
    runs = HotRuns(MemoryStore(), most=100, heaviest=1000)
    for number in range(50):
        runs.put(f"small-{number}", run_of(1))
    runs.trim()
    assert len(runs._hot) == 50
    runs.put("large", run_of(900))
    runs.trim()
    assert runs.get("large") is not None
    assert 10 < len(runs._hot) < 25
    runs.drop(list(runs._hot))
    assert runs._weight == 0


async def test_more_results_than_are_kept_at_hand_are_all_read(monkeypatch):
    monkeypatch.setattr(reader_module, "_MOST_BYTES", 3000)
    reader = ResultReader({}, MemoryStore(), None)  # type: ignore[arg-type]
    ids = [f"id-{number}" for number in range(20)]
    for id in ids:
        reader.note(id, b"[%d]" % 7)
    assert await reader.inline(ids) == {id: [7] for id in ids}
    reader.trim()
    assert len(reader._inline) < 20
    assert reader._bytes <= 3000
