"""What is particular to the PostgreSQL store: its schema, its connections, its time, several dispatchers on it."""

import asyncio
from contextlib import asynccontextmanager

import anyio
import psycopg
import pytest

from asyncflow.adapters.migration import Migration
from asyncflow.adapters.postgresql import Limits, PostgresStore, upgrade
from asyncflow.adapters.postgresql import schema as schemas
from asyncflow.adapters.postgresql.address import Address
from asyncflow.errors import FencedError, StoreError
from asyncflow.model.run import Status
from asyncflow.model.run_filter import RunFilter
from asyncflow.ports import Batch, Leases, Store
from tests.servers import free_port
from tests.stores.samples import advance, attempt, step, verdict


@pytest.fixture
def opened(postgresql, schema):
    """Opens the store of this test, with the options given."""

    def make(**options):
        return PostgresStore(postgresql.url(), schema=schema, **{"auto_upgrade": True, **options})

    return make


@pytest.fixture
async def aside(postgresql, schema):
    """A connection of one's own, in a transaction, to look at and get in the way of the store."""
    async with await psycopg.AsyncConnection.connect(
        postgresql.url(), options=f"-c search_path={schema}"
    ) as connection:
        yield connection


async def refusal(url, **options):
    with pytest.raises(StoreError) as caught:
        async with PostgresStore(url, **options):
            pass
    return str(caught.value)


async def ask(connection, statement):
    cursor = await connection.execute(statement)
    return await cursor.fetchall() if cursor.description else []


def test_the_type_checker_takes_it_for_a_store_and_for_leases(opened):
    store: Store = opened()
    leases: Leases = opened()
    assert store is not leases


# --- The schema ---


async def test_a_store_that_was_never_made_is_refused_and_left_alone(postgresql, schema, aside):
    said = await refusal(postgresql.url(), schema=schema)
    assert "has no tables yet: it lacks 0001_runs.sql; run `asyncflow db upgrade`" in said
    assert await ask(aside, f"SELECT count(*) FROM pg_namespace WHERE nspname = '{schema}'") == [(0,)]


async def test_an_upgrade_makes_the_store_once(postgresql, schema):
    assert await upgrade(postgresql.url(), schema=schema) == [one.name for one in schemas.migrations()]
    assert await upgrade(postgresql.url(), schema=schema) == []
    async with PostgresStore(postgresql.url(), schema=schema) as store:
        await store.commit(step("r", 1))


async def test_of_several_that_upgrade_at_once_one_does(postgresql, schema):
    done = await asyncio.gather(*(upgrade(postgresql.url(), schema=schema) for _ in range(4)))
    assert sorted(map(len, done)) == [0, 0, 0, len(schemas.migrations())]


async def test_a_store_that_lacks_a_migration_is_refused_until_it_is_upgraded(postgresql, schema):
    address = Address(url=postgresql.url(), schema=schema)
    async with await schemas.connect(address) as connection:
        await schemas.migrate(connection, address, schemas.migrations()[:1])
    said = await refusal(postgresql.url(), schema=schema)
    assert "is older than this asyncflow: it lacks 0002_commit.sql; run `asyncflow db upgrade`" in said
    assert await upgrade(postgresql.url(), schema=schema) == [one.name for one in schemas.migrations()[1:]]


async def test_a_store_of_a_newer_version_is_refused(postgresql, opened, schema, aside):
    async with opened():
        await aside.execute("INSERT INTO migrations VALUES (9999, '9999_later.sql', 'x')")
        await aside.commit()
    assert "newer asyncflow" in await refusal(postgresql.url(), schema=schema)
    assert "newer asyncflow" in await refusal(postgresql.url(), schema=schema, auto_upgrade=True)


async def test_a_store_whose_migrations_differ_is_refused(postgresql, opened, schema, aside):
    async with opened():
        await aside.execute("UPDATE migrations SET checksum = 'x' WHERE number = 1")
        await aside.commit()
    assert "another 0001_runs.sql" in await refusal(postgresql.url(), schema=schema)


async def test_a_migration_that_fails_leaves_nothing_behind(postgresql, schema, aside):
    address = Address(url=postgresql.url(), schema=schema)
    broken = Migration(number=99, name="0099_broken.sql", sql="CREATE TABLE half (a int); SELECT nonsense;")
    async with await schemas.connect(address) as connection:
        with pytest.raises(StoreError, match="nonsense"):
            await schemas.migrate(connection, address, [*schemas.migrations(), broken])
    assert await ask(aside, f"SELECT count(*) FROM pg_namespace WHERE nspname = '{schema}'") == [(0,)]


def test_migrations_are_numbered_from_one_without_gaps():
    assert [one.number for one in schemas.migrations()] == list(range(1, len(schemas.migrations()) + 1))


async def test_two_schemas_in_one_database_are_two_stores(postgresql, schema, opened):
    async with opened() as store:
        await store.commit(step("r", 1))
        other = f"{schema}_b"
        async with PostgresStore(postgresql.url(), schema=other, auto_upgrade=True) as second:
            assert await second.header("r") is None
            assert second.secret != store.secret
    async with await psycopg.AsyncConnection.connect(postgresql.url(), autocommit=True) as connection:
        await connection.execute(f"DROP SCHEMA {other} CASCADE")


@pytest.mark.parametrize("name", ["Asyncflow", "a b", "a;b", "", "1a", "a,b", "é"])
async def test_an_odd_name_for_the_schema_is_refused(postgresql, name):
    with pytest.raises(StoreError, match="is no name for the store's schema"):
        PostgresStore(postgresql.url(), schema=name)


# --- Reaching the server ---


async def test_what_cannot_be_reached_is_named_without_its_password(postgresql):
    secret = "s3cret"
    absent = f"postgresql://ann:{secret}@127.0.0.1:{free_port()}/x"
    said = [
        await refusal(absent, limits=Limits(timeout=2.0)),
        await refusal(postgresql.url("nowhere").replace("@", f":{secret}@")),
    ]
    assert "127.0.0.1" in said[0]
    assert "refused" in said[0].lower()
    assert "there is no such database; make it with `createdb`" in said[1]
    assert secret not in "".join(said)


async def test_a_user_that_the_server_does_not_know_is_named(postgresql):
    said = await refusal(postgresql.url().replace("postgres@", "nobody@"))
    assert "check the user and the password" in said


async def test_commits_are_durable_even_where_the_address_says_otherwise(postgresql, schema):
    url = f"{postgresql.url()}?options=-c%20synchronous_commit%3Doff"
    async with PostgresStore(url, schema=schema, auto_upgrade=True) as store:
        assert await store._pool.rows("SHOW synchronous_commit") == [("on",)]


async def test_a_stricter_setting_of_durability_stays(postgresql, schema):
    url = f"{postgresql.url()}?options=-c%20synchronous_commit%3Dremote_apply"
    async with PostgresStore(url, schema=schema, auto_upgrade=True) as store:
        assert await store._pool.rows("SHOW synchronous_commit") == [("remote_apply",)]


async def test_a_check_tells_of_a_server_that_may_lose_commits(opened):
    async with opened() as store:
        assert [one.message for one in await store.check()] == [
            "the server runs with fsync = off: it may lose commits in a crash"
        ]


async def test_a_reader_reads_and_writes_nothing(opened):
    async with opened() as store, opened(readonly=True) as reader:
        await store.commit(step("r", 1))
        assert await reader.header("r") == advance("r", 1).header
        assert reader.secret == store.secret
        with pytest.raises(StoreError, match="for reading only"):
            await reader.commit(step("r", 2))
        with pytest.raises(StoreError, match="for reading only"):
            await reader.mark_published(["t1"])
        with pytest.raises(StoreError, match="takes no writes"):
            await reader.take_slot("n", 1.0, 1.0)


async def test_a_closed_store_says_so(opened):
    async with opened() as store:
        pass
    with pytest.raises(StoreError, match="not open"):
        await store.journal("r")
    with pytest.raises(StoreError, match="not open"):
        await store.commit(step("r", 1))


async def test_a_store_can_be_left_and_entered_again(opened):
    store = opened()
    for version in (1, 2):
        async with store:
            await store.commit(step("r", version))


async def test_what_the_database_cannot_say_is_refused_and_the_store_lives_on(opened):
    async with opened() as store:
        for odd in ("\ud800", "\x00"):
            with pytest.raises(StoreError, match="PostgreSQL cannot hold"):
                await store.commit(step("r", 1, attempts=(attempt(odd, "r"),)))
        await store.commit(step("r", 1))


# --- Transactions ---


async def test_no_connection_is_left_in_a_transaction(opened, aside):
    async with opened() as store:
        await store.commit(step("r", 1, attempts=(attempt("t1", "r"),)))
        with pytest.raises(FencedError):
            await store.commit(step("r", 9))
        with pytest.raises(StoreError):
            await store.commit(Batch(attempts=(attempt("t2", "nobody"),)))
        await store.remove_ended(9.0, 10)
        await store.check()
        lines = store.export()
        await anext(lines)
        await anext(lines)  # a reader that takes its time
        with anyio.move_on_after(0):
            await store.journal("r")
        store_of = "application_name = 'asyncflow' AND datname = current_database() AND state LIKE 'idle in%'"
        with anyio.fail_after(5):
            while await ask(aside, f"SELECT query FROM pg_stat_activity WHERE {store_of}"):
                await aside.rollback()
                await anyio.sleep(0.01)


async def test_marks_are_written_after_a_while_without_a_commit(opened, aside):
    async with opened() as store:
        await store.commit(step("r", 1, attempts=(attempt("t1", "r"),)))
        await store.mark_published(["t1"], 5.5)
        with anyio.fail_after(5):
            while await ask(aside, "SELECT published FROM attempts") != [(5.5,)]:
                await aside.rollback()
                await anyio.sleep(0.01)


async def test_marks_travel_with_the_next_commit_and_are_not_lost_by_one_that_is_refused(opened, aside):
    async with opened() as store:
        await store.commit(step("r", 1, attempts=(attempt("t1", "r"),)))
        await store.mark_published(["t1"], 5.5)
        with pytest.raises(FencedError):
            await store.commit(step("r", 9))
        await store.commit(step("r", 2))
        assert await ask(aside, "SELECT published FROM attempts") == [(5.5,)]


async def test_a_cancelled_exit_still_writes_what_waits(opened, aside):
    async def use():
        async with opened() as store:
            await store.commit(step("r", 1, attempts=(attempt("t1", "r"),)))
            await store.mark_published(["t1"], 5.5)
            ready.set()
            await anyio.sleep_forever()

    ready = anyio.Event()
    using = asyncio.ensure_future(use())
    await ready.wait()
    using.cancel()
    await asyncio.wait([using])
    assert await ask(aside, "SELECT published FROM attempts") == [(5.5,)]


# --- In each other's way ---


@asynccontextmanager
async def locked(connection, statement="SELECT 1 FROM runs FOR UPDATE"):
    await connection.execute(statement)
    yield
    await connection.rollback()


async def waiting(postgresql, count=1):
    """Wait until so many statements wait for a lock."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'asyncflow'"
    async with await psycopg.AsyncConnection.connect(postgresql.url(), autocommit=True) as connection:
        with anyio.fail_after(10):
            while await ask(connection, sql) != [(count,)]:
                await anyio.sleep(0.01)


async def test_a_commit_that_takes_too_long_is_refused_and_can_be_tried_again(opened, aside):
    async with opened(limits=Limits(timeout=0.3)) as store:
        await store.commit(step("r", 1))
        batch = step("r", 2, attempts=(attempt("t1", "r"),))
        async with locked(aside):
            with pytest.raises(StoreError, match="took longer than the store's timeout"):
                await store.commit(batch)
        assert len(await store.journal("r")) == 1
        await store.commit(batch)


async def test_when_all_connections_are_busy_it_is_said_and_passes(opened, aside):
    async with opened(limits=Limits(timeout=0.5, connections=1)) as store:
        await store.commit(step("r", 1))
        async with store._pool.connection():
            with pytest.raises(StoreError, match="all 1 connections have been busy"):
                await store.journal("r")
        assert len(await store.journal("r")) == 1


async def test_a_takeover_waits_for_the_commit_that_goes_on(postgresql, opened, aside):
    async with opened() as first, opened() as second:
        old = await first.acquire("p", "first", 0.0)
        await first.commit(step("r", 1, fences=(("p", old),)))
        async with locked(aside):
            committing = asyncio.ensure_future(first.commit(step("r", 2, fences=(("p", old),))))
            await waiting(postgresql)
            taking = asyncio.ensure_future(second.acquire("p", "second", 30.0))
            await waiting(postgresql, 2)
        new = await taking
        await committing
        assert len(await second.journal("r")) == 2
        with pytest.raises(FencedError, match=f"partition p is at epoch {new}, not {old}"):
            await first.commit(step("r", 3, fences=(("p", old),), attempts=(attempt("t1", "r"),)))
        assert len(await second.journal("r")) == 2
        assert await second.unpublished() == []


async def test_a_lease_ends_by_the_clock_of_the_server(opened):
    async with opened() as first, opened() as second:
        assert await first.acquire("p", "first", 0.3) == 1
        assert await second.acquire("p", "second", 30.0) is None
        with anyio.fail_after(5):
            while await second.acquire("p", "second", 30.0) is None:
                await anyio.sleep(0.01)
        assert await first.renew({"p": 1}, 30.0) == set()


async def test_renewing_and_committing_at_once_never_wait_in_a_circle(opened):
    async with opened() as store:
        names = [f"p{number}" for number in range(400)]
        held = dict(zip(names, await asyncio.gather(*(store.acquire(one, "ann", 30.0) for one in names)), strict=True))

        async def commit():
            for version in range(1, 60):
                await store.commit(step("r", version, fences=tuple(reversed(held.items()))))

        async def renew():
            for _ in range(60):
                assert await store.renew(held, 30.0) == set(held)

        await asyncio.gather(commit(), renew(), renew())


async def test_of_many_dispatchers_that_want_a_partition_one_gets_it(opened):
    async with opened() as store, opened() as other:
        takers = [(store, other)[number % 2].acquire("p", f"d{number}", 30.0) for number in range(20)]
        assert [epoch for epoch in await asyncio.gather(*takers) if epoch is not None] == [1]


async def test_two_dispatchers_never_take_the_same_slot(opened):
    async with opened() as first, opened() as second:
        taken = await asyncio.gather(*(store.take_slot("n", 5.0, 1.0) for _ in range(15) for store in (first, second)))
        assert sorted(taken) == [5.0 + number for number in range(30)]


async def test_a_run_that_is_opened_again_while_it_is_removed_stays_whole(postgresql, opened, aside):
    async with opened() as store:
        ended = advance("r", 1, status=Status.FAILED, ended_at=2.0)
        await store.commit(Batch(advances=(ended,), attempts=(attempt("t1", "r"),), verdicts=(verdict("t1"),)))
        await aside.execute("UPDATE runs SET ended_at = NULL, status = 'running'")
        removing = asyncio.ensure_future(store.remove_ended(9.0, 10))
        await waiting(postgresql)
        await aside.commit()
        assert await removing == 0
        assert len(await store.journal("r")) == 1
        assert await store.verdicts(["t1"]) == {"t1": "succeeded"}


async def test_a_commit_to_a_run_that_was_removed_is_fenced(opened):
    async with opened() as store, opened() as other:
        await store.commit(Batch(advances=(advance("r", 1, status=Status.FAILED, ended_at=2.0),)))
        assert await other.remove_ended(9.0, 10) == 1
        with pytest.raises(FencedError, match="run r stands at version 0, not 1"):
            await store.commit(step("r", 2))


async def test_many_dispatchers_commit_at_once_to_runs_of_their_own(opened):
    async def dispatch(name):
        async with opened() as store:
            for version in range(1, 21):
                runs = [f"{name}-{number}" for number in range(10)]
                advances = tuple(advance(run, version) for run in runs)
                await store.commit(Batch(advances=advances, attempts=(attempt(f"{name}-{version}", runs[0]),)))

    async with opened() as store:
        await asyncio.gather(*map(dispatch, "abc"))
        headers = await store.headers(RunFilter(limit=100))
        assert len(headers) == 30
        assert all(len(entries) == 20 for entries in (await store.journals([one.run_id for one in headers])).values())
        assert len(await store.unpublished()) == 60
