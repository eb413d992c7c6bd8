"""The store's connections: taken for one statement at a time, and opened when they are needed.

Unlike psycopg_pool it has no workers that reconnect in the background, at growing intervals, while callers wait in
vain: whoever needs a connection tries at once, and learns why there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg.pq import TransactionStatus

from asyncflow.adapters.postgresql.address import Address, is_lost
from asyncflow.adapters.rows import Row
from asyncflow.errors import StoreError

Connection: TypeAlias = psycopg.AsyncConnection[Any]

_DURABLE = "SELECT set_config('synchronous_commit', 'on', FALSE) WHERE current_setting('synchronous_commit') = 'off'"
"""Whatever else the server is set to (`local`, `remote_apply`, ...) is its administrator's choice."""


class LostError(StoreError):
    """The connection broke under a statement: nobody knows what became of it."""


class Pool:
    def __init__(self, address: Address, *, readonly: bool) -> None:
        self._address = address
        self._readonly = readonly
        self._free: list[Connection] = []
        """The one that was used last is the next: the others may be closed by the server without harm."""
        self._places = asyncio.Semaphore(address.limits.connections)
        self._is_open = False

    @property
    def is_open(self) -> bool:
        return self._is_open

    def open(self) -> None:
        self._is_open = True

    async def close(self) -> None:
        """Those that are taken are closed when they are given back."""
        self._is_open = False
        await self._drop_free()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of one's own. Raises StoreError, and LostError where the outcome is not known."""
        await self._take_place()
        try:
            connection = await self._take()
            try:
                yield connection
            except (psycopg.Error, UnicodeEncodeError) as exc:
                said = self._address.explain(exc)
                if is_lost(connection, exc):
                    await self._drop_free()  # they are as old as this one
                    raise LostError(f"{said}; the connection broke meanwhile") from exc
                raise said from exc
            finally:
                await self._give_back(connection)
        finally:
            self._places.release()

    async def rows(self, statement: str, values: Any = ()) -> list[Row]:
        """Read, or write what may be written twice: if the connection breaks, the statement is repeated once."""
        try:
            return await self._rows(statement, values)
        except LostError:
            return await self._rows(statement, values)

    async def _rows(self, statement: str, values: Any) -> list[Row]:
        async with self.connection() as connection:
            cursor = await connection.execute(statement.encode(), values, binary=True)
            return await cursor.fetchall() if cursor.description else []

    async def _take_place(self) -> None:
        limits = self._address.limits
        try:
            async with asyncio.timeout(limits.timeout):
                await self._places.acquire()
        except TimeoutError as exc:
            raise StoreError(
                f"{self._address}: all {limits.connections} connections have been busy for {limits.timeout:g} s; "
                "see what the server is busy with, or give the store more connections"
            ) from exc

    async def _take(self) -> Connection:
        if not self._is_open:
            raise StoreError(f"{self._address} is not open")
        while self._free:
            connection = self._free.pop()
            if not connection.closed:
                return connection
        return await self._connect()

    async def _connect(self) -> Connection:
        conninfo = self._address.conninfo(readonly=self._readonly)
        try:
            connection = await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
        except psycopg.Error as exc:
            raise self._address.explain(exc) from exc
        try:
            await connection.execute(_DURABLE)
        except BaseException as exc:
            await connection.close()
            if isinstance(exc, psycopg.Error):
                raise self._address.explain(exc) from exc
            raise
        return connection

    async def _give_back(self, connection: Connection) -> None:
        is_idle = not connection.closed and connection.info.transaction_status is TransactionStatus.IDLE
        if self._is_open and is_idle:
            self._free.append(connection)
        else:
            await connection.close()  # in the middle of something: its user was cancelled

    async def _drop_free(self) -> None:
        dropped, self._free = self._free, []
        for connection in dropped:
            await connection.close()
