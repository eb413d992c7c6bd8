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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from asyncflow.adapters.sqlite.connection import explain
from asyncflow.adapters.sqlite.transaction import OutrunError, fence, write_published
from asyncflow.errors import StoreError
from asyncflow.model.names import TaskId

MARK_DELAY = 0.05
"""Seconds that "is published" may wait for a commit to travel with: waking the thread costs more than writing it."""
MARKS_MOST = 1000
RETRY_DELAY = 1.0
"""Seconds before marks that could not be written are tried without a commit."""
CHECKPOINT_ROWS = 10_000
"""Rows after which the log is moved into the file when nothing waits; at five times as many it no longer yields."""
COMMIT_ROWS = 20
"""A commit counts for so many rows, for it writes whole pages: a lone step takes as much of the log as twenty of many."""

_Answer = TypeVar("_Answer")
Change: TypeAlias = Callable[[sqlite3.Connection], _Answer]
"""Writes something inside an open transaction; what it returns is told once that is committed."""
Mark: TypeAlias = tuple[float, TaskId]


@dataclass(frozen=True, slots=True)
class _Write:
    change: Change[Any]
    done: asyncio.Future[Any]
    marks: Sequence[Mark]
    """What was marked before."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    done: asyncio.Future[Any]
    answer: Any = None
    error: StoreError | None = None


class _Stop:
    """Write what came before, and end."""


_Order: TypeAlias = _Write | _Stop | Sequence[Mark]


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
        self._noted: list[Mark] = []
        """The event loop's: not yet handed to the thread."""
        self._hand_over_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._marks: list[Mark] = []
        """The thread's: not yet written."""
        self._flush_at = 0.0
        self._checkpointed = 0
        self._commits = 0
        # A daemon, so that a process whose event loop has died can end; a commit is whole or not there anyway.
        self._thread = threading.Thread(target=self._run, name=f"asyncflow-store {path.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def write(self, change: Change[_Answer]) -> asyncio.Future[_Answer]:
        """A future that is done when the change, and what was marked before it, is durable."""
        done: asyncio.Future[_Answer] = self._loop.create_future()
        self._orders.put(_Write(change, done, self._take_noted()))
        return done

    def mark(self, marks: Sequence[Mark]) -> None:
        """To be written with the next change, or soon without one."""
        if not self._noted:
            self._hand_over_at = self._loop.time() + MARK_DELAY
            if self._timer is None:
                self._timer = self._loop.call_at(self._hand_over_at, self._look_at_noted)
        self._noted.extend(marks)
        if len(self._noted) >= MARKS_MOST:
            self._hand_over()

    def _look_at_noted(self) -> None:
        """One timer at a time: what it was set for has gone with a change meanwhile, mostly."""
        self._timer = None
        if not self._noted:
            return
        if self._loop.time() >= self._hand_over_at:
            self._hand_over()
        else:
            self._timer = self._loop.call_at(self._hand_over_at, self._look_at_noted)

    def _hand_over(self) -> None:
        self._orders.put(self._take_noted())

    def _take_noted(self) -> Sequence[Mark]:
        noted, self._noted = self._noted, []
        return noted

    def stop(self) -> None:
        """Write what waits and end the thread; blocks until then. Nothing may be marked any more."""
        self._hand_over()
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
                self._marks.extend(order.marks)
            case _Stop():
                group.stop = True
            case _:
                self._marks.extend(order)

    def _marks_are_due(self) -> bool:
        return bool(self._marks) and time.monotonic() >= self._flush_at

    def _write_group(self, writes: list[_Write]) -> list[_Outcome]:
        done = self._transaction(writes)
        if isinstance(done, _Refused) and len(writes) > 1:
            return [outcome for one in writes for outcome in self._write_group([one])]
        if isinstance(done, _Failed):
            return [_Outcome(one.done, error=done.error) for one in writes]
        return [_Outcome(one.done, answer) for one, answer in zip(writes, done, strict=True)]

    def _transaction(self, writes: list[_Write]) -> list[Any] | _Failed:
        """What the changes return."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            answers = [one.change(connection) for one in writes]
            if self._marks:
                write_published(connection, self._marks)
            connection.execute("COMMIT")
        except OutrunError as exc:
            self._roll_back()
            return _Refused(fence(connection, exc.rows))
        except sqlite3.OperationalError as exc:
            self._roll_back()
            self._flush_at = time.monotonic() + RETRY_DELAY
            return _Failed(explain(exc, self._path))
        except Exception as exc:  # noqa: BLE001  (values that cannot be bound, say: the thread must live on)
            self._roll_back()
            return _Refused(explain(exc, self._path))
        self._marks.clear()
        return answers

    def _roll_back(self) -> None:
        """SQLite itself has rolled back after some errors, a full disk among them."""
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _checkpoint(self) -> None:
        """Move the log into the file after the callers were told, so that a lone commit never waits for it."""
        self._commits += 1
        changes = self._connection.total_changes
        rows = changes - self._checkpointed + self._commits * COMMIT_ROWS
        if rows < CHECKPOINT_ROWS or (rows < 5 * CHECKPOINT_ROWS and not self._orders.empty()):
            return
        self._checkpointed, self._commits = changes, 0
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
    for outcome in outcomes:
        if outcome.done.done():  # the caller was cancelled; the change is written all the same
            continue
        if outcome.error is None:
            outcome.done.set_result(outcome.answer)
        else:
            outcome.done.set_exception(outcome.error)
