"""What is particular to the SQLite store: its file, its lock, its schema, its readers, its group commit."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import anyio
import pytest

from asyncflow.adapters.sqlite import SqliteStore, schema
from asyncflow.adapters.sqlite.connection import open_writer
from asyncflow.errors import FencedError, Severity, StoreError
from asyncflow.model.commands import SetTimer
from asyncflow.model.events import TimerKind
from asyncflow.model.run_filter import RunFilter
from asyncflow.model.snapshot import Snapshot
from asyncflow.ports import Batch, Store
from tests.stores.samples import advance, attempt, step, verdict


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a store #1?.db"


async def refusal(path, **options):
    with pytest.raises(StoreError) as caught:
        async with SqliteStore(path, **options):
            pass
    assert str(path) in str(caught.value) or str(path.parent) in str(caught.value)
    return str(caught.value)


def test_the_type_checker_takes_it_for_a_store(path):
    store: Store = SqliteStore(path)
    assert store.secret == b""


# --- The file ---


async def test_a_missing_folder_is_named(tmp_path):
    assert f"the folder {tmp_path}/no does not exist" in await refusal(tmp_path / "no" / "store.db")


async def test_a_file_that_is_no_database_is_left_alone(path):
    path.write_text("eggs, flour, apples\n" * 200)
    assert "not a SQLite database" in await refusal(path)
    assert path.read_text().startswith("eggs")


async def test_a_folder_in_place_of_the_file_is_refused(path):
    path.mkdir()
    assert "cannot be opened" in await refusal(path)


async def test_the_database_of_another_program_is_left_alone(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    assert "another program" in await refusal(path)
    assert "another program" in await refusal(path, readonly=True)
    assert tables(path) == {"recipes"}


async def test_a_damaged_database_is_named(path):
    async with SqliteStore(path) as store:
        await store.commit(Batch(advances=tuple(advance(f"r{number}", 1) for number in range(500))))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\x7f" * 4096 * 20)
    with pytest.raises(StoreError, match=r"damaged|not a SQLite database"):
        async with SqliteStore(path) as store:
            await store.headers(RunFilter())


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
async def test_a_file_that_may_not_be_written_is_named(tmp_path):
    script = """
import asyncio, os, sys
from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.errors import StoreError
async def use(path):
    async with SqliteStore(path):
        pass
asyncio.run(use(sys.argv[1]))
os.setegid(65534); os.seteuid(65534)
try:
    asyncio.run(use(sys.argv[1]))
except StoreError as exc:
    print(exc)
"""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        command = [sys.executable, "-c", script, f"{folder}/store.db"]
        said = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=20)
    assert said.stderr == ""
    assert f"{folder}/store.db" in said.stdout
    assert "check the permissions" in said.stdout


async def test_a_store_is_durable_at_every_commit(path):
    async with SqliteStore(path) as store:
        assert store._writing.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert store._writing.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


async def test_a_verdict_drops_the_message(path):
    async with SqliteStore(path) as store:
        await store.commit(step("r", 1, attempts=(attempt("t1", "r"),)))
        await store.commit(step("r", 2, verdicts=(verdict("t1"),)))
    assert ask(path, "SELECT verdict, ended_at, envelope, body FROM attempts") == [("succeeded", 9.0, None, None)]


# --- The lock ---


async def test_one_dispatcher_at_a_time_has_the_file(path):
    async with SqliteStore(path):
        assert f"another dispatcher (process {os.getpid()})" in await refusal(path)
    async with SqliteStore(path):
        pass


async def test_a_store_that_could_not_be_opened_does_not_keep_the_lock(path):
    path.write_text("eggs, flour, apples\n" * 200)
    await refusal(path)
    path.unlink()
    async with SqliteStore(path):
        pass


# --- Readers ---


async def test_a_reader_sees_each_commit_while_the_dispatcher_writes(path):
    async with SqliteStore(path) as store, SqliteStore(path, readonly=True) as reader:
        assert reader.secret == store.secret
        for version in range(1, 20):
            await store.commit(step("r", version))
            assert len(await reader.journal("r")) == version


async def test_a_reader_sees_all_of_a_commit_or_nothing(path):
    async with SqliteStore(path) as store, SqliteStore(path, readonly=True) as reader:
        writing = asyncio.ensure_future(commit_pairs(store, 200))
        seen = set()
        while not writing.done():
            found = await reader.journals(["a", "b"])
            assert len(found["a"]) == len(found["b"])
            seen.add(len(found["a"]))
        await writing
        assert len(seen) > 3


async def commit_pairs(store, count):
    for version in range(1, count + 1):
        await store.commit(Batch(advances=(advance("a", version), advance("b", version))))


async def test_reads_do_not_wait_for_the_writer(path):
    async with SqliteStore(path) as store:
        await store.commit(step("r", 1))
        release = threading.Event()
        store._writing.set_progress_handler(lambda: release.wait(20) and 0, 1)
        writing = asyncio.ensure_future(store.commit(step("r", 2)))
        with anyio.fail_after(5):
            assert len(await store.journal("r")) == 1
        assert not writing.done()
        release.set()
        await writing


async def test_a_reader_cannot_write(path):
    async with SqliteStore(path), SqliteStore(path, readonly=True) as reader:
        with pytest.raises(StoreError, match="for reading only"):
            await reader.commit(step("r", 1))
        with pytest.raises(StoreError, match="for reading only"):
            await reader.mark_published(["t1"])


async def test_a_reader_makes_no_store(path):
    assert "there is no store at" in await refusal(path, readonly=True)
    assert not path.exists()


async def test_a_closed_store_says_so(path):
    async with SqliteStore(path) as store:
        pass
    with pytest.raises(StoreError, match="not open"):
        await store.journal("r")
    with pytest.raises(StoreError, match="not open"):
        await store.commit(step("r", 1))


# --- The schema ---


async def test_a_store_of_a_newer_version_is_refused(path):
    async with SqliteStore(path):
        pass
    ask(path, "INSERT INTO migrations VALUES (9999, '9999_later.sql', 'x')")
    assert "newer asyncflow" in await refusal(path)
    assert "newer asyncflow" in await refusal(path, readonly=True)


async def test_a_store_whose_migrations_differ_is_refused(path):
    async with SqliteStore(path):
        pass
    ask(path, "UPDATE migrations SET checksum = 'x' WHERE number = 1")
    assert "another 0001_runs.sql" in await refusal(path)


async def test_a_reader_does_not_bring_an_old_store_up_to_date(path):
    async with SqliteStore(path):
        pass
    ask(path, "DELETE FROM migrations WHERE number = 1")
    assert "lacks 0001_runs.sql" in await refusal(path, readonly=True)


def test_a_migration_that_fails_leaves_nothing_behind(path):
    broken = schema.Migration(number=99, name="0099_broken.sql", sql="CREATE TABLE half (a);\nSELECT nonsense;\n")
    connection = open_writer(path)
    with pytest.raises(sqlite3.OperationalError, match="nonsense"):
        schema.migrate(connection, path, [*schema.migrations(), broken])
    assert tables(path) == set()
    schema.migrate(connection, path, schema.migrations())
    assert "runs" in tables(path)
    connection.close()


def test_a_later_migration_is_applied_to_an_older_store(path):
    later = schema.Migration(number=99, name="0099_later.sql", sql="-- More;\nCREATE TABLE later (a);\n")
    connection = open_writer(path)
    schema.migrate(connection, path, schema.migrations())
    secret = schema.read_secret(connection)
    schema.migrate(connection, path, [*schema.migrations(), later])
    assert "later" in tables(path)
    assert schema.read_secret(connection) == secret
    connection.close()


def test_migrations_are_numbered_from_one_without_gaps():
    assert [one.number for one in schema.migrations()] == list(range(1, len(schema.migrations()) + 1))


# --- What is damaged ---


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("DELETE FROM facts WHERE version = 2", "run r stands at version 3, but its journal has 2 entries"),
        ("DELETE FROM facts WHERE version = 3", "run r stands at version 3, but its journal has 2 entries"),
        ("DELETE FROM facts", "run r stands at version 3, but its journal has 0 entries"),
        ("UPDATE facts SET run = 99 WHERE version = 3", "1 journal entries belong to no run"),
        ("UPDATE attempts SET run = 99", "2 attempts belong to no run"),
        ("UPDATE timers SET run = 99", "1 timers belong to no run"),
        ("UPDATE snapshots SET run = 99", "1 snapshots belong to no run"),
        ("UPDATE snapshots SET version = 4", "the snapshot of run r is of version 4, which the run, at 3,"),
        ("UPDATE runs SET ended_at = 3.0", "run r is running, which its time of ending contradicts"),
        ("UPDATE runs SET status = 'failed'", "run r is failed, which its time of ending contradicts"),
        ("UPDATE runs SET parent_run = 'p', root_id = 'p'", "run r belongs to run p, which is not there"),
        ("UPDATE attempts SET body = NULL", "attempt t1 of run r has neither a verdict nor its message"),
        (
            "UPDATE facts SET facts = CAST('[[\"Nonsense\",{}]]' AS BLOB) WHERE version = 2",
            "entry 2 of run r cannot be read: KeyError",
        ),
        ("UPDATE runs SET status = 'failed', ended_at = 3.0", "run r is over (failed), but 1 of its attempts"),
    ],
)
async def test_a_check_finds_what_cannot_be(path, damage, found):
    timer = SetTimer(run_id="r", kind=TimerKind.RESTART, due=1.0)
    async with SqliteStore(path) as store:
        snapshot = Snapshot(run_id="r", version=2, state=b"")
        await store.commit(step("r", 1, attempts=(attempt("t1", "r"), attempt("t2", "r")), timers=(timer,)))
        await store.commit(step("r", 2, verdicts=(verdict("t2"),), snapshots=(snapshot,)))
        await store.commit(step("r", 3))
        assert await store.check() == []
    ask(path, damage)
    async with SqliteStore(path) as store:
        findings = await store.check()
    assert found in [one.message[: len(found)] for one in findings]
    severity = next(one.severity for one in findings if one.message.startswith(found))
    assert severity is (Severity.WARNING if "is over" in found else Severity.ERROR)


async def test_a_check_finds_a_damaged_file(path):
    async with SqliteStore(path) as store:
        await store.commit(Batch(advances=tuple(advance(f"r{number}", 1) for number in range(50))))
    ((root,),) = ask(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'runs_by_start'")
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(bytes(4096))
    async with SqliteStore(path, readonly=True) as store:
        findings = await store.check()
    assert findings
    assert all("run r" not in one.message for one in findings)


# --- Group commit, and what is not to block ---


async def test_commits_that_wait_together_share_a_transaction(path):
    async with SqliteStore(path) as store:
        statements = []
        store._writing.set_trace_callback(statements.append)
        await asyncio.gather(*(store.commit(step(f"r{number}", 1)) for number in range(100)))
        assert 1 <= statements.count("COMMIT") <= 3


async def test_the_log_is_moved_into_the_file_between_commits(path):
    async with SqliteStore(path) as store:
        statements = []
        store._writing.set_trace_callback(statements.append)
        for version in range(1, 13):
            await store.commit(Batch(advances=tuple(advance(f"r{number}", version) for number in range(1000))))
        assert "PRAGMA wal_checkpoint(PASSIVE)" in statements
        assert path.stat().st_size > 500_000


async def test_marks_are_written_after_a_while_without_a_commit(path):
    async with SqliteStore(path) as store:
        await store.commit(step("r", 1, attempts=(attempt("t1", "r"),)))
        await store.mark_published(["t1"], 5.5)
        with anyio.fail_after(5):
            while ask(path, "SELECT published FROM attempts") != [(5.5,)]:
                await anyio.sleep(0.01)
        statements = []
        store._writing.set_trace_callback(statements.append)
        await store.commit(step("r", 2))
        assert not any("SET published" in statement for statement in statements)


async def test_marks_travel_with_the_next_commit(path):
    async with SqliteStore(path) as store:
        await store.commit(step("r", 1, attempts=(attempt("t1", "r"),)))
        statements = []
        store._writing.set_trace_callback(statements.append)
        await store.mark_published(["t1"])
        await store.commit(step("r", 2))
        assert ask(path, "SELECT published FROM attempts") == [(0.0,)]
        assert statements.count("COMMIT") == 1


async def test_what_cannot_be_bound_fails_alone_and_the_writer_lives_on(path):
    async with SqliteStore(path) as store:
        outcomes = await asyncio.gather(
            store.commit(step("a", 1)),
            store.commit(step("b", 1, attempts=(attempt("\ud800", "b"),))),
            store.commit(step("c", 1, attempts=(attempt("t1", "c", due=object()),))),
            store.commit(step("d", 1)),
            return_exceptions=True,
        )
        assert [type(one) for one in outcomes] == [type(None), StoreError, StoreError, type(None)]
        assert {header.run_id for header in await store.headers(RunFilter())} == {"a", "d"}


async def test_the_event_loop_goes_on_while_the_disk_is_slow(path):
    async with SqliteStore(path) as store:
        store._writing.set_progress_handler(lambda: time.sleep(0.005) or 0, 10)
        writing = asyncio.ensure_future(store.commit(step("r", 1)))
        turns = 0
        while not writing.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns > 100


async def test_a_cancelled_exit_still_writes_what_waits(path):
    with anyio.CancelScope() as scope:
        async with SqliteStore(path) as store:
            await store.commit(step("r", 1, attempts=(attempt("t1", "r"),)))
            await store.mark_published(["t1"])
            scope.cancel()
            await anyio.sleep_forever()
    assert ask(path, "SELECT published FROM attempts") == [(0.0,)]
    async with SqliteStore(path):
        pass


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
async def test_a_cancelled_entry_gives_the_lock_back(path, turns):
    opening = asyncio.ensure_future(SqliteStore(path).__aenter__())
    for _ in range(turns):
        await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait([opening])
    assert opening.cancelled()
    with anyio.fail_after(5):
        while not await can_open(path):
            await anyio.sleep(0.01)


async def can_open(path):
    try:
        async with SqliteStore(path):
            return True
    except StoreError:
        return False


async def test_a_store_can_be_left_and_entered_again(path):
    store = SqliteStore(path)
    for version in (1, 2):
        async with store:
            await store.commit(step("r", version))


async def test_what_failed_to_open_leaves_no_thread_behind(path):
    path.mkdir()
    await refusal(path)
    with anyio.fail_after(5):
        while any(path.name in thread.name for thread in threading.enumerate()):
            await anyio.sleep(0.01)


async def test_a_fenced_batch_does_not_stop_those_that_do_not_wait_with_it(path):
    async with SqliteStore(path) as store:
        with pytest.raises(FencedError):
            await store.commit(step("r", 5))
        await store.commit(step("r", 1))


def ask(path, sql):
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def tables(path):
    return {name for (name,) in ask(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")}
