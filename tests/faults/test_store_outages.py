"""A full disk, and a store that others lock: no half transition, and it goes on by itself.

Short form: 3 outages. ASYNCFLOW_FAULTS=long: 30.
"""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.model.names import TaskId
from asyncflow.testing.broker import MemoryBroker
from tests.faults import invariants
from tests.faults.evidence import evidence, is_settled
from tests.faults.loose_ends import dispatching, loaded
from tests.faults.seeds import LONG, in_time, sized, tell
from tests.faults.serving import document, until
from tests.faults.workers import Execution

ROUNDS = sized(1, 10)
RUNS = 40
"""Started before and during each outage."""
FILL = 24 * 1024 * 1024

pytestmark = pytest.mark.timeout(0 if LONG else 120)


def worker(ledger: list[Execution]) -> Callable[[Mapping[str, Any], list[Any]], str]:
    def run(headers: Mapping[str, Any], body: list[Any]) -> str:
        id, name = TaskId(headers["id"]), str(body[0][0])
        failed = name == "Bad"
        ledger.append(Execution(id, name, 0.0, "FAILURE" if failed else "SUCCESS", None if failed else name))
        if failed:
            raise ValueError(name)
        return name

    return run


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={FILL}", "asyncflow-test", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be made here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Every byte of it is taken for the time being."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    yield
    filler.unlink()


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another program holds it, longer than SQLite waits."""
    other = sqlite3.connect(database, isolation_level=None, timeout=30)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


async def _outlive(outage: Callable[[], Any], database: Path, seconds: float) -> tuple[str, float]:
    """Start runs, let the outage come, start more, see that none is answered, and let it pass."""
    ledger: list[Execution] = []
    broker = MemoryBroker({"celery": worker(ledger)})
    configuration = loaded(document())
    accepted: set[str] = set()
    async with SqliteStore(database) as store, dispatching(configuration, broker, store) as (client, dispatcher):

        async def start(number: int) -> None:
            run = await client.start("main", run_id=f"run-{number}")
            accepted.add(run.id)

        async with anyio.create_task_group() as group:
            for number in range(RUNS):
                group.start_soon(start, number)
            await anyio.sleep(0.01)  # the outage comes into the midst of them
            with outage():
                for number in range(RUNS, 2 * RUNS):
                    group.start_soon(start, number)
                await anyio.sleep(seconds)  # how long the outage is
                during, sent, told = set(accepted), len(ledger), dispatcher.trouble
            passed = anyio.current_time()
        await until(lambda: is_settled(database, 2 * RUNS), "all runs to end", 30)
        took = anyio.current_time() - passed
    world = await evidence(database, configuration, accepted, ledger)
    assert world.findings == []
    assert invariants.violations(world) == []
    assert len(during) < 2 * RUNS, "the outage was not noticed"
    assert told.startswith("store away: "), told
    assert dispatcher.trouble == ""
    return f"{len(during)} of {2 * RUNS} runs accepted and {sent} tasks sent until its end", took


async def test_a_full_disk_stops_acceptance_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in in_time(range(2 * ROUNDS)):
        with small_disk(tmp_path / f"disk-{number}") as disk:
            told, took = await _outlive(lambda disk=disk: full(disk), disk / "asyncflow.db", 1.0)
        tell(capsys, f"disk full for 1 s: {told}, all over {took:.1f} s after it")


async def test_a_locked_store_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in in_time(range(ROUNDS)):
        database = tmp_path / f"asyncflow-{number}.db"
        told, took = await _outlive(lambda database=database: locked(database), database, 6.0)
        tell(capsys, f"store locked for 6 s: {told}, all over {took:.1f} s after it")
