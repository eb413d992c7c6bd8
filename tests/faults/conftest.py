"""Real parts for things to be done to: a private RabbitMQ, stock prefork workers, the SQLite store."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from asyncflow.adapters.amqp import AmqpBroker
from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.app import Settings, dispatching
from asyncflow.client import Client
from asyncflow.config import load_mapping
from asyncflow.dispatcher.watchdog import WatchdogSettings
from asyncflow.model.outcome import Outcome
from asyncflow.predicates import BUILT_INS
from asyncflow.storages import StorageResults
from tests.environments import python_with_old_celery
from tests.servers import ROOT, CeleryWorker, RabbitServer, RedisServer, private_folder

APP = "tests.faults.outcome_tasks"

CONCURRENCY = 4

QUICK = WatchdogSettings(lease=3.0, queue_budget=3.0, grace=1.0, answer=1.0, pause=1.0, settle=1.0, farewell=5.0)


def outcome_worker(folder: Path, url: str, backend: str, **more: Any) -> CeleryWorker:
    environ = {"ASYNCFLOW_TEST_BACKEND": backend, "PYTHONPATH": str(ROOT), **more.pop("environ", {})}
    return CeleryWorker(folder, APP, broker=url, backend=backend, environ=environ, **more)


def single(name: str, **more: Any) -> dict[str, Any]:
    """A flow of one task; a lost attempt is not retried unless said so."""
    task = {"name": name, "celery_task": f"{APP}.{name}", "on_lost": "fail", **more}
    edges = [{"from": [], "to": name}]
    return {"tasks": [task], "flows": ["flow"], "flow-definitions": [{"name": "flow", "edges": edges}]}


def one_flow_each(tasks: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A flow for each task, named "only_" and its name. Where a task names no `celery_task` of ours, its name is one."""
    made = []
    for name, options in tasks.items():
        called = options.get("celery_task", name)
        made.append({"name": name, "on_lost": "fail", **options, "celery_task": f"{APP}.{called}"})
    definitions = [{"name": f"only_{name}", "edges": [{"from": [], "to": name}]} for name in tasks]
    return {"tasks": made, "flows": [f"only_{name}" for name in tasks], "flow-definitions": definitions}


@dataclass(frozen=True)
class Fleet:
    """A worker on a virtual host of its own."""

    url: str
    backend: str
    worker: CeleryWorker
    listened: str = ""
    """The URL of the result backend, where the dispatcher can read it."""


@pytest.fixture(scope="session")
def fleets(rabbit: RabbitServer, redis_server: RedisServer) -> Iterator[Mapping[str, Fleet]]:
    """One worker for each kind of result backend; all start at once."""
    backends = {"rpc": "rpc://", "rpc-5.6": "rpc://", "redis": redis_server.url(5), "disabled": "disabled://"}
    with ExitStack() as stack:
        folder = stack.enter_context(private_folder())
        found = {}
        for kind, backend in backends.items():
            url = rabbit.add_vhost()
            python = python_with_old_celery() if kind == "rpc-5.6" else sys.executable
            worker = outcome_worker(folder, url, backend, python=python, concurrency=CONCURRENCY)
            stack.callback(worker.kill)
            found[kind] = Fleet(url, backend, worker.launch(), backend if kind == "redis" else "")
        for one in found.values():
            one.worker.start()
        yield found


@asynccontextmanager
async def serving(
    configuration: Mapping[str, Any], url: str, store: SqliteStore, **settings: Any
) -> AsyncIterator[Client]:
    """A dispatcher, and a client in its process."""
    loaded = load_mapping(configuration, builtins=BUILT_INS, environ={}).configuration
    wanted = Settings(broker_url=url, **{"watchdog": QUICK, **settings})
    async with (
        store,
        AmqpBroker(url) as broker,
        dispatching(loaded, broker, store, StorageResults(loaded, environ={}), wanted) as dispatcher,
    ):
        yield Client(dispatcher)


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "asyncflow.db")


async def outcome_of(client: Client, node_args: Any = None, seconds: float = 30) -> Outcome:
    return await (await client.start("flow", node_args)).wait(timeout=seconds)
