"""Several real dispatchers on RabbitMQ and PostgreSQL: killed, frozen, restarted in turn, and sharing fairly."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import orjson
import psycopg
import pytest

from asyncflow.adapters.amqp_topology import slot_of
from asyncflow.adapters.postgresql import PostgresStore, upgrade
from asyncflow.client import Client, connect
from asyncflow.errors import NoDispatcherError
from asyncflow.model import facts as f
from asyncflow.model.names import RunId
from asyncflow.model.run import Status
from asyncflow.model.run_filter import RunFilter
from asyncflow.ports import Entry
from tests.faults.seeds import LONG, sized, skip_when_late
from tests.servers import ROOT, CeleryWorker, RabbitServer, private_folder, wait_until
from tests.storage_servers import PostgresServer, open_folder

KILLS, STOPS = sized(3, 50), sized(2, 50)
RUNS = 20
STEPS = 6
PARTITIONS = 8
LEASE = 2.0

APP = "tests.end_to_end.plain_tasks"

pytestmark = pytest.mark.timeout(0 if LONG else 100)


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

    def __init__(self, folder: Path, broker: str, store: str) -> None:
        self.folder = folder
        self.broker = broker
        self.store = store
        self.ledger = folder / "ledger"
        self.ledger.touch()
        (folder / "flow.yaml").write_bytes(orjson.dumps(flows(self.ledger)))

    def leases(self) -> dict[str, list[str]]:
        """Partitions, and seats, by owner."""
        found: dict[str, list[str]] = {}
        with psycopg.connect(self.store, autocommit=True, options="-c search_path=asyncflow") as connection:
            sql = "SELECT owner, partition FROM leases WHERE expires > clock_timestamp()"
            for owner, partition in connection.execute(sql):
                found.setdefault(owner, []).append(partition)
        return found


class Fleet:
    """As many `asyncflow serve` as are started."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.name = uuid4().hex[:8]
        self._processes: list[subprocess.Popen[bytes]] = []

    def serve(self) -> subprocess.Popen[bytes]:
        environ = {
            **os.environ,
            "ASYNCFLOW_BROKER_URL": self.site.broker,
            "ASYNCFLOW_STORE_URL": self.site.store,
            "ASYNCFLOW_PARTITIONS": str(PARTITIONS),
            "ASYNCFLOW_LEASE": str(LEASE),
        }
        command = "from asyncflow.cli import main; main()"
        with self._log(len(self._processes)).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", command, "serve", "-v", "-c", str(self.site.folder / "flow.yaml")],
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


@pytest.fixture(scope="module")
def site(rabbit: RabbitServer) -> Iterator[Site]:
    name = f"takeover_{uuid4().hex}"
    with open_folder() as of_store, private_folder() as folder, PostgresServer(of_store) as postgresql:
        broker = rabbit.add_vhost(name)
        anyio.run(upgrade, postgresql.url())
        environ = {"ASYNCFLOW_TEST_BACKEND": "rpc://", "PYTHONPATH": str(ROOT)}
        with CeleryWorker(folder, APP, broker=broker, environ=environ, concurrency=2):
            yield Site(folder, broker, postgresql.url())


@pytest.fixture
def fleet(site: Site) -> Iterator[Fleet]:
    """Dispatchers of this test only; the leases of those before it have ended."""
    wait_until(lambda: not site.leases(), "the leases to end")
    made = Fleet(site)
    try:
        yield made
    finally:
        made.stop()


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


async def ended(process: subprocess.Popen[bytes]) -> int:
    return await anyio.to_thread.run_sync(process.wait, 15)


async def test_three_dispatchers_share_eight_partitions_fairly(fleet: Fleet) -> None:
    dispatchers = [fleet.serve() for _ in range(3)]
    await fleet.wait_shares(3, 3, 2)
    dispatchers[1].send_signal(signal.SIGTERM)
    assert await ended(dispatchers[1]) == 0
    await fleet.wait_shares(4, 4)
    fleet.serve()
    await fleet.wait_shares(3, 3, 2)


@pytest.mark.parametrize("_round", range(KILLS))
async def test_after_a_kill_others_dispatch_everything_within_the_lease_and_two_seconds(
    fleet: Fleet, _round: int
) -> None:
    skip_when_late()
    victim = fleet.serve()
    fleet.serve()
    await fleet.wait_shares(4, 4)
    async with load(fleet, RUNS) as client:
        await progress(fleet, RUNS)
        victim.kill()
        await in_every_partition(fleet, client, LEASE + 2)
    await fleet.wait_shares(8)


@pytest.mark.parametrize("_round", range(STOPS))
async def test_a_dispatcher_that_was_frozen_past_its_lease_commits_nothing_and_takes_its_share_again(
    fleet: Fleet, _round: int
) -> None:
    skip_when_late()
    frozen = fleet.serve()
    fleet.serve()
    await fleet.wait_shares(4, 4)
    async with load(fleet, RUNS) as client:
        await progress(fleet, RUNS)
        frozen.send_signal(signal.SIGSTOP)
        # What it had been sent already is waited for until its heartbeats, one a lease, are missed.
        await in_every_partition(fleet, client, 4 * LEASE)
        await fleet.wait_shares(8)
        frozen.send_signal(signal.SIGCONT)
        await fleet.wait_shares(4, 4)
    assert "its lease" in fleet.log_of(frozen)


async def test_a_rolling_restart_under_load_loses_and_doubles_nothing(fleet: Fleet) -> None:
    old = [fleet.serve(), fleet.serve()]
    await fleet.wait_shares(4, 4)
    async with load(fleet, RUNS) as client:
        for number, one in enumerate(old):
            await progress(fleet, (number + 1) * RUNS // 2)
            fleet.serve()
            await fleet.wait_shares(3, 3, 2)
            one.send_signal(signal.SIGTERM)
            assert await ended(one) == 0
        await fleet.wait_shares(4, 4)
        await in_every_partition(fleet, client, 5)


async def test_whoever_is_asked_answers_for_every_run(fleet: Fleet) -> None:
    fleet.serve()
    fleet.serve()
    await fleet.wait_shares(4, 4)
    async with connect(fleet.site.broker) as client:
        roots = [f"{fleet.name}-{number}" for number in range(PARTITIONS)]
        for run_id in roots:
            await client.start("flow", {"run": run_id}, run_id=run_id)
        outcomes = [await client.run(run_id).wait(timeout=20) for run_id in roots]
        children = [node["id"] for outcome in outcomes for node in outcome.nodes if node["name"] == "last"]
        assert any(partition_of(child) != partition_of(root) for child, root in zip(children, roots, strict=True))
        for child in children:
            assert (await client.run(child).status()).state is Status.SUCCEEDED
            assert (await client.run(child).wait(timeout=10)).state is Status.SUCCEEDED
        waiting = f"{fleet.name}-waiting"
        await client.start("waiting", {}, run_id=waiting)
        with anyio.fail_after(10):
            while not (nodes := (await client.run(waiting).status()).nodes):
                await anyio.sleep(0.05)
        child = client.run(str(nodes[0]["id"]))
        async with child.changes() as changes:
            assert "run" in await anext(changes)
            await child.cancel("enough")
            answers = [answer async for answer in until_ended(changes)]
        assert answers[-1]["run"]["state"] == "cancelled"
        assert (await client.run(waiting[:-2]).wait(timeout=10)).state is Status.FAILED


async def until_ended(answers: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[Mapping[str, Any]]:
    with anyio.fail_after(10):
        async for answer in answers:
            yield answer
            if answer.get("ended"):
                return
