"""The schema of the SQLite store: numbered migrations, applied when a dispatcher opens it."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from asyncflow.adapters.migration import Migration, missing, read_migrations
from asyncflow.errors import StoreError

APPLICATION_ID = 0x61666C77
"""Marks a SQLite file as ours ("aflw"), in its header."""

_LEDGER = "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT"


def migrations() -> list[Migration]:
    """Every migration that this version knows, in order."""
    return read_migrations(__package__)


def migrate(connection: sqlite3.Connection, path: Path, known: Sequence[Migration]) -> None:
    """Bring the schema up to date, in one transaction. StoreError when the file is not ours to change."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _is_empty(connection):
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(_LEDGER)
        for migration in _missing(connection, path, known):
            for statement in _statements(migration.sql):
                connection.execute(statement)
            row = (migration.number, migration.name, migration.checksum)
            connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", row)
        secret = ("secret", secrets.token_bytes(16))
        connection.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO NOTHING", secret)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def check(connection: sqlite3.Connection, path: Path, known: Sequence[Migration]) -> None:
    """StoreError unless the schema is exactly what this version reads."""
    if lacking := _missing(connection, path, known):
        raise StoreError(
            f"{path} was last used by an older asyncflow: it lacks {lacking[0].name}; "
            "start the dispatcher on it once, which brings it up to date"
        )


def read_secret(connection: sqlite3.Connection) -> bytes:
    (secret,) = connection.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()
    return bytes(secret)


def _is_empty(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return bool(tables == 0)


def _missing(connection: sqlite3.Connection, path: Path, known: Sequence[Migration]) -> list[Migration]:
    """What this version knows and the store has not; StoreError where the store has something else."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID:
        raise StoreError(f"{path} is a SQLite database of another program; give another path for the store")
    applied = dict(connection.execute("SELECT number, checksum FROM migrations").fetchall())
    return missing(applied, known, path)


def _statements(sql: str) -> list[str]:
    """Single statements: `executescript` would end the transaction."""
    found: list[str] = []
    pending = ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found
