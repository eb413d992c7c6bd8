"""Ended runs are removed while others are at work: all of those, and nothing that is not over."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.client import Client, connect
from asyncflow.model.run import Status
from asyncflow.model.run_filter import RunFilter
from tests.faults.seeds import sized, tell
from tests.faults.serving import NODES, Daemon, until

RUNS = sized(150, 5_000)
AT_ONCE = 50

pytestmark = pytest.mark.timeout(0 if RUNS > 150 else 120)


async def test_nothing_live_is_removed_and_all_that_is_over_is(
    vhost: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon = Daemon(tmp_path, vhost)
    with daemon.worker(), daemon.start("--keep", "2s"):
        async with connect(vhost, timeout=30) as client:
            open_runs = [await paused(client, f"open-{number}") for number in range(3)]
            begun = anyio.current_time()
            for first in range(0, RUNS, AT_ONCE):
                async with anyio.create_task_group() as group:
                    for number in range(first, min(first + AT_ONCE, RUNS)):
                        group.start_soon(succeed, client, f"run-{number}")
            worked = anyio.current_time() - begun
            took = await until_left(daemon.database, set(open_runs))
            for run_id in open_runs:
                assert (await client.run(run_id).status()).state is Status.PAUSED
                await client.run(run_id).resume()
            for run_id in open_runs:
                assert (await client.run(run_id).wait(timeout=60)).succeeded
            await until_left(daemon.database, set())
        assert daemon.stop() == 0
    tell(capsys, f"{RUNS} runs in {worked:.1f} s, kept for 2 s: all gone {took:.1f} s later, and 3 open ones kept")
    async with SqliteStore(daemon.database, readonly=True) as store:
        assert await store.check() == []
        assert await store.timers() == []


async def paused(client: Client, run_id: str) -> str:
    run = await client.start("main", run_id=run_id)
    await run.pause()
    return run_id


async def succeed(client: Client, run_id: str) -> None:
    run = await client.start("main", run_id=run_id)
    outcome = await run.wait(timeout=60)
    assert outcome.succeeded
    assert len(outcome.nodes) >= NODES - 2


async def until_left(database: Path, run_ids: set[str]) -> float:
    """Until only these are stored, and what belongs to them."""

    def are_left() -> bool:
        return anyio.run(_roots, database) == run_ids

    return await until(are_left, f"only {run_ids or 'nothing'} to be left", 60)


async def _roots(database: Path) -> set[str]:
    async with SqliteStore(database, readonly=True) as store:
        return {str(header.run_id) for header in await store.headers(RunFilter(limit=100_000))}
