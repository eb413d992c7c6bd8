"""The one thread that writes a SQLite store.

Batches that wait at the same time go into one transaction, hence one fsync: the group commit. A group in which one
batch is refused is rolled back, and its batches are tried one by one, so that each caller learns of its own only.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from asyncflow.adapters.rows import Rows
from asyncflow.adapters.sqlite.connection import explain
from asyncflow.adapters.sqlite.transaction import fence, write, write_published
from asyncflow.errors import StoreError
from asyncflow.model.names import TaskId

MARK_DELAY = 0.05
"""Seconds that "is published" may wait for a commit to travel with."""
MARKS_MOST = 1000
RETRY_DELAY = 1.0
"""Seconds before marks that could not be written are tried without a commit."""
CHECKPOINT_ROWS = 10_000
"""Rows after which the log is moved into the file when nothing waits; at five times as many it no longer yields."""

_Done: TypeAlias = "asyncio.Future[None]"
_Outcome: TypeAlias = tuple[_Done, StoreError | None]


@dataclass(frozen=True, slots=True)
class _Write:
    rows: Rows | None
    """None only asks that everything before it be written."""
    done: _Done


class _Stop:
    """Write what came before, and end."""


_Order: TypeAlias = _Write | _Stop | Sequence[TaskId]


@dataclass(slots=True)
class _Group:
    """What was taken from the queue together."""

    writes: list[_Write] = field(default_factory=list)
    stop: bool = False


class Writer:
    """Owns the writing connection from `start` until `stop` returns."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self._marks: list[TaskId] = []
        self._flush_at = 0.0
        self._checkpointed = 0
        # A daemon, so that a process whose event loop has died can end; a commit is whole or not there anyway.
        self._thread = threading.Thread(target=self._run, name=f"asyncflow-store {path.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def commit(self, rows: Rows | None) -> _Done:
        """A future that is done when the rows are durable. None waits for what was marked before."""
        done: _Done = self._loop.create_future()
        self._orders.put(_Write(rows, done))
        return done

    def mark(self, ids: Sequence[TaskId]) -> None:
        self._orders.put(ids)

    def stop(self) -> None:
        """Write what waits and end the thread; blocks until then."""
        self._orders.put(_Stop())
        self._thread.join()

    def _run(self) -> None:
        while True:
            group = self._take()
            if group.writes or group.stop or self._marks_are_due():
                self._settle(self._write_group(group.writes))
                self._checkpoint()
            if group.stop:
                return

    def _take(self) -> _Group:
        """Wait for one order, or until marks are due; then take all that wait."""
        group = _Group()
        patience = max(0.0, self._flush_at - time.monotonic()) if self._marks else None
        with contextlib.suppress(queue.Empty):
            order = self._orders.get(timeout=patience)
            while True:
                self._sort_in(order, group)
                order = self._orders.get_nowait()
        return group

    def _sort_in(self, order: _Order, group: _Group) -> None:
        match order:
            case _Write():
                group.writes.append(order)
            case _Stop():
                group.stop = True
            case _:
                if not self._marks:
                    self._flush_at = time.monotonic() + MARK_DELAY
                self._marks.extend(order)

    def _marks_are_due(self) -> bool:
        return bool(self._marks) and (len(self._marks) >= MARKS_MOST or time.monotonic() >= self._flush_at)

    def _write_group(self, writes: list[_Write]) -> list[_Outcome]:
        failure = self._transaction(writes)
        if not isinstance(failure, _Refused) or len(writes) < 2:
            return [(one.done, failure.error if failure else None) for one in writes]
        outcomes = []
        for one in writes:
            alone = self._transaction([one])
            outcomes.append((one.done, alone.error if alone else None))
        return outcomes

    def _transaction(self, writes: list[_Write]) -> _Failed | None:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for one in writes:
                if one.rows is not None and not write(connection, one.rows):
                    connection.execute("ROLLBACK")
                    return _Refused(fence(connection, one.rows))
            if self._marks:
                write_published(connection, self._marks)
            connection.execute("COMMIT")
        except sqlite3.OperationalError as exc:
            self._roll_back()
            self._flush_at = time.monotonic() + RETRY_DELAY
            return _Failed(explain(exc, self._path))
        except Exception as exc:  # noqa: BLE001  (values that cannot be bound, say: the thread must live on)
            self._roll_back()
            return _Refused(explain(exc, self._path))
        self._marks.clear()
        return None

    def _roll_back(self) -> None:
        """SQLite itself has rolled back after some errors, a full disk among them."""
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _checkpoint(self) -> None:
        """Move the log into the file after the callers were told, so that a lone commit never waits for it."""
        rows = self._connection.total_changes - self._checkpointed
        if rows < CHECKPOINT_ROWS or (rows < 5 * CHECKPOINT_ROWS and not self._orders.empty()):
            return
        self._checkpointed += rows
        with contextlib.suppress(sqlite3.Error):  # the log simply stays longer; what ails shows at the next commit
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _settle(self, outcomes: list[_Outcome]) -> None:
        """Tell all callers with one wake-up of the event loop."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(_tell, outcomes)


@dataclass(frozen=True, slots=True)
class _Failed:
    """The store would not take the group: the disk's fault, so no batch would fare better alone."""

    error: StoreError


class _Refused(_Failed):
    """A batch of the group is not to be written: the others are."""


def _tell(outcomes: list[_Outcome]) -> None:
    for done, error in outcomes:
        if done.done():  # the caller was cancelled; the batch is written all the same
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
