"""Real parts: a private RabbitMQ, stock workers in their own processes, the SQLite store."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from asyncflow.adapters.amqp import AmqpBroker
from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.app import Settings, dispatching
from asyncflow.client import Client, connect
from asyncflow.config import load_mapping
from asyncflow.predicates import BUILT_INS
from asyncflow.storages import StorageResults
from tests.servers import CeleryWorker

TASKS = ("add", "total", "greet", "fail", "fail_at_first", "retry_itself", "not_json", "ignored", "sleep", "mark")

Serve = Callable[..., AbstractAsyncContextManager[Client]]
StartWorker = Callable[..., CeleryWorker]


def plain(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "celery_task": f"tests.end_to_end.plain_tasks.{name}"} | more


def flow(*edges: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """One flow, "flow", over all tasks."""
    tasks = more.pop("tasks", [plain(name) for name in TASKS])
    return {"tasks": tasks, "flows": ["flow"], "flow-definitions": [{"name": "flow", "edges": list(edges), **more}]}


@pytest.fixture
def start_worker(vhost: str, tmp_path: Path) -> Iterator[StartWorker]:
    """Start a stock worker on the test's virtual host; it is stopped with the test."""
    with ExitStack() as stack:

        def start(backend: str = "rpc://", *, queues: str = "celery", python: str = sys.executable) -> CeleryWorker:
            worker = CeleryWorker(
                tmp_path,
                "tests.end_to_end.plain_tasks",
                broker=vhost,
                environ={"ASYNCFLOW_TEST_BACKEND": backend, "PYTHONPATH": str(Path.cwd())},
                python=python,
            )
            worker.queues = queues
            return stack.enter_context(worker)

        yield start


@pytest.fixture
def serve(vhost: str, tmp_path: Path) -> Serve:
    """A dispatcher of a configuration, and a client that reaches it through the broker."""

    @asynccontextmanager
    async def serving(configuration: Mapping[str, Any], **settings: Any) -> AsyncIterator[Client]:
        loaded = load_mapping(configuration, builtins=BUILT_INS, environ={}).configuration
        wanted = Settings(broker_url=vhost, **settings)
        async with (
            SqliteStore(tmp_path / "asyncflow.db") as store,
            AmqpBroker(vhost) as broker,
            dispatching(loaded, broker, store, StorageResults(loaded, environ={}), wanted),
            connect(vhost) as client,
        ):
            yield client

    return serving
