"""What one transaction of the SQLite store writes, statement by statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from asyncflow.adapters.rows import Row, Rows
from asyncflow.errors import FencedError
from asyncflow.model.names import TaskId

_START = """
INSERT INTO runs (run_id, flow, root_id, parent_run, parent_node, started_at, partition,
                  status, ended_at, updated_at, labels, error, version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (run_id) DO NOTHING
"""
_MOVE = """
UPDATE runs SET version = ?, status = ?, ended_at = ?, updated_at = ?, labels = ?, error = ?
WHERE run_id = ? AND version = ? - 1
"""
_FACTS = """
INSERT INTO facts (run, version, at, facts) VALUES ((SELECT run FROM runs WHERE run_id = ?), ?, ?, ?)
"""
_ATTEMPT = """
INSERT INTO attempts (task_id, run, task, due, published, envelope, body)
VALUES (?, (SELECT run FROM runs WHERE run_id = ?), ?, ?, ?, ?, ?)
"""
_VERDICT = """
UPDATE attempts SET verdict = ?, ended_at = ?, result = ?, envelope = NULL, body = NULL
WHERE task_id = ? AND verdict IS NULL
"""
_PUBLISHED = "UPDATE attempts SET published = ? WHERE task_id = ? AND published IS NULL AND verdict IS NULL"
_TIMER = """
INSERT INTO timers (run, kind, task_id, attempt, due) VALUES ((SELECT run FROM runs WHERE run_id = ?), ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET due = excluded.due
"""
_TIMER_DONE = """
DELETE FROM timers
WHERE run = (SELECT run FROM runs WHERE run_id = ?) AND kind = ? AND task_id = ? AND attempt = ?
"""
_SNAPSHOT = """
INSERT INTO snapshots (run, version, state) SELECT run, ?2, ?3 FROM runs WHERE run_id = ?1
ON CONFLICT DO UPDATE SET version = excluded.version, state = excluded.state WHERE excluded.version > version
"""
_SLOT = """
INSERT INTO slots (name, last) VALUES (:name, :now)
ON CONFLICT DO UPDATE SET last = max(:now, last + :interval) RETURNING last
"""


_OUTLINE = """
INSERT INTO outlines (flow, version, served_at, outline) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET served_at = max(served_at, excluded.served_at)
"""
_PARTITIONS = "INSERT INTO meta VALUES ('partitions', ?) ON CONFLICT DO NOTHING"


class OutrunError(Exception):
    """A run stands elsewhere than the batch takes it to: the transaction must be rolled back."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        super().__init__()


def write(connection: sqlite3.Connection, rows: Rows) -> None:
    """Write a batch inside the open transaction. Raises OutrunError."""
    if rows.started and connection.executemany(_START, rows.started).rowcount != len(rows.started):
        raise OutrunError(rows)
    if rows.moved and connection.executemany(_MOVE, rows.moved).rowcount != len(rows.moved):
        raise OutrunError(rows)
    for statement, values in (
        (_FACTS, rows.facts),
        (_ATTEMPT, rows.attempts),
        # Timers are set before they are done, attempts made before they end: a batch may hold both.
        (_VERDICT, rows.verdicts),
        (_TIMER, rows.timers),
        (_TIMER_DONE, rows.timers_done),
        (_SNAPSHOT, rows.snapshots),
    ):
        if values:
            connection.executemany(statement, values)


def write_published(connection: sqlite3.Connection, marks: Sequence[tuple[float, TaskId]]) -> None:
    connection.executemany(_PUBLISHED, marks)


def take_slot(connection: sqlite3.Connection, name: str, now: float, interval: float) -> float:
    (slot,) = connection.execute(_SLOT, {"name": name, "now": now, "interval": interval}).fetchone()
    return float(slot)


def keep_outlines(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    connection.executemany(_OUTLINE, rows)


def agree_on_partitions(connection: sqlite3.Connection, count: int) -> int:
    connection.execute(_PARTITIONS, (count,))
    (agreed,) = connection.execute("SELECT value FROM meta WHERE name = 'partitions'").fetchone()
    return int(agreed)


def fence(connection: sqlite3.Connection, rows: Rows) -> FencedError:
    """Why `write` has raised OutrunError; asked after the roll-back."""
    expected: dict[str, int] = {}
    for run_id, version, *_ in rows.facts:
        expected.setdefault(run_id, version - 1)
    for run_id, version in expected.items():
        row = connection.execute("SELECT version FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        stored = row[0] if row else 0
        if stored != version:
            return FencedError(f"run {run_id} stands at version {stored}, not {version}: another commit has moved it")
    return FencedError(f"the versions of run {run_id} do not follow each other")
