"""The store of one dispatcher in one SQLite file: committed by one thread, read by another."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

import anyio

from asyncflow.adapters import exported, rows
from asyncflow.adapters.memory_leases import MemoryLeases
from asyncflow.adapters.sqlite import queries, schema, transaction, upkeep
from asyncflow.adapters.sqlite.connection import explain, open_reader, open_writer
from asyncflow.adapters.sqlite.lock import FileLock
from asyncflow.adapters.sqlite.writer import Writer
from asyncflow.errors import StoreError
from asyncflow.model.commands import SetTimer
from asyncflow.model.finding import Finding
from asyncflow.model.names import FlowName, RunId, TaskId
from asyncflow.model.outline import Outline
from asyncflow.model.run_filter import RunFilter
from asyncflow.model.tally import Tally
from asyncflow.ports import Attempt, Batch, Entry, Lease, Outstanding, RunHeader, Tail

_Answer = TypeVar("_Answer")
_Asked = ParamSpec("_Asked")


class SqliteStore:
    """`async with SqliteStore(path) as store`. `readonly` reads beside the dispatcher that owns the file.

    Entering raises StoreError when the file cannot be used, and says why. Values that JSON cannot say make `commit`
    raise TypeError; nothing is written then.
    """

    def __init__(self, path: Path | str, *, readonly: bool = False) -> None:
        self._path = Path(path)
        self._readonly = readonly
        self._lock = FileLock(self._path.with_name(self._path.name + ".lock"))
        self._reading: ThreadPoolExecutor | None = None
        self._writing: sqlite3.Connection | None = None
        self._writer: Writer | None = None
        self._reader: sqlite3.Connection | None = None
        self._leases = MemoryLeases(time.monotonic)  # whoever has the file is alone
        self._secret = b""

    async def __aenter__(self) -> Self:
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"asyncflow-reads {self._path.name}")
        try:
            await self._off_loop(self._open)
        except StoreError:
            await asyncio.wrap_future(self._leave())  # whoever tries again at once must find the lock free
            raise
        except BaseException:
            self._leave()
            raise
        if self._writing is not None:
            self._writer = Writer(self._writing, self._path)
            self._writer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await asyncio.wrap_future(self._leave())

    @property
    def secret(self) -> bytes:
        return self._secret

    async def commit(self, batch: Batch) -> None:
        self._leases.check(batch.fences)
        await self._writable().write(partial(transaction.write, rows=rows.of_batch(batch)))

    async def mark_published(self, ids: Sequence[TaskId], at: float = 0.0) -> None:
        self._writable().mark([(at, one) for one in ids])

    async def journal(self, run_id: RunId, after: int = 0, limit: int | None = None) -> list[Entry]:
        return await self._read(queries.journal_after, run_id, after, limit)

    async def journals(self, run_ids: Sequence[RunId]) -> dict[RunId, list[Entry]]:
        return await self._read(queries.journals, run_ids)

    async def tails(self, run_ids: Sequence[RunId]) -> dict[RunId, Tail]:
        return await self._read(queries.tails, run_ids)

    async def run_of(self, ids: Sequence[TaskId]) -> dict[TaskId, RunId]:
        return await self._read(queries.run_of, ids)

    async def verdicts(self, ids: Sequence[TaskId]) -> dict[TaskId, str]:
        return await self._read(queries.verdicts, ids)

    async def results(self, ids: Sequence[TaskId]) -> dict[TaskId, bytes]:
        return await self._read(queries.results, ids)

    async def unpublished(self, partitions: Collection[int] | None = None) -> list[Attempt]:
        await self._marks_written()  # what was marked just now is not to be published again
        return await self._read(queries.unpublished, partitions)

    async def outstanding(self, before: float, partitions: Collection[int] | None = None) -> list[Outstanding]:
        await self._marks_written()
        return await self._read(queries.outstanding, before, partitions)

    async def timers(self, partitions: Collection[int] | None = None) -> list[SetTimer]:
        return await self._read(queries.timers, partitions)

    async def take_slot(self, name: str, now: float, interval: float) -> float:
        return await self._writable().write(partial(transaction.take_slot, name=name, now=now, interval=interval))

    async def keep_outlines(self, outlines: Sequence[Outline], at: float) -> None:
        written = [rows.of_outline(outline, at) for outline in outlines]
        await self._writable().write(partial(transaction.keep_outlines, rows=written))

    async def outlines(self, flow: FlowName) -> list[Outline]:
        return await self._read(queries.outlines, flow)

    async def open_flows(self) -> dict[FlowName, int]:
        return await self._read(queries.open_flows)

    async def outcomes(self, since: float, width: float) -> list[Tally]:
        return await self._read(queries.outcomes, since, width)

    async def longest_open(self, limit: int) -> list[RunHeader]:
        return await self._read(queries.longest_open, limit)

    async def header(self, run_id: RunId) -> RunHeader | None:
        return await self._read(queries.header, run_id)

    async def headers(self, which: RunFilter) -> list[RunHeader]:
        return await self._read(queries.headers, which)

    async def remove_ended(self, before: float, limit: int) -> int:
        return await self._writable().write(partial(upkeep.remove_ended, before=before, limit=limit))

    async def check(self) -> list[Finding]:
        return await self._read(upkeep.findings)

    async def export(self, run_ids: Sequence[RunId] | None = None) -> AsyncIterator[bytes]:
        yield exported.first_line()
        last = 0
        while page := await self._read(upkeep.exported_page, last, run_ids):
            for last, lines in page:  # noqa: B007  (the last one is where the next page begins)
                for line in lines:
                    yield line

    async def acquire(self, partition: str, owner: str, ttl: float) -> int | None:
        return self._leases.acquire(partition, owner, ttl)

    async def renew(self, held: Mapping[str, int], ttl: float) -> set[str]:
        return self._leases.renew(held, ttl)

    async def release(self, held: Mapping[str, int]) -> None:
        self._leases.release(held)

    async def leases(self) -> list[Lease]:
        return self._leases.leases()

    async def agree_on_partitions(self, count: int) -> int:
        return await self._writable().write(partial(transaction.agree_on_partitions, count=count))

    def _writable(self) -> Writer:
        if self._writer is None:
            raise StoreError(f"{self._path} is open for reading only, or not open")
        return self._writer

    async def _marks_written(self) -> None:
        if self._writer is not None:
            await self._writer.write(lambda _: None)

    async def _read(
        self,
        query: Callable[Concatenate[sqlite3.Connection, _Asked], _Answer],
        *args: _Asked.args,
        **kwargs: _Asked.kwargs,
    ) -> _Answer:
        def ask() -> _Answer:
            if self._reader is None:
                raise StoreError(f"{self._path} is not open")
            return query(self._reader, *args, **kwargs)

        return await self._off_loop(ask)

    async def _off_loop(self, call: Callable[[], _Answer]) -> _Answer:
        if self._reading is None:
            raise StoreError(f"{self._path} is not open")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reading, call)
        except sqlite3.Error as exc:
            raise explain(exc, self._path) from exc
        except OSError as exc:
            raise StoreError(f"{self._path}: {exc.strerror}; check the permissions of its folder") from exc

    def _open(self) -> None:
        """Runs on the reading thread, for opening may wait for the disk."""
        if not self._path.parent.is_dir():
            raise StoreError(
                f"the folder {self._path.parent} does not exist; make it, or give another path for the store"
            )
        if self._readonly and not self._path.exists():
            raise StoreError(f"there is no store at {self._path}; a dispatcher makes it when it first starts")
        known = schema.migrations()
        if not self._readonly:
            self._lock.acquire()
            self._writing = open_writer(self._path)
            schema.migrate(self._writing, self._path, known)
        self._reader = open_reader(self._path)
        schema.check(self._reader, self._path, known)
        self._secret = schema.read_secret(self._reader)

    def _leave(self) -> Future[None]:
        """Close after all that was asked for is done; goes on by itself if the caller is cancelled."""
        assert self._reading is not None, "entered before"
        writer, self._writer = self._writer, None
        closed = self._reading.submit(self._close, writer)
        self._reading.shutdown(wait=False)
        self._reading = None
        return closed

    def _close(self, writer: Writer | None) -> None:
        """Runs on the reading thread, as the last of its calls."""
        if writer is not None:
            writer.stop()
        for connection in (self._reader, self._writing):
            if connection is not None:
                connection.close()
        self._reader = self._writing = None
        self._lock.release()
