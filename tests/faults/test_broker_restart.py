"""A broker that goes and comes back: workers that are slow to return have lost nothing."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.dispatcher.watchdog import WatchdogSettings
from asyncflow.model.run import Status
from tests.faults.conftest import outcome_worker, serving, single
from tests.servers import RabbitServer

pytestmark = pytest.mark.timeout(180)

BY_HEARTBEATS = WatchdogSettings(grace=1.0, answer=1.0, pause=2.0, settle=2.0)


async def test_a_task_that_runs_while_the_broker_restarts_keeps_its_attempt(
    breakable_rabbit: RabbitServer, store: SqliteStore, tmp_path: Path
) -> None:
    url = breakable_rabbit.add_vhost()
    ledger, release = tmp_path / "ledger", tmp_path / "release"
    ledger.touch()
    with outcome_worker(tmp_path, url, "rpc://"):
        async with serving(single("hold"), url, store, watchdog=BY_HEARTBEATS) as client:
            breakable_rabbit.wait_durable(url, "asyncflow.0")
            run = await client.start("flow", {"ledger": str(ledger), "name": "a", "release": str(release)})
            with anyio.fail_after(30):
                while not ledger.read_text():
                    await anyio.sleep(0.05)
            await anyio.sleep(3)  # the worker is on the roll by then
            await anyio.to_thread.run_sync(breakable_rabbit.restart)
            await anyio.sleep(10)  # more than three heartbeats, and both looks
            assert (await run.status()).nodes[0]["state"] == "running"
            release.touch()
            outcome = await run.wait(timeout=60)
    assert outcome.state is Status.SUCCEEDED, outcome.report
    assert outcome.nodes[0]["attempt"] == 1
