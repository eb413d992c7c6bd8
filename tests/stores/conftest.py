"""Every store adapter, for the suite that all of them pass."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

import psycopg
import pytest

from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.adapters.postgresql import PostgresStore
from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.ports import Store
from tests.storage_servers import PostgresServer

Opener: TypeAlias = Callable[[], Store]


@pytest.fixture
def schema(postgresql: PostgresServer) -> Iterator[str]:
    """A schema that nobody else uses: quicker made than a database."""
    name = f"test_{uuid4().hex}"
    yield name
    with psycopg.connect(postgresql.url(), autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Makes the same store again at each call, to be entered anew."""
    if request.param == "memory":
        store = MemoryStore()
        return lambda: store
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "store.db")
    server, schema = request.getfixturevalue("postgresql"), request.getfixturevalue("schema")
    return lambda: PostgresStore(server.url(), schema=schema, auto_upgrade=True)


@pytest.fixture
async def store(opener: Opener) -> AsyncIterator[Store]:
    async with opener() as opened:
        yield opened
