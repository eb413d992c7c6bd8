"""Connections to a SQLite file: how they are opened and configured, and what their errors mean."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from asyncflow.errors import StoreError

_CHECKPOINT_PAGES = 16_000
"""Where a commit itself moves the write-ahead log into the file (64 MB); the writer does so sooner, between commits."""

_MEANINGS = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_NOTADB: "this is not a SQLite database; give another path",
    sqlite3.SQLITE_CORRUPT: "the database is damaged; restore a backup, or look at it with `sqlite3 FILE .recover`",
    sqlite3.SQLITE_READONLY: "it may not be written to; check the permissions of the file and of its folder",
    sqlite3.SQLITE_PERM: "it may not be opened; check the permissions of the file and of its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check the permissions of the file and of its folder",
    sqlite3.SQLITE_IOERR: "the disk reports an error; check it and the mount",
    sqlite3.SQLITE_BUSY: "another program holds it locked; close that program",
    sqlite3.SQLITE_CONSTRAINT: "the batch contradicts what is stored",
}
"""By primary result code; extended codes carry it in their low byte."""


def open_writer(path: Path) -> sqlite3.Connection:
    connection = _connect(path, "rwc")
    # The first statements that touch the file: a wrong or foreign file shows itself here.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -65536")
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    connection = _connect(path, "ro")
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cache_size = -16384")
    return connection


def explain(exc: Exception, path: Path) -> StoreError:
    """The same in words that tell what to do."""
    code = getattr(exc, "sqlite_errorcode", None)
    meaning = None if code is None else _MEANINGS.get(code & 0xFF)
    return StoreError(f"{path}: {meaning} (SQLite says: {exc})" if meaning else f"{path}: {exc}")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    """Made in one thread and then used in another, never in two at once."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=5
    )
