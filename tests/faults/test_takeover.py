"""Several real dispatchers on RabbitMQ and PostgreSQL: killed, frozen, restarted in turn, and sharing fairly."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import anyio
import pytest

from asyncflow.client import connect
from asyncflow.model.run import Status
from tests.faults.fleet import (
    LEASE,
    PARTITIONS,
    Fleet,
    Site,
    in_every_partition,
    load,
    open_fleet,
    open_site,
    partition_of,
    progress,
)
from tests.faults.seeds import LONG, sized, skip_when_late
from tests.servers import RabbitServer
from tests.storage_servers import PostgresServer

KILLS, STOPS = sized(3, 50), sized(2, 50)
RUNS = sized(10, 20)

pytestmark = pytest.mark.timeout(0 if LONG else 100)


@pytest.fixture(scope="module")
def site(rabbit: RabbitServer, postgresql: PostgresServer) -> Iterator[Site]:
    with open_site(rabbit, postgresql) as made:
        yield made


@pytest.fixture
def fleet(site: Site) -> Iterator[Fleet]:
    """Dispatchers of this test only."""
    with open_fleet(site) as made:
        yield made


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
