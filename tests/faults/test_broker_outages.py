"""A broker that restarts, closes connections or blocks those that publish, with publishes in flight: nothing is lost.

Short form: 5 outages. ASYNCFLOW_FAULTS=long: 100.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from itertools import count, cycle
from pathlib import Path

import anyio
import pytest

from asyncflow.client import Client, connect
from tests.faults import invariants
from tests.faults.evidence import evidence, is_settled, starts_of
from tests.faults.seeds import LONG, SEED, in_time, sized, tell
from tests.faults.serving import NODES, Daemon, start_insisting, until
from tests.servers import CeleryWorker, RabbitServer

OUTAGES = sized(5, 100)
CAUGHT_UP = 10.0 if LONG else 60.0
"""Seconds from the broker's return until a run that was asked for then is over. The short form may run on a busy machine."""
AT_ONCE = sized(4, 8)
"""Runs under way."""

pytestmark = pytest.mark.timeout(0 if LONG else 400)


def close(broker: RabbitServer, url: str) -> None:
    broker.close_connections(url)


def restart(broker: RabbitServer, url: str) -> None:
    broker.restart()


def block(broker: RabbitServer, url: str) -> None:
    """It says that memory is short, and reads nothing more from connections that publish."""
    broker.evaluate(
        "vm_memory_monitor:set_vm_memory_high_watermark(0.000001), timer:sleep(2000), "
        'vm_memory_monitor:set_vm_memory_high_watermark({absolute, "1GB"}).'
    )


OUTAGE = {"closed": close, "blocked": block, "restarted": restart}


async def _start_runs(client: Client, numbers: Iterator[int], daemon: Daemon, accepted: set[str]) -> None:
    """One after another, for a worker that is behind is no fault."""
    for number in numbers:
        run_id = f"run-{number}"
        await start_insisting(client, run_id)
        accepted.add(run_id)
        while not daemon.is_over(run_id):
            await anyio.sleep(0.05)


async def _nurse(worker: CeleryWorker, broken: Counter[str]) -> None:
    """Start it anew when it breaks, as those who run it would.

    A prefork worker that is reading a result of its pool when it loses its connection forgets what it has read so far,
    cannot make sense of the rest, and hangs (`asynpool.on_result_readable` of Celery 5.7.0).
    """
    while True:
        await anyio.sleep(0.5)
        if "Unrecoverable error: UnpicklingError" in await anyio.to_thread.run_sync(worker.tail):
            broken["workers"] += 1
            await anyio.to_thread.run_sync(worker.kill)
            await anyio.to_thread.run_sync(worker.start)


async def test_nothing_is_lost_when_the_broker_goes_and_comes_back(
    breakable_rabbit: RabbitServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(SEED or random.SystemRandom().randrange(2**32))
    draw = random.Random(seed)
    broker, url = breakable_rabbit, breakable_rabbit.add_vhost()
    daemon, accepted, numbers = Daemon(tmp_path, url), set[str](), count()
    done, broken, slowest = Counter[str](), Counter[str](), 0.0
    kinds = list(zip(cycle(["closed", "blocked", "restarted", "closed"]), range(OUTAGES), strict=False))
    with daemon.worker() as worker, daemon:
        await until(lambda: daemon.serves, "the dispatcher to serve", 60)
        await anyio.to_thread.run_sync(broker.wait_durable, url, "asyncflow.0")
        async with connect(url, timeout=5) as client, anyio.create_task_group() as nursing:
            nursing.start_soon(_nurse, worker, broken)
            async with anyio.create_task_group() as group:
                for _ in range(AT_ONCE):
                    group.start_soon(_start_runs, client, numbers, daemon, accepted)
                for kind, number in in_time(kinds):
                    await anyio.sleep(2 * draw.random())  # into the midst of them
                    await anyio.to_thread.run_sync(OUTAGE[kind], broker, url)
                    returned = anyio.current_time()
                    await start_insisting(client, f"probe-{number}")
                    accepted.add(f"probe-{number}")
                    await until(lambda number=number: daemon.is_over(f"probe-{number}"), "a run to be over", 120)
                    slowest = max(slowest, anyio.current_time() - returned)
                    done[kind] += 1
                group.cancel_scope.cancel()
            for number in range(next(numbers)):  # the last of them were perhaps cut off
                await start_insisting(client, f"run-{number}")
                accepted.add(f"run-{number}")
            await until(lambda: is_settled(daemon.database, len(accepted)), "all runs to end", 600 if LONG else 200)
            nursing.cancel_scope.cancel()
        assert daemon.stop() == 0
    world = await evidence(daemon.database, daemon.configuration, accepted, daemon.executions())
    told = f"{done.total()} of {OUTAGES} outages {dict(done)} (seed {seed}) during {len(accepted)} runs"
    tell(capsys, f"{told}, {broken.total()} workers broken: caught up within {slowest:.1f} s of the broker's return")
    assert world.findings == []
    assert invariants.violations(world) == []
    assert sum(starts_of(world).values()) == len(accepted) * NODES
    assert slowest < CAUGHT_UP
