"""`asyncflow serve` killed at random times, on RabbitMQ and SQLite: nothing lost, nothing decided twice.

Short form: 10 kills during 300 runs. ASYNCFLOW_FAULTS=long: 300 kills during 10,000.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest

from asyncflow.client import connect
from tests.faults import invariants
from tests.faults.evidence import evidence, is_settled, starts_of
from tests.faults.seeds import LONG, SEED, sized, tell
from tests.faults.serving import NODES, TASKS, Daemon, start_insisting, until
from tests.servers import RabbitServer

KILLS, RUNS = sized(10, 300), sized(300, 10_000)
LONGEST_LIFE = 1.0
"""Seconds, most often counted from when it serves, sometimes from when it is started."""

pytestmark = pytest.mark.timeout(0 if LONG else 180)


async def _kill_again_and_again(daemon: Daemon, draw: random.Random, start_some: Callable[[int], None]) -> None:
    """Runs are started throughout: in each life, and while nobody lives."""
    for life in range(KILLS):
        start_some(life)
        daemon.start()
        if draw.random() < 0.8:
            await until(lambda: daemon.serves, "the dispatcher to serve", 30)
        await anyio.sleep(draw.uniform(0, LONGEST_LIFE))  # the fault itself: a kill at any time
        daemon.kill()


async def test_a_dispatcher_that_is_killed_at_random_times_loses_and_doubles_nothing(
    rabbit: RabbitServer, vhost: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(SEED or random.SystemRandom().randrange(2**32))
    draw = random.Random(seed)
    daemon, accepted = Daemon(tmp_path, vhost), set[str]()
    with ExitStack() as stack:
        stack.enter_context(daemon.worker())
        stack.push(daemon)  # none is left behind
        async with connect(vhost, timeout=5) as client, anyio.create_task_group() as group:

            async def start(run_id: str) -> None:
                await anyio.sleep(draw.random() * LONGEST_LIFE)
                await start_insisting(client, run_id)
                accepted.add(run_id)

            def start_some(life: int) -> None:
                for number in range(life, RUNS, KILLS):
                    group.start_soon(start, f"run-{number}")

            await _kill_again_and_again(daemon, draw, start_some)
            before = len(daemon.executions())
            daemon.start()
        took = await until(lambda: is_settled(daemon.database, RUNS), "all runs to end", 600 if LONG else 60)
        assert daemon.stop() == 0
    world = await evidence(daemon.database, daemon.configuration, accepted, daemon.executions())
    ran = len(world.workers.ledger)
    told = f"{KILLS} kills, {RUNS} runs (seed {seed}): {before} of {RUNS * TASKS} tasks before the last kill"
    tell(capsys, f"{told}, all over {took:.1f} s after it; {ran - RUNS * TASKS} task bodies ran again")
    assert world.findings == []
    assert invariants.violations(world) == []
    assert len(accepted) == RUNS
    assert sum(starts_of(world).values()) == RUNS * NODES
    assert before > 0
