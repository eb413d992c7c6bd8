"""Several real `asyncflow serve` on RabbitMQ and PostgreSQL, runs that go on beside what a test does, and their ends."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import orjson
import psycopg

from asyncflow.adapters.amqp_topology import slot_of
from asyncflow.adapters.postgresql import PostgresStore, upgrade
from asyncflow.client import Client, connect
from asyncflow.errors import NoDispatcherError
from asyncflow.model import facts as f
from asyncflow.model.names import RunId
from asyncflow.model.run import Status
from asyncflow.model.run_filter import RunFilter
from asyncflow.ports import Entry
from tests.servers import ROOT, CeleryWorker, RabbitServer, private_folder, wait_until
from tests.storage_servers import PostgresServer

STEPS = 6
PARTITIONS = 8
LEASE = 2.0

APP = "tests.end_to_end.plain_tasks"


def flows(ledger: Path) -> dict[str, Any]:
    """A chain of tasks that ends with a sub-flow; each task writes a line to a file outside the system."""
    arguments = [{"value": str(ledger)}, "node_args.run"]
    steps = [{"name": f"Step{n}", "celery_task": f"{APP}.mark", "args": arguments} for n in range(STEPS)]
    sleep = {"name": "Sleep", "celery_task": f"{APP}.sleep", "args": [{"value": 0.1}], "queue": "nobody"}
    chain = [{"from": f"Step{n}", "to": f"Step{n + 1}"} for n in range(STEPS - 2)]
    edges = [{"from": [], "to": "Step0"}, *chain, {"from": f"Step{STEPS - 2}", "to": "last"}]
    return {
        "tasks": [*steps, sleep],
        "flows": ["flow", "last", "waiting", "asleep"],
        "flow-definitions": [
            {"name": "flow", "propagate_node_args": True, "edges": edges},
            {"name": "last", "edges": [{"from": [], "to": f"Step{STEPS - 1}"}]},
            {"name": "waiting", "edges": [{"from": [], "to": "asleep"}]},
            {"name": "asleep", "edges": [{"from": [], "to": "Sleep"}]},
        ],
    }


class Site:
    """A broker, a store, and a worker."""

    def __init__(self, folder: Path, broker: str, store: str, connection: psycopg.Connection[Any]) -> None:
        self.folder = folder
        self.broker = broker
        self.store = store
        self._connection = connection
        self.ledger = folder / "ledger"
        self.ledger.touch()
        (folder / "flow.yaml").write_bytes(orjson.dumps(flows(self.ledger)))

    def leases(self) -> dict[str, list[str]]:
        """Partitions, and seats, by owner."""
        found: dict[str, list[str]] = {}
        sql = "SELECT owner, partition FROM asyncflow.leases WHERE expires > clock_timestamp()"
        for owner, partition in self._connection.execute(sql):
            found.setdefault(owner, []).append(partition)
        return found


class Fleet:
    """As many `asyncflow serve` as are started, which reach the broker and the store at these URLs."""

    def __init__(self, site: Site, *, broker: str = "", store: str = "") -> None:
        self.site = site
        self._broker = broker or site.broker
        self._store = store or site.store
        self.name = uuid4().hex[:8]
        self._processes: list[subprocess.Popen[bytes]] = []

    def serve(self, *more: str) -> subprocess.Popen[bytes]:
        environ = {
            **os.environ,
            "ASYNCFLOW_BROKER_URL": self._broker,
            "ASYNCFLOW_STORE_URL": self._store,
            "ASYNCFLOW_PARTITIONS": str(PARTITIONS),
            "ASYNCFLOW_LEASE": str(LEASE),
        }
        command = "from asyncflow.cli import main; main()"
        with self._log(len(self._processes)).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", command, "serve", "-v", "-c", str(self.site.folder / "flow.yaml"), *more],
                env=environ,
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def stop(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait()

    def log_of(self, process: subprocess.Popen[bytes]) -> str:
        return self._log(self._processes.index(process)).read_text(errors="replace")

    def logs(self) -> str:
        return "\n".join(f"--- {number}\n{self.log_of(one)[-4000:]}" for number, one in enumerate(self._processes))

    async def wait_shares(self, *sizes: int, seconds: float = 20) -> None:
        """Until so many owners have so many partitions."""
        deadline = time.monotonic() + seconds
        while (found := self._shares()) != sorted(sizes):
            assert time.monotonic() < deadline, f"shares are {found}, not {sizes}\n{self.logs()}"
            await anyio.sleep(0.1)

    def _shares(self) -> list[int]:
        counts = [sum(one.startswith("partition ") for one in leases) for leases in self.site.leases().values()]
        return sorted(count for count in counts if count)

    def _log(self, number: int) -> Path:
        return self.site.folder / f"{self.name}-{number}.log"


@contextmanager
def open_site(rabbit: RabbitServer, postgresql: PostgresServer) -> Iterator[Site]:
    with private_folder() as folder:
        broker, store = rabbit.add_vhost(), postgresql.add_database()
        anyio.run(upgrade, store)
        environ = {"ASYNCFLOW_TEST_BACKEND": "rpc://", "PYTHONPATH": str(ROOT)}
        worker = CeleryWorker(folder, APP, broker=broker, environ=environ, concurrency=2)
        with worker, psycopg.connect(store, autocommit=True) as connection:
            yield Site(folder, broker, store, connection)


@contextmanager
def open_fleet(site: Site, **reached_at: str) -> Iterator[Fleet]:
    """Begun when the leases of those before it have ended."""
    wait_until(lambda: not site.leases(), "the leases to end")
    fleet = Fleet(site, **reached_at)
    try:
        yield fleet
    finally:
        fleet.stop()


async def start_when_served(client: Client, run_id: str) -> None:
    """The same run id again is the same run, so asking twice does no harm."""
    for _ in range(20):
        try:
            await client.start("flow", {"run": run_id}, run_id=run_id)
        except NoDispatcherError:
            continue
        return
    raise AssertionError(f"{run_id} was not started")


@asynccontextmanager
async def load(fleet: Fleet, count: int) -> AsyncIterator[Client]:
    """Start runs one after another beside the test's body; at the end all of them must be over, and be right."""
    runs = [f"{fleet.name}-{number}" for number in range(count)]
    async with connect(fleet.site.broker, timeout=3) as client:
        async with anyio.create_task_group() as group:

            async def start_all() -> None:
                for run_id in runs:
                    group.start_soon(start_when_served, client, run_id)
                    await anyio.sleep(0.05)

            group.start_soon(start_all)
            yield client
        await check_ends(fleet, runs)


async def check_ends(fleet: Fleet, runs: Sequence[str], seconds: float = 40) -> None:
    """Every run has succeeded, each of its nodes was started once, and each task has run."""
    async with PostgresStore(fleet.site.store, readonly=True) as store:
        with anyio.move_on_after(seconds):
            while len(await store.headers(which(fleet, statuses=(Status.SUCCEEDED,)))) < len(runs):
                await anyio.sleep(0.1)
        roots = {header.run_id: header for header in await store.headers(which(fleet))}
        everything = await store.headers(RunFilter(children=True, limit=10_000))
        headers = [header for header in everything if header.root_id in roots]
        states = Counter((header.flow, header.status) for header in headers)
        told = f"{states}\n{fleet.logs()}"
        assert states == {("flow", Status.SUCCEEDED): len(runs), ("last", Status.SUCCEEDED): len(runs)}, told
        journals = await store.journals([header.run_id for header in headers])
        assert [one.id for one in await store.unpublished() if one.run_id in journals] == []
        assert [one for one in await store.timers() if one.run_id in journals] == []
    started = [started_nodes(entries) for entries in journals.values()]
    assert sorted(map(len, started)) == [1] * len(runs) + [STEPS] * len(runs)
    assert all(set(Counter(names).values()) == {1} for names in started)
    assert all(header.partition == partition_of(header.root_id) for header in headers)
    ledger = fleet.site.ledger.read_text().splitlines()
    lines = Counter(line for line in ledger if line in roots)
    assert all(lines[run_id] >= STEPS for run_id in runs)


def which(fleet: Fleet, **more: Any) -> RunFilter:
    return RunFilter(prefix=f"{fleet.name}-", limit=10_000, **more)


def started_nodes(entries: Sequence[Entry]) -> list[str]:
    return [fact.name for entry in entries for fact in entry.facts if isinstance(fact, f.NodeStarted)]


def partition_of(run_id: str) -> int:
    return slot_of(RunId(run_id)) % PARTITIONS


async def in_every_partition(fleet: Fleet, client: Client, seconds: float) -> None:
    """A run can be started in each of them by then."""
    with anyio.fail_after(seconds):
        async with anyio.create_task_group() as group:
            for partition in range(PARTITIONS):
                ids = (f"probe-{fleet.name}-{number}" for number in itertools.count())
                group.start_soon(start_when_served, client, next(id for id in ids if partition_of(id) == partition))


async def progress(fleet: Fleet, lines: int) -> None:
    """Until the ledger has so many lines of this test."""
    with anyio.fail_after(30):
        while fleet.site.ledger.read_text().count(f"{fleet.name}-") < lines:
            await anyio.sleep(0.02)
