"""A dispatcher that is started on very many open runs dispatches at once, and fits into memory.

Short form: 10,000 open runs. ASYNCFLOW_FAULTS=long: 100,000.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.client import connect
from asyncflow.model.names import FlowName
from asyncflow.ports import Message, Published
from asyncflow.testing.broker import MemoryBroker
from tests.faults.loose_ends import dispatching
from tests.faults.seeds import LONG, sized, tell
from tests.faults.serving import Daemon, start_insisting
from tests.servers import RabbitServer

OPEN = sized(10_000, 100_000)
SECONDS, MEGABYTES = 10.0, 1000.0
AT_ONCE = 1000

pytestmark = pytest.mark.timeout(0 if LONG else 120)


class SilentWorkers(MemoryBroker):
    """They take every task and never answer."""

    async def publish(self, messages: Sequence[Message]) -> list[Published]:
        return [Published.CONFIRMED] * len(messages)


async def test_open_runs_do_not_delay_a_restart(
    rabbit: RabbitServer, vhost: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon = Daemon(tmp_path, vhost)
    broker = SilentWorkers()
    async with SqliteStore(daemon.database) as store, dispatching(daemon.configuration, broker, store) as (client, _):
        for first in range(0, OPEN, AT_ONCE):
            async with anyio.create_task_group() as group:
                for number in range(first, first + AT_ONCE):
                    group.start_soon(start_insisting, client, f"open-{number}")
        assert (await store.open_flows())[FlowName("main")] == OPEN
    with daemon.worker():
        begun = time.monotonic()
        async with connect(vhost, timeout=1) as client:
            with daemon:
                await start_insisting(client, "fresh")
                outcome = await client.run("fresh").wait(timeout=60)
                took = time.monotonic() - begun
                megabytes = resident(daemon.pid)
    tell(capsys, f"{OPEN} open runs: a fresh run is over {took:.1f} s after the start, {megabytes:.0f} MB resident")
    assert outcome.succeeded
    assert took < SECONDS
    assert megabytes < MEGABYTES


def resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
