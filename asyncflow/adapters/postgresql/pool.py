"""The store's connections: taken for one statement at a time, replaced when the server has gone meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from asyncflow.adapters.postgresql.address import Address, is_lost
from asyncflow.adapters.rows import Row
from asyncflow.errors import StoreError

Connection: TypeAlias = psycopg.AsyncConnection[Any]

_DURABLE = "SELECT set_config('synchronous_commit', 'on', FALSE) WHERE current_setting('synchronous_commit') = 'off'"
"""Whatever else the server is set to (`local`, `remote_apply`, ...) is its administrator's choice."""

_GIVE_UP_AFTER = 3.0
"""Seconds after which the pool stops trying in the background: its pauses grow, and whoever asks next tries at once."""


class LostError(StoreError):
    """The connection broke under a statement: nobody knows what became of it."""


class Pool:
    def __init__(self, address: Address, *, size: int, readonly: bool) -> None:
        self._address = address
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            address.conninfo(readonly=readonly),
            min_size=0,
            max_size=size,
            timeout=address.timeout,
            reconnect_timeout=_GIVE_UP_AFTER,
            kwargs={"autocommit": True},
            configure=_configure,
            open=False,
        )

    async def open(self) -> None:
        await self._pool.open()

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of one's own. Raises StoreError, and LostError where the outcome is not known."""
        connection: Connection | None = None
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, PoolClosed) as exc:
            raise self._none_left(exc) from exc
        except (psycopg.Error, UnicodeEncodeError) as exc:
            said = self._address.explain(exc)
            if connection is not None and is_lost(connection, exc):
                # The others are as old as this one: none of them need be found dead one by one.
                await self._pool.check()
                raise LostError(f"{said}; the connection broke meanwhile") from exc
            raise said from exc

    async def rows(self, statement: str, values: Any = ()) -> list[Row]:
        """Read, or write what may be written twice: a broken connection is replaced, and the statement repeated once."""
        try:
            return await self._rows(statement, values)
        except LostError:
            return await self._rows(statement, values)

    async def _rows(self, statement: str, values: Any) -> list[Row]:
        async with self.connection() as connection:
            cursor = await connection.execute(statement.encode(), values, binary=True)
            return await cursor.fetchall() if cursor.description else []

    def _none_left(self, exc: Exception) -> StoreError:
        stats = self._pool.get_stats()
        size, errors = stats.get("pool_size", 0), stats.get("connections_errors", 0)
        if isinstance(exc, PoolTimeout) and size >= self._pool.max_size and not errors:
            return StoreError(
                f"{self._address}: all {size} connections have been busy for {self._address.timeout:g} s; "
                "see what the server is busy with, or give the store more connections"
            )
        if isinstance(exc, PoolTimeout):
            return StoreError(f"{self._address}: no connection within {self._address.timeout:g} s; is the server up?")
        return StoreError(f"{self._address} is not open")


async def _configure(connection: Connection) -> None:
    await connection.execute(_DURABLE)
