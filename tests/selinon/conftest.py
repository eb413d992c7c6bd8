"""A project that was written for Selinon, workers of every kind that can run it, and asyncflow's dispatcher for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis as redis_driver

from asyncflow.app.daemon import serving
from asyncflow.app.settings import Settings
from asyncflow.client import Client, connect
from asyncflow.model.outcome import Outcome
from tests.environments import python_with_selinon
from tests.servers import CeleryWorker, RedisServer

PROJECT = Path(__file__).parent / "project"

_databases = count(1)

Serve = Callable[..., AbstractAsyncContextManager[Client]]


class Shop:
    """The project in a virtual host and a Redis database of its own."""

    def __init__(self, folder: Path, broker: str, redis: RedisServer) -> None:
        self.folder = folder
        self.broker = broker
        self.backend = redis.url(0)
        database = next(_databases) % 15 + 1
        self.environ = {
            "SHOP_BROKER": broker,
            "SHOP_REDIS_PORT": str(redis.port),
            "SHOP_REDIS_DB": str(database),
            "SHOP_TRACE": str(folder / "trace"),
            "PYTHONPATH": str(PROJECT),
        }
        self.redis = redis_driver.Redis(port=redis.port, db=database)
        self.redis.flushdb()

    def worker(self, app: str, *, backend: str = "rpc://", queues: str = "celery") -> CeleryWorker:
        """A stock worker: of the app `shop_app` with the real Selinon, of any other in our own environment."""
        python = python_with_selinon() if app == "shop_app" else sys.executable
        return CeleryWorker(
            self.folder,
            app,
            broker=self.broker,
            backend=backend,
            queues=[queues],
            concurrency=2,
            path=[PROJECT],
            environ=self.environ,
            python=python,
        )

    @property
    def traced(self) -> set[str]:
        """The events that trace functions of workers and programs were told of, with the task's name."""
        return set((self.folder / "trace").read_text().splitlines())

    def call(self, python: str, script: str, *arguments: str) -> str:
        """What a script of the project prints."""
        command = [python, str(PROJECT / script), *arguments]
        environ = os.environ | self.environ
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def stored(self, outcome: Outcome, task: str) -> list[Any]:
        """The results of a task in the storage, sub-flows included."""
        return [json.loads(self.redis.get(id))["result"] for id in ids_of(outcome.nodes, task)]


def ids_of(nodes: Any, name: str) -> list[str]:
    found = [node["id"] for node in nodes if node["name"] == name]
    return found + [id for node in nodes for id in ids_of(node.get("nodes", ()), name)]


@pytest.fixture
def shop(tmp_path: Path, vhost: str, redis_server: RedisServer) -> Iterator[Shop]:
    shop = Shop(tmp_path, vhost, redis_server)
    yield shop
    shop.redis.close()


@pytest.fixture
def start_worker(shop: Shop) -> Iterator[Callable[..., CeleryWorker]]:
    with ExitStack() as stack:

        def start(app: str, **options: Any) -> CeleryWorker:
            worker = shop.worker(app, **options)
            stack.callback(worker.kill)  # an orderly end takes seconds
            return worker.start()

        yield start


@pytest.fixture
def serve(shop: Shop, tmp_path: Path) -> Serve:
    """A dispatcher of configuration files, and a client that reaches it through the broker."""

    @asynccontextmanager
    async def served(*files: Path, environ: Mapping[str, str] | None = None) -> Any:
        settings = Settings(
            config=files,
            broker_url=shop.broker,
            store_url=f"sqlite:///{tmp_path / 'asyncflow.db'}",
            environ={**os.environ, **shop.environ, **(environ or {})},
        )
        async with serving(settings), connect(shop.broker) as client:
            yield client

    return served
