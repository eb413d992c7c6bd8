"""The store of several dispatchers in PostgreSQL: every commit is one statement, hence one round trip."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import anyio

from asyncflow.adapters import exported
from asyncflow.adapters.postgresql import batch as batches
from asyncflow.adapters.postgresql import leases, queries, schema, upkeep
from asyncflow.adapters.postgresql.address import Address, Limits, RunMovedError
from asyncflow.adapters.postgresql.marks import Marks
from asyncflow.adapters.postgresql.pool import LostError, Pool
from asyncflow.adapters.rows import of_outline, to_attempt, to_header, to_outlines, to_tally
from asyncflow.errors import FencedError, StoreError
from asyncflow.model.commands import SetTimer
from asyncflow.model.finding import Finding
from asyncflow.model.names import FlowName, RunId, TaskId
from asyncflow.model.outline import Outline
from asyncflow.model.run_filter import RunFilter
from asyncflow.model.tally import Tally
from asyncflow.ports import Attempt, Batch, Entry, Lease, Outstanding, RunHeader, Tail

_DEFAULT_LIMITS = Limits()

_log = logging.getLogger("asyncflow.store")


class PostgresStore:
    """`async with PostgresStore("postgresql://...") as store`. It is also the `Leases` of its dispatchers.

    Entering raises StoreError when the database cannot be used, or when its schema is not up to date: `asyncflow db
    upgrade` mends that, and so does `auto_upgrade`. Values that JSON cannot say make `commit` raise TypeError;
    nothing is written then.
    """

    def __init__(
        self,
        url: str,
        *,
        schema: str = "asyncflow",
        readonly: bool = False,
        auto_upgrade: bool = False,
        limits: Limits = _DEFAULT_LIMITS,
    ) -> None:
        self._address = Address(url=url, schema=schema, limits=limits)
        self._readonly = readonly
        self._auto_upgrade = auto_upgrade
        self._pool = Pool(self._address, readonly=readonly)
        self._marks = Marks(self._flush)
        self._turn = asyncio.Lock()
        """Commits of one dispatcher are written in the order in which they were asked for."""
        self._doubtful: Batch | None = None
        """What was last tried to commit, when nobody knows whether it was."""
        self._secret = b""

    async def __aenter__(self) -> Self:
        async with await schema.connect(self._address, readonly=self._readonly) as connection:
            known = schema.migrations()
            if self._auto_upgrade and not self._readonly:
                await schema.migrate(connection, self._address, known)
            self._secret = await schema.check(connection, self._address, known)
        self._pool.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            async with self._turn:  # after all commits that wait
                await self._marks.stop()
                try:
                    await self._write(Batch())
                except StoreError as error:
                    _log.warning("not noted as published: %d attempts: %s", len(self._marks.waiting()), error)
                await self._pool.close()

    @property
    def secret(self) -> bytes:
        return self._secret

    # --- writing ------------------------------------------------------------------------------------------------------

    async def commit(self, batch: Batch) -> None:
        if self._readonly:
            raise StoreError(f"{self._address} is open for reading only")
        async with self._turn:
            await self._write(batch)

    async def mark_published(self, ids: Sequence[TaskId], at: float = 0.0) -> None:
        if self._readonly or not self._pool.is_open:
            raise StoreError(f"{self._address} is open for reading only, or not open")
        self._marks.add(ids, at)

    async def take_slot(self, name: str, now: float, interval: float) -> float:
        values = {"name": name, "now": float(now), "interval": float(interval)}
        ((slot,),) = await self._pool.rows(queries.TAKE_SLOT, values)
        return float(slot)

    async def keep_outlines(self, outlines: Sequence[Outline], at: float) -> None:
        rows = sorted(of_outline(outline, float(at)) for outline in outlines)  # as other dispatchers do at this moment
        if rows:
            await self._pool.rows(queries.KEEP_OUTLINES, [list(column) for column in zip(*rows, strict=True)])

    async def _flush(self) -> None:
        async with self._turn:
            await self._write(Batch())

    async def _write(self, batch: Batch) -> None:
        """Whoever calls it has the turn."""
        marks = self._marks.waiting()
        if marks or batch.fences or not batch.is_empty:
            await self._insist(batch, batches.arguments(batch, marks))
            self._marks.written(marks)

    async def _insist(self, batch: Batch, arguments: batches.Arguments) -> None:
        """Write it. If the connection breaks, write it again: where that is refused, what is stored tells why.

        The server itself lets the second statement wait for the first, if that still goes on.
        """
        for is_last in (False, True):
            try:
                async with self._pool.connection() as connection:
                    await connection.execute(batches.COMMIT, arguments)
            except LostError:
                self._doubtful = batch
                if is_last:
                    raise
            except FencedError as exc:
                if batch is self._doubtful and await self._is_stored(arguments):
                    break
                self._doubtful = None
                raise await self._explained(exc, arguments) from exc
            else:
                break
        self._doubtful = None

    async def _is_stored(self, arguments: batches.Arguments) -> bool:
        """Whether the journal has this batch, and not only its versions."""
        entries = batches.entries(arguments)
        ((found,),) = await self._pool.rows(queries.STORED_ENTRIES, entries)
        return bool(0 < len(entries[0]) == found)

    async def _explained(self, exc: FencedError, arguments: batches.Arguments) -> FencedError:
        if not isinstance(exc, RunMovedError):
            return exc
        expected = batches.versions_before(arguments)
        stored: dict[str, int] = dict(await self._pool.rows(queries.VERSIONS, (list(expected),)))
        for run_id, version in expected.items():
            if stored.get(run_id, 0) != version:
                return FencedError(
                    f"run {run_id} stands at version {stored.get(run_id, 0)}, not {version}: another commit has moved it"
                )
        return exc

    # --- reading ------------------------------------------------------------------------------------------------------

    async def journal(self, run_id: RunId, after: int = 0, limit: int | None = None) -> list[Entry]:
        if not queries.sayable([run_id]):
            return []
        rows = await self._pool.rows(queries.JOURNAL, (run_id, after, limit))
        return (await asyncio.to_thread(queries.to_journals, rows, [run_id]))[run_id]

    async def journals(self, run_ids: Sequence[RunId]) -> dict[RunId, list[Entry]]:
        rows = await self._pool.rows(queries.JOURNALS, (queries.sayable(run_ids),))
        return await asyncio.to_thread(queries.to_journals, rows, run_ids)  # a long journal takes its time

    async def tails(self, run_ids: Sequence[RunId]) -> dict[RunId, Tail]:
        rows = await self._pool.rows(queries.TAILS, {"ids": queries.sayable(run_ids)})
        return await asyncio.to_thread(queries.to_tails, rows, run_ids)

    async def run_of(self, ids: Sequence[TaskId]) -> dict[TaskId, RunId]:
        return dict(await self._of_ids(queries.RUN_OF, ids))

    async def verdicts(self, ids: Sequence[TaskId]) -> dict[TaskId, str]:
        return dict(await self._of_ids(queries.VERDICTS, ids))

    async def results(self, ids: Sequence[TaskId]) -> dict[TaskId, bytes]:
        return dict(await self._of_ids(queries.RESULTS, ids))

    async def unpublished(self, partitions: Collection[int] | None = None) -> list[Attempt]:
        await self._marks_written()  # what was marked just now is not to be published again
        return [to_attempt(row) for row in await self._pool.rows(queries.UNPUBLISHED, _wanted(partitions))]

    async def outstanding(self, before: float, partitions: Collection[int] | None = None) -> list[Outstanding]:
        await self._marks_written()
        rows = await self._pool.rows(queries.OUTSTANDING, {**_wanted(partitions), "before": float(before)})
        return [queries.to_outstanding(row) for row in rows]

    async def timers(self, partitions: Collection[int] | None = None) -> list[SetTimer]:
        return [queries.to_timer(row) for row in await self._pool.rows(queries.TIMERS, _wanted(partitions))]

    async def outlines(self, flow: FlowName) -> list[Outline]:
        return to_outlines(flow, await self._pool.rows(queries.OUTLINES, queries.sayable([flow]) or [""]))

    async def open_flows(self) -> dict[FlowName, int]:
        return {FlowName(flow): count for flow, count in await self._pool.rows(queries.OPEN_FLOWS)}

    async def outcomes(self, since: float, width: float) -> list[Tally]:
        asked = {"since": float(since), "width": float(width)}
        return [to_tally(row) for row in await self._pool.rows(queries.OUTCOMES, asked)]

    async def longest_open(self, limit: int) -> list[RunHeader]:
        return [to_header(row) for row in await self._pool.rows(queries.LONGEST_OPEN, (limit,))]

    async def header(self, run_id: RunId) -> RunHeader | None:
        rows = await self._of_ids(queries.HEADER, [run_id])
        return to_header(rows[0]) if rows else None

    async def headers(self, which: RunFilter) -> list[RunHeader]:
        if not queries.sayable([f"{which.prefix}{which.flow}{which.root_id}{which.labels}{which.text}"]):
            return []
        return [to_header(row) for row in await self._pool.rows(*queries.headers(which))]

    async def _of_ids(self, statement: str, ids: Sequence[str]) -> list[Any]:
        return await self._pool.rows(statement, (queries.sayable(ids),))

    async def _marks_written(self) -> None:
        if self._marks:
            await self._flush()

    # --- upkeep -------------------------------------------------------------------------------------------------------

    async def remove_ended(self, before: float, limit: int) -> int:
        async with self._pool.connection() as connection:
            return await upkeep.remove_ended(connection, before, limit)

    async def check(self) -> list[Finding]:
        async with self._pool.connection() as connection:
            return await upkeep.findings(connection)

    async def export(self, run_ids: Sequence[RunId] | None = None) -> AsyncIterator[bytes]:
        yield exported.first_line()
        ids = None if run_ids is None else [RunId(one) for one in queries.sayable(run_ids)]
        last, page = 0, [(0, list[bytes]())]
        while page:
            async with self._pool.connection() as connection:
                page = await upkeep.exported_page(connection, last, ids)
            for last, lines in page:  # noqa: B007  (the last one is where the next page begins)
                for line in lines:
                    yield line

    # --- leases -------------------------------------------------------------------------------------------------------

    async def acquire(self, partition: str, owner: str, ttl: float) -> int | None:
        rows = await self._pool.rows(leases.ACQUIRE, {"partition": partition, "owner": owner, "ttl": float(ttl)})
        return int(rows[0][0]) if rows else None

    async def renew(self, held: Mapping[str, int], ttl: float) -> set[str]:
        return {name for (name,) in await self._pool.rows(leases.RENEW, {**_of_held(held), "ttl": float(ttl)})}

    async def release(self, held: Mapping[str, int]) -> None:
        await self._pool.rows(leases.RELEASE, _of_held(held))

    async def leases(self) -> list[Lease]:
        return [leases.to_lease(row) for row in await self._pool.rows(leases.HELD)]

    async def agree_on_partitions(self, count: int) -> int:
        await self._pool.rows(queries.AGREE_ON_PARTITIONS, (str(count).encode(),))
        ((agreed,),) = await self._pool.rows(queries.PARTITIONS)
        return int(agreed)


def _wanted(partitions: Collection[int] | None) -> dict[str, list[int] | None]:
    return {"wanted": None if partitions is None else list(partitions)}


def _of_held(held: Mapping[str, int]) -> dict[str, list[Any]]:
    return {"partitions": list(held), "epochs": list(held.values())}
