"""The schema of the SQLite store: numbered migrations, applied when a dispatcher opens it.

A migration never changes once it has been released: its checksum stands in every store that has it.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from asyncflow.errors import StoreError

APPLICATION_ID = 0x61666C77
"""Marks a SQLite file as ours ("aflw"), in its header."""

_LEDGER = "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Every migration that this version knows, in order."""
    folder = resources.files(__package__).joinpath("migrations")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [Migration(number=int(file.name[:4]), name=file.name, sql=file.read_text("utf-8")) for file in files]


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
    if missing := _missing(connection, path, known):
        raise StoreError(
            f"{path} was last used by an older asyncflow: it lacks {missing[0].name}; "
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
    by_number = {migration.number: migration for migration in known}
    applied = dict(connection.execute("SELECT number, checksum FROM migrations").fetchall())
    for number, checksum in sorted(applied.items()):
        if number not in by_number:
            raise StoreError(
                f"{path} was made by a newer asyncflow: it has migration {number}, this one knows "
                f"{max(by_number)}; upgrade asyncflow, or give another path"
            )
        if checksum != by_number[number].checksum:
            raise StoreError(
                f"{path} was made with another {by_number[number].name} than this asyncflow has; "
                "use the release of asyncflow that made it, or give another path"
            )
    return [migration for migration in known if migration.number not in applied]


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
