"""A real `asyncflow serve` in its own process, workers with a ledger, and clients that insist."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import anyio
import orjson

from asyncflow.client import Client
from asyncflow.config import load_mapping
from asyncflow.errors import ConnectionFailedError, NoDispatcherError
from asyncflow.model.flow import Configuration
from asyncflow.predicates import BUILT_INS
from tests.faults.seeds import LONG
from tests.faults.workers import Execution
from tests.servers import ROOT, CeleryWorker

APP = "tests.faults.ledger_tasks"


def _task(name: str, body: str = "mark") -> dict[str, Any]:
    return {"name": name, "celery_task": f"{APP}.{body}", "args": [{"value": name}]}


def document() -> dict[str, Any]:
    """A chain with a fan-out, a join, a condition, a sub-flow, and a failure with its fallback: nine nodes a run."""
    edges = [
        {"from": [], "to": "Begin"},
        {"from": "Begin", "to": ["Left", "Right", "Bad"]},
        {"from": ["Left", "Right"], "to": "sub", "condition": {"name": "isStr", "node": "Left"}},
        {"from": "sub", "to": "End"},
    ]
    main = {"name": "main", "edges": edges, "failures": [{"nodes": "Bad", "fallback": "Mend"}]}
    sub = {"name": "sub", "edges": [{"from": [], "to": "First"}, {"from": "First", "to": "Last"}]}
    names = ["Begin", "Left", "Right", "First", "Last", "End", "Mend"]
    tasks = [*map(_task, names), _task("Bad", "fail")]
    return {"tasks": tasks, "flows": ["main", "sub"], "flow-definitions": [main, sub]}


_PATIENCE = 1800 if LONG else 120
"""Seconds: with every kill more waits for the next life."""

NODES = 9
TASKS = 8
"""Nodes of a run, and those of them that are tasks."""


class Daemon:
    """`asyncflow serve` on a folder: its configuration, its SQLite file, its log, and the workers' ledger."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.database = folder / "asyncflow.db"
        self.ledger = folder / "ledger"
        self.ledger.touch()
        (folder / "flow.yaml").write_bytes(orjson.dumps(document()))
        self._log = folder / "serve.log"
        self._log.touch()
        self._served = 0
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def configuration(self) -> Configuration:
        return load_mapping(document(), builtins=BUILT_INS, environ={}).configuration

    @property
    def pid(self) -> int:
        assert self._child is not None, "it is not running"
        return self._child.pid

    def start(self, *more: str) -> Self:
        command = [Path(sys.executable).with_name("asyncflow"), "serve", "-c", str(self.folder / "flow.yaml"), *more]
        environ = {
            **os.environ,
            "ASYNCFLOW_BROKER_URL": self.url,
            "ASYNCFLOW_STORE_URL": f"sqlite:///{self.database}",
        }
        self._served = self._log_lines()
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
        return self

    @property
    def serves(self) -> bool:
        """Whether it has got so far since it was started."""
        assert self._child is not None, "it is not running"
        assert self._child.poll() is None, f"it has ended by itself:\n{self._log.read_text()[-3000:]}"
        return self._log_lines() > self._served

    def is_over(self, run_id: str) -> bool:
        """Whether a run has ended, read from its store."""
        with sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True, timeout=5) as reader:
            query = "SELECT ended_at IS NOT NULL FROM runs WHERE run_id = ?"
            return reader.execute(query, (run_id,)).fetchone() == (1,)

    def _log_lines(self) -> int:
        return self._log.read_text().count("dispatching ")

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Its exit code."""
        return self._end(signal.SIGTERM)

    def __enter__(self) -> Self:
        return self if self._child else self.start()

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self.kill()

    def _end(self, how: signal.Signals) -> int:
        child, self._child = self._child, None
        assert child is not None, "it is not running"
        child.send_signal(how)
        return child.wait(20)

    def worker(self, concurrency: int = 2) -> CeleryWorker:
        environ = {"ASYNCFLOW_TEST_LEDGER": str(self.ledger), "PYTHONPATH": str(ROOT)}
        return CeleryWorker(self.folder, APP, broker=self.url, concurrency=concurrency, environ=environ)

    def executions(self) -> list[Execution]:
        lines = (line.split() for line in self.ledger.read_text().splitlines())
        return [_execution(id, name) for id, name in lines]


def _execution(id: Any, name: str) -> Execution:
    status, result = ("FAILURE", None) if name == "Bad" else ("SUCCESS", name)
    return Execution(id, name, 0.0, status, result)


async def start_insisting(client: Client, run_id: str) -> None:
    """As long as it takes: the same run id again is the same run."""
    with anyio.fail_after(_PATIENCE):
        while True:
            try:
                await client.start("main", run_id=run_id)
            except (NoDispatcherError, ConnectionFailedError):
                await anyio.sleep(0.2)
            else:
                return


async def until(holds: Any, what: str, seconds: float) -> float:
    """Poll; how long it took."""
    begun = anyio.current_time()
    with anyio.move_on_after(seconds):
        while not await anyio.to_thread.run_sync(holds):
            await anyio.sleep(0.05)
        return anyio.current_time() - begun
    raise AssertionError(f"waited {seconds:g} s for {what}")
