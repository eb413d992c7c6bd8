"""Figures as Prometheus gets them: over HTTP, of a dispatcher at work."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from asyncflow.adapters.clock import SystemClock
from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.adapters.prometheus import PrometheusMetrics
from asyncflow.adapters.tracing import Lane
from asyncflow.app.observing import Observers
from asyncflow.client import Client
from asyncflow.config import load_mapping
from asyncflow.dispatcher.dispatcher import Dispatcher, Surroundings
from asyncflow.engine.selective import select
from asyncflow.errors import RequestError
from asyncflow.ports import Delivery
from asyncflow.predicates import BUILT_INS
from asyncflow.testing.broker import MemoryBroker
from asyncflow_celery.wire import CeleryCodec
from tests.tracing.test_dispatcher_events import Worker, configuration

FLOW = {"name": "f", "edges": [{"from": None, "to": "A"}]}


def read(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return answer.read().decode()


def figures(text: str) -> Mapping[str, float]:
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


async def served(metrics: PrometheusMetrics, broker: MemoryBroker, declared: Mapping[str, Any], runs: int) -> None:
    """Run the first flow a few times."""
    loaded = load_mapping(declared, builtins=BUILT_INS, environ={}).configuration
    lane = Lane("spans", metrics.ended)
    observers = Observers(metrics=metrics, spans=lane)
    store = MemoryStore()
    dispatcher = Dispatcher(
        observers.around(
            Surroundings(
                configuration=loaded,
                broker=broker,
                store=store,
                codec=CeleryCodec(),
                results=None,  # type: ignore[arg-type]  # no task here has a storage
                clock=SystemClock(),
                select=lambda flow, wish: select(loaded.flows, flow, wish.tasks),
            )
        )
    )
    async with anyio.create_task_group() as group:
        await group.start(dispatcher.run)
        client = Client(dispatcher)
        for _ in range(runs):
            await (await client.start(declared["flows"][0])).wait(timeout=5)
        await client.start("stuck")
        group.start_soon(observers.sample, dispatcher, store)
        with anyio.fail_after(5):
            while "asyncflow_outbox 1.0" not in read_now(metrics):
                await anyio.sleep(0.01)
        group.cancel_scope.cancel()
    assert lane.finish(5)


def read_now(metrics: PrometheusMetrics) -> str:
    with metrics.served(0) as port:
        return read(port)


async def test_runs_attempts_times_and_what_is_open_are_served() -> None:
    stuck = {"name": "stuck", "edges": [{"from": None, "to": "B"}]}
    declared = configuration(FLOW, stuck, A={"max_retry": 1, "retry_countdown": 0}, B={"queue": "nobody"})
    broker = MemoryBroker({"q": Worker(A=3)})
    metrics = PrometheusMetrics()
    broker.deliver(Delivery(body=b"not a report"))

    await served(metrics, broker, declared, runs=3)

    found = figures(read_now(metrics))
    assert found['asyncflow_runs_total{flow="f",outcome="failed"}'] == 1
    assert found['asyncflow_runs_total{flow="f",outcome="succeeded"}'] == 2
    assert found['asyncflow_run_seconds_count{flow="f",outcome="succeeded"}'] == 2
    assert found['asyncflow_attempts_total{flow="f",outcome="retried",task="A"}'] == 2
    assert found['asyncflow_attempts_total{flow="f",outcome="failed",task="A"}'] == 1
    assert found['asyncflow_attempts_total{flow="f",outcome="succeeded",task="A"}'] == 2
    assert found['asyncflow_attempt_seconds_count{flow="f",task="A"}'] == 5
    assert found['asyncflow_open_runs{flow="stuck"}'] == 1
    assert found["asyncflow_outbox"] == 1
    assert found["asyncflow_leases"] == 0
    assert found["asyncflow_dead_letters_total"] == 1
    assert found["asyncflow_dispatch_seconds_count"] == 6  # five reports, and what nobody understood
    assert found["asyncflow_commit_seconds_count"] >= 9
    assert found["asyncflow_publish_seconds_count"] >= 5


async def test_waiting_and_working_are_known_of_workers_that_tell_of_starts() -> None:
    broker = MemoryBroker()

    def tell_start(headers: Mapping[str, Any], body: list[Any]) -> int:
        """As workers do that have task_track_started."""
        report = {"task_id": headers["id"], "status": "STARTED", "result": {"pid": 1, "hostname": "w"}}
        broker.deliver(
            Delivery(body=json.dumps(report).encode(), correlation_id=headers["id"], content_type="application/json")
        )
        return 1

    broker.workers["q"] = tell_start
    metrics = PrometheusMetrics()
    stuck = {"name": "stuck", "edges": [{"from": None, "to": "B"}]}

    await served(metrics, broker, configuration(FLOW, stuck, B={"queue": "nobody"}), runs=2)

    found = figures(read_now(metrics))
    assert found["asyncflow_queue_wait_seconds_count"] == 2
    assert found["asyncflow_task_seconds_count"] == 2


def test_a_port_that_is_taken_is_refused_with_its_number() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RequestError, match=f"port {port}"), PrometheusMetrics().served(port):
            pass
