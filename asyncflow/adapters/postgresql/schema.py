"""The schema of the PostgreSQL store: numbered migrations, applied by `upgrade` only."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from asyncflow.adapters.migration import Migration, missing, read_migrations
from asyncflow.adapters.postgresql.address import OLDEST, Address
from asyncflow.errors import StoreError

_LEDGER = """
CREATE TABLE IF NOT EXISTS migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('asyncflow upgrade', 0))"
"""Of several that upgrade at once, the first does, and the others find it done."""


async def upgrade(url: str, *, schema: str = "asyncflow") -> list[str]:
    """Bring the schema up to date, in one transaction; return the names of the migrations that were applied.

    Dispatchers of the version before may be running meanwhile. Raises StoreError.
    """
    address = Address(url=url, schema=schema)
    async with await connect(address) as connection:
        return await migrate(connection, address, migrations())


def migrations() -> list[Migration]:
    """Every migration that this version knows, in order."""
    return read_migrations(__package__)


async def connect(address: Address, *, readonly: bool = False) -> psycopg.AsyncConnection[Any]:
    """A connection of its own, beside the pool: its errors say at once why it failed. Raises StoreError."""
    try:
        connection = await psycopg.AsyncConnection.connect(address.conninfo(readonly=readonly), autocommit=True)
    except psycopg.Error as exc:
        raise address.explain(exc) from exc
    if connection.info.server_version < OLDEST:
        await connection.close()
        raise StoreError(f"{address} is PostgreSQL {connection.info.server_version // 10000}; 15 or newer is needed")
    return connection


async def migrate(connection: psycopg.AsyncConnection[Any], address: Address, known: Sequence[Migration]) -> list[str]:
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute(_LOCK)
            name = sql.Identifier(address.schema)
            await connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
            await connection.execute(_LEDGER)
            lacking = missing(await _applied(connection), known, address)
            for migration in lacking:
                await connection.execute(migration.sql.encode())
                row = (migration.number, migration.name, migration.checksum)
                await connection.execute("INSERT INTO migrations (number, name, checksum) VALUES (%s, %s, %s)", row)
            secret = secrets.token_bytes(16)
            await connection.execute("INSERT INTO meta VALUES ('secret', %s) ON CONFLICT DO NOTHING", (secret,))
    except psycopg.Error as exc:
        raise address.explain(exc) from exc
    return [migration.name for migration in lacking]


async def check(connection: psycopg.AsyncConnection[Any], address: Address, known: Sequence[Migration]) -> bytes:
    """The store's secret. StoreError unless the schema is exactly what this version reads."""
    try:
        cursor = await connection.execute("SELECT to_regclass('migrations')")
        has_ledger = await cursor.fetchone() != (None,)
        lacking = missing(await _applied(connection) if has_ledger else {}, known, address)
        if lacking:
            state = "is older than this asyncflow" if has_ledger else "has no tables yet"
            raise StoreError(f"{address} {state}: it lacks {lacking[0].name}; run `asyncflow db upgrade`")
        cursor = await connection.execute("SELECT value FROM meta WHERE name = 'secret'")
        ((secret,),) = await cursor.fetchall()
    except psycopg.Error as exc:
        raise address.explain(exc) from exc
    return bytes(secret)


async def _applied(connection: psycopg.AsyncConnection[Any]) -> dict[int, str]:
    cursor = await connection.execute("SELECT number, checksum FROM migrations")
    return dict(await cursor.fetchall())
