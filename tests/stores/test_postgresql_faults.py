"""The PostgreSQL store under broken connections, a server that dies, and a dispatcher that was frozen."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import psycopg
import pytest

from asyncflow.adapters.postgresql import Limits, PostgresStore, upgrade
from asyncflow.errors import FencedError, StoreError
from asyncflow.ports import Batch
from tests.proxies import Proxy
from tests.servers import ServerError
from tests.storage_servers import PostgresServer, open_folder
from tests.stores.samples import advance, attempt, step

ROOT = Path(__file__).parents[2]


async def versions(url, schema, run_id="r"):
    """What is really stored, past every store."""
    async with await psycopg.AsyncConnection.connect(url, options=f"-c search_path={schema}") as connection:
        sql = "SELECT facts.version FROM facts JOIN runs USING (run) WHERE run_id = %s ORDER BY 1"
        return [version for (version,) in await (await connection.execute(sql, (run_id,))).fetchall()]


@pytest.fixture
async def behind_proxy(postgresql, schema):
    async with (
        Proxy(postgresql.url()) as proxy,
        PostgresStore(proxy.url, schema=schema, auto_upgrade=True, limits=Limits(timeout=1.0)) as store,
    ):
        await store.commit(step("r", 1))
        yield store, proxy
        proxy.lose.clear()


# --- Broken connections ---


@pytest.mark.parametrize("way", ["requests", "replies"])
async def test_a_commit_whose_outcome_was_lost_is_made_once(behind_proxy, postgresql, schema, way):
    store, proxy = behind_proxy
    proxy.lose.add(way)
    committing = asyncio.ensure_future(store.commit(step("r", 2, attempts=(attempt("t1", "r"),))))
    with anyio.fail_after(5):
        while not proxy.lost:
            await anyio.sleep(0.001)
    proxy.lose.clear()
    await committing
    assert await versions(postgresql.url(), schema) == [1, 2]
    assert [one.id for one in await store.unpublished()] == ["t1"]
    await store.commit(step("r", 3))


@pytest.mark.parametrize(("way", "stored"), [("requests", [1]), ("replies", [1, 2])])
async def test_a_commit_that_stays_in_doubt_is_found_out_when_it_is_tried_again(
    behind_proxy, postgresql, schema, way, stored
):
    store, proxy = behind_proxy
    batch = step("r", 2, attempts=(attempt("t1", "r"),))
    proxy.lose.add(way)
    with pytest.raises(StoreError) as caught:
        await store.commit(batch)
    assert not isinstance(caught.value, FencedError)
    with anyio.fail_after(5):
        while await versions(postgresql.url(), schema) != stored:
            await anyio.sleep(0.01)
    proxy.lose.clear()
    await store.commit(batch)
    assert await versions(postgresql.url(), schema) == [1, 2]
    assert [one.id for one in await store.unpublished()] == ["t1"]
    with pytest.raises(FencedError):
        await store.commit(batch)


async def test_a_commit_in_doubt_that_another_dispatcher_outran_is_fenced(behind_proxy, postgresql, schema):
    store, proxy = behind_proxy
    batch = step("r", 2, attempts=(attempt("t1", "r"),))
    proxy.lose.add("requests")
    with pytest.raises(StoreError):
        await store.commit(batch)
    proxy.lose.clear()
    async with PostgresStore(postgresql.url(), schema=schema) as other:
        one = advance("r", 2)
        facts = advance("r", 77).entry.facts
        await other.commit(
            Batch(advances=(type(one)(header=one.header, entry=type(one.entry)(version=2, at=2.0, facts=facts)),))
        )
    with pytest.raises(FencedError, match="run r stands at version 2, not 1"):
        await store.commit(batch)
    assert await store.unpublished() == []


async def test_connections_that_died_unnoticed_are_replaced(postgresql, schema):
    async with PostgresStore(postgresql.url(), schema=schema, auto_upgrade=True) as store:
        for version in range(1, 6):
            await asyncio.gather(*(store.journal("r") for _ in range(8)))  # several connections
            async with await psycopg.AsyncConnection.connect(postgresql.url(), autocommit=True) as connection:
                sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'asyncflow'"
                await connection.execute(sql)
            if version % 2:
                await store.commit(step("r", version))
            else:
                assert len(await store.journal("r")) == version - 1
                await store.commit(step("r", version))


# --- A server that dies ---


@pytest.fixture
def own_server():
    with open_folder() as folder, PostgresServer(folder) as server:
        yield server


def start_again(server):
    """Its former processes may hold its memory for a moment."""
    deadline = time.monotonic() + 20
    while True:
        try:
            server.start()
        except ServerError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


async def insist(store, batch):
    while True:
        try:
            await store.commit(batch)
        except FencedError:
            raise
        except StoreError:
            await anyio.sleep(0.05)
        else:
            return


async def test_a_server_killed_in_the_middle_of_commits_loses_and_doubles_nothing(own_server):
    acknowledged = dict.fromkeys(range(4), 0)
    stop = anyio.Event()

    async def dispatch(lane):
        async with PostgresStore(own_server.url(), limits=Limits(timeout=2.0)) as store:
            while not stop.is_set():
                version = acknowledged[lane] + 1
                run = f"lane-{lane}"
                await insist(store, step(run, version, attempts=(attempt(f"{run}-{version}", run),)))
                acknowledged[lane] = version

    async def progress(seconds):
        begun = dict(acknowledged)
        with anyio.fail_after(seconds):
            while any(acknowledged[lane] < begun[lane] + 5 for lane in acknowledged):
                await anyio.sleep(0.01)

    await upgrade(own_server.url())
    async with anyio.create_task_group() as group:
        for lane in acknowledged:
            group.start_soon(dispatch, lane)
        await progress(20)
        for _ in range(3):
            own_server.kill()
            await asyncio.to_thread(start_again, own_server)
            await progress(10)
        stop.set()
    async with PostgresStore(own_server.url()) as store:
        for lane, version in acknowledged.items():
            entries = await store.journal(f"lane-{lane}")
            assert [entry.version for entry in entries] == list(range(1, version + 1))
        attempts = [one.id for one in await store.unpublished()]
        assert len(attempts) == len(set(attempts)) == sum(acknowledged.values())
        assert [one for one in await store.check() if "fsync" not in one.message] == []


async def test_a_store_comes_back_soon_after_an_outage(own_server):
    async with PostgresStore(own_server.url(), auto_upgrade=True, limits=Limits(timeout=1.0)) as store:
        await store.commit(step("r", 1, attempts=(attempt("t1", "r"),)))
        own_server.kill()
        await store.mark_published(["t1"], 5.5)
        began = time.monotonic()
        while time.monotonic() < began + 1.5:
            with pytest.raises(StoreError, match=r"refused|broke"):
                await store.journal("r")
            await anyio.sleep(0.2)
        await asyncio.to_thread(start_again, own_server)
        with anyio.fail_after(2):
            await insist(store, step("r", 2))
        assert await store.unpublished() == []
        assert [one.published_at for one in await store.outstanding(99.0)] == [5.5]


# --- A frozen dispatcher ---


class Dispatcher:
    """`lease_writer` in its own process."""

    def __init__(self, url, schema, owner):
        command = [sys.executable, "-u", "-m", "tests.stores.lease_writer", url, schema, owner]
        self._child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.said = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._child.kill()
        self._child.communicate()

    def send(self, what):
        os.kill(self._child.pid, what)

    async def until(self, word):
        """What it says next that begins with this word."""
        with anyio.fail_after(20):
            while True:
                line = (await asyncio.to_thread(self._child.stdout.readline)).split()
                self.said.append(line)
                if line[0] == word:
                    return " ".join(line[1:])


@pytest.mark.parametrize("stop", [signal.SIGSTOP, signal.SIGKILL], ids=["frozen", "killed"])
async def test_a_partition_is_taken_over_and_its_former_owner_commits_nothing_more(postgresql, schema, stop):
    url = postgresql.url()
    await upgrade(url, schema=schema)
    with Dispatcher(url, schema, "ann") as ann:
        await ann.until("wrote")
        with Dispatcher(url, schema, "ben") as ben:
            await anyio.sleep(0.3)
            ann.send(stop)
            stopped = time.monotonic()
            assert await ben.until("holds") == "2"
            taken_after = time.monotonic() - stopped
            first = int(await ben.until("wrote"))
            if stop is signal.SIGSTOP:
                ann.send(signal.SIGCONT)
                assert await ann.until("fenced") == "partition p is at epoch 2, not 1: another dispatcher has taken it"
            await ben.until("wrote")
        assert taken_after < 1.0 + 2.0  # the lease, and two seconds
        told = [int(line[1]) for line in ann.said if line[0] == "wrote"]
        assert max(told, default=0) < first
    stored = await versions(url, schema)
    assert stored == list(range(1, len(stored) + 1))
    async with PostgresStore(url, schema=schema) as store:
        owners = {int(one.id.partition("-")[2]): one.id.partition("-")[0] for one in await store.unpublished()}
    assert {owner for version, owner in owners.items() if version >= first} == {"ben"}
    assert {owner for version, owner in owners.items() if version < first} == {"ann"}
