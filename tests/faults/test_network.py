"""A broker or a store that is slow, silent, or hangs up: real dispatchers wait, say for what, and go on by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest

from benchmarks.parts import cpu_seconds
from tests.faults.fleet import PARTITIONS, Fleet, Site, in_every_partition, load, open_fleet, open_site, progress
from tests.proxies import Proxy
from tests.servers import RabbitServer, free_port
from tests.storage_servers import PostgresServer

RUNS = 12
OUTAGE = 6.0
"""Seconds; longer than a lease holds."""
CAUGHT_UP = 20.0
"""Seconds after an outage until every partition is served, on a machine that does other work too."""
LATENCY = 0.02
"""Seconds in each direction."""

pytestmark = pytest.mark.timeout(150)


@pytest.fixture(scope="module")
def site(rabbit: RabbitServer, postgresql: PostgresServer) -> Iterator[Site]:
    with open_site(rabbit, postgresql) as made:
        yield made


class Far:
    """One dispatcher behind proxies, with its page."""

    def __init__(self, fleet: Fleet, broker: Proxy, store: Proxy) -> None:
        self.fleet = fleet
        self.proxy = {"broker": broker, "store": store}
        self._port = free_port()
        self._process = fleet.serve("--http", f"127.0.0.1:{self._port}")

    @property
    def log(self) -> str:
        return self.fleet.log_of(self._process)

    @property
    def cpu(self) -> float:
        """Seconds of a processor that it has taken so far."""
        return cpu_seconds(self._process.pid)

    async def ready(self) -> tuple[int, str]:
        async with httpx.AsyncClient() as asked:
            answer = await asked.get(f"http://127.0.0.1:{self._port}/readyz", timeout=20)
        return answer.status_code, answer.json().get("message", "")


@asynccontextmanager
async def far(site: Site) -> AsyncIterator[Far]:
    async with Proxy(site.broker) as broker, Proxy(site.store) as store:
        with open_fleet(site, broker=broker.url, store=store.url) as fleet:
            made = Far(fleet, broker, store)
            await fleet.wait_shares(PARTITIONS)
            yield made


@pytest.mark.parametrize("which", ["broker", "store"])
async def test_what_is_silent_is_waited_for_and_named(site: Site, which: str) -> None:
    """Half-open connections: nothing is refused and nothing ends, but no byte gets through."""
    async with far(site) as far_away:
        async with load(far_away.fleet, RUNS) as client:
            await progress(far_away.fleet, RUNS)
            with far_away.proxy[which].silent():
                before = far_away.cpu
                await anyio.sleep(OUTAGE)
                took = far_away.cpu - before
                status, message = await far_away.ready()
            await in_every_partition(far_away.fleet, client, CAUGHT_UP)
        assert (status, f"{which} " in message) == (503, True), message
        assert took < OUTAGE / 3, f"{took} s of a processor while it could do nothing"
        with anyio.fail_after(10):
            while (await far_away.ready())[0] != 200:
                await anyio.sleep(0.1)


@pytest.mark.parametrize("which", ["broker", "store"])
async def test_connections_that_break_again_and_again_lose_nothing(site: Site, which: str) -> None:
    async with far(site) as far_away, load(far_away.fleet, RUNS) as client:
        for cut in range(5):
            await progress(far_away.fleet, (cut + 1) * RUNS // 2)
            far_away.proxy[which].cut()
        await in_every_partition(far_away.fleet, client, CAUGHT_UP)


async def test_a_dispatcher_far_from_both_is_only_slower(site: Site) -> None:
    async with far(site) as far_away:
        for proxy in far_away.proxy.values():
            proxy.delay = LATENCY
        async with load(far_away.fleet, RUNS // 4):
            pass
        assert "its lease" not in far_away.log
