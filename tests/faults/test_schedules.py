"""A schedule on RabbitMQ and PostgreSQL: each tick is one run, though the dispatcher that sees to it is killed."""

from __future__ import annotations

import itertools
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest

from asyncflow.adapters.postgresql import PostgresStore
from asyncflow.model.run_filter import RunFilter
from asyncflow.ports import RunHeader
from tests.faults.fleet import APP, PARTITIONS, Fleet, open_fleet, open_site
from tests.servers import RabbitServer
from tests.storage_servers import PostgresServer

pytestmark = pytest.mark.timeout(100)

NAME = "often"
TICKS = 4


def written(ledger: Path) -> dict[str, Any]:
    mark = {"name": "Mark", "celery_task": f"{APP}.mark", "args": [{"value": str(ledger)}, {"value": "tick"}]}
    return {
        "tasks": [mark],
        "flow-definitions": [{"name": "flow", "edges": [{"from": [], "to": "Mark"}]}],
        "schedules": [{"name": NAME, "flow": "flow", "every": "1s", "catch_up": "all"}],
    }


@pytest.fixture
def fleet(rabbit: RabbitServer, postgresql: PostgresServer) -> Iterator[Fleet]:
    with open_site(rabbit, postgresql) as site, open_fleet(site) as made:
        (site.folder / "flow.yaml").write_bytes(orjson.dumps(written(site.ledger)))
        yield made


def has_schedule(log: str) -> bool:
    """Whether a dispatcher sees to the schedule: it has its partition."""
    partition = f"partition {zlib.crc32(NAME.encode()) % PARTITIONS}:"
    return "taken" in [line for line in ["", *log.splitlines()] if not line or partition in line][-1]


async def until_ticked(store: PostgresStore, count: int) -> list[RunHeader]:
    """The runs, when so many more have been started."""
    before = len(await store.headers(RunFilter(limit=1000)))
    with anyio.fail_after(60):
        while len(found := await store.headers(RunFilter(limit=1000))) < before + count:
            await anyio.sleep(0.1)
    return found


async def test_each_tick_is_one_run_though_its_dispatcher_is_killed(fleet: Fleet) -> None:
    processes = [fleet.serve(), fleet.serve()]
    await fleet.wait_shares(PARTITIONS // 2, PARTITIONS // 2)
    async with PostgresStore(fleet.site.store, readonly=True) as store:
        await until_ticked(store, TICKS)
        [owner] = [one for one in processes if has_schedule(fleet.log_of(one))]
        owner.kill()
        owner.wait()
        headers = await until_ticked(store, TICKS)
    fleet.stop()
    ticks = sorted(datetime.fromisoformat(header.labels["tick"]).timestamp() for header in headers)
    assert Counter(ticks).most_common(1)[0][1] == 1
    assert [late - early for early, late in itertools.pairwise(ticks)] == [1.0] * (len(ticks) - 1)
    assert {header.labels["schedule"] for header in headers} == {NAME}
    assert len(fleet.site.ledger.read_text().splitlines()) >= TICKS
