"""The SQLite store under a killed process and a full disk."""

import asyncio
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.errors import StoreError
from asyncflow.ports import Batch, Message
from tests.stores.samples import advance, attempt, step

ROOT = Path(__file__).parents[2]
KILLS = 8


async def test_a_killed_process_loses_nothing_acknowledged_and_leaves_nothing_half(tmp_path):
    path = tmp_path / "store.db"
    acknowledged = dict.fromkeys(range(5), 0)
    randomness = random.Random(7)
    for _ in range(KILLS):
        lines = await asyncio.to_thread(run_and_kill, path, randomness.randrange(5, 150))
        for line in lines:
            lane, version = map(int, line.split())
            acknowledged[lane] = version
        await check(path, acknowledged)
    assert min(acknowledged.values()) > 5


def run_and_kill(path, after):
    """Kill the writer once it has acknowledged some commits; everything that it said counts."""
    command = [sys.executable, "-m", "tests.stores.crash_writer", str(path)]
    writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [line for line, _ in zip(writer.stdout, range(after), strict=False)]
    writer.kill()
    said, error = writer.communicate()
    assert error == ""
    *whole, _cut = said.split("\n")
    return [*lines, *whole]


async def check(path, acknowledged):
    async with SqliteStore(path) as store:
        open_attempts = {one.id for one in await store.unpublished()}
        for lane, version in acknowledged.items():
            first, second = (await store.journals([f"{lane}-a", f"{lane}-b"])).values()
            assert len(first) == len(second) >= version
            assert [entry.version for entry in first] == list(range(1, len(first) + 1))
            last = len(first)
            ended = [f"{lane}-{side}-{number}" for side in "ab" for number in range(1, last)]
            assert set(await store.results(ended)) == set(ended)
            assert open_attempts.isdisjoint(ended)
            if last:
                assert f"{lane}-b-{last}" in open_attempts


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here; the test beside this one limits the file instead")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_refuses_commits_until_there_is_space(small_disk):
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(600_000))
    async with SqliteStore(small_disk / "store.db") as store:
        stored = await fill(store)
        ballast.unlink()
        await go_on(store, stored)
    async with SqliteStore(small_disk / "store.db") as store:
        assert len(await store.journal("r")) == stored + 1


async def test_a_full_file_refuses_commits_until_there_is_space(tmp_path):
    async with SqliteStore(tmp_path / "store.db") as store:
        store._writing.execute("PRAGMA max_page_count = 200")
        stored = await fill(store)
        store._writing.execute("PRAGMA max_page_count = 20000")
        await go_on(store, stored)


async def fill(store):
    """Commit until the disk is full; return how many commits were acknowledged."""
    await store.commit(step("r", 1, attempts=(attempt("t1", "r"),)))
    stored, refused = 1, None
    while refused is None and stored < 500:
        try:
            await store.commit(large_step(stored + 1))
            stored += 1
        except StoreError as exc:
            refused = str(exc)
    assert "the disk is full; free some space" in refused
    await store.mark_published(["t1"])
    outcomes = await asyncio.gather(*(store.commit(large_step(stored + 1)) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(one, StoreError) for one in outcomes)
    assert len(await store.journal("r")) == stored
    assert len(await store.run_of([f"t{number}" for number in range(1, stored + 5)])) == stored
    return stored


async def go_on(store, stored):
    await store.commit(large_step(stored + 1))
    assert len(await store.journal("r")) == stored + 1
    assert "t1" not in {one.id for one in await store.unpublished()}


def large_step(version):
    message = Message(routing_key="ovens", body=bytes(20_000))
    return Batch(advances=(advance("r", version),), attempts=(attempt(f"t{version}", "r", message=message),))
