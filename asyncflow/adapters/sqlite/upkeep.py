"""What keeps a SQLite store small and sound: removing what is over, looking for what cannot be, exporting."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from asyncflow.adapters.exported import EXPORTED_ATTEMPT, attempt_line, entry_line, run_line
from asyncflow.adapters.integrity import FACTS, RULES, unreadable
from asyncflow.adapters.rows import HEADER_COLUMNS, of_ids
from asyncflow.adapters.sqlite.queries import one_view
from asyncflow.model.finding import Finding
from asyncflow.model.names import RunId

# A retry shows results of the runs before it.
_OVER = """
SELECT run, run_id FROM runs AS root
WHERE parent_run IS NULL AND ended_at < :before
  AND NOT EXISTS (SELECT 1 FROM attempts WHERE run = root.run AND verdict IS NULL)
  AND NOT EXISTS (
    SELECT 1 FROM runs AS child WHERE child.root_id = root.run_id AND child.parent_run IS NOT NULL
      AND (child.ended_at IS NULL OR child.ended_at >= :before
           OR EXISTS (SELECT 1 FROM attempts WHERE run = child.run AND verdict IS NULL)))
  AND NOT EXISTS (
    SELECT 1 FROM labels JOIN runs AS retry USING (run)
    WHERE name = 'first_run' AND (retry.ended_at IS NULL OR retry.ended_at >= :before)
      AND value = coalesce((SELECT value FROM labels WHERE run = root.run AND name = 'first_run'), root.run_id))
ORDER BY ended_at LIMIT :limit
"""
_CHILDREN = "SELECT run FROM runs WHERE root_id = ? AND parent_run IS NOT NULL LIMIT ?"
_TABLES = ("facts", "attempts", "timers", "snapshots", "runs")

_EXPORTED_AT_ONCE = 20
"""Runs read at a time, with all that belongs to them."""
_EXPORTED_RUNS = f"""
SELECT run, {HEADER_COLUMNS}, version FROM runs
WHERE run > ? AND (? IS NULL OR run_id IN (SELECT value FROM json_each(?))) ORDER BY run LIMIT {_EXPORTED_AT_ONCE}
"""
_EXPORTED_FACTS = "SELECT version, at, facts FROM facts WHERE run = ? ORDER BY version"
_EXPORTED_ATTEMPTS = f"""
SELECT {EXPORTED_ATTEMPT} FROM attempts JOIN (SELECT run, run_id FROM runs WHERE run = ?) USING (run) ORDER BY attempt
"""


def remove_ended(connection: sqlite3.Connection, before: float, limit: int) -> int:
    doomed = of_ids(_doomed(connection, before, limit))
    removed = 0
    for table in _TABLES:
        removed = connection.execute(
            f"DELETE FROM {table} WHERE run IN (SELECT value FROM json_each(?))", (doomed,)
        ).rowcount
    return removed


def _doomed(connection: sqlite3.Connection, before: float, limit: int) -> list[int]:
    """Children first: while its root is there, the rest of a tree is found again."""
    doomed: list[int] = []
    for run, run_id in connection.execute(_OVER, {"before": before, "limit": limit}).fetchall():
        doomed += [child for (child,) in connection.execute(_CHILDREN, (run_id, limit - len(doomed)))]
        if len(doomed) >= limit:
            break
        doomed.append(run)
    return doomed


def findings(connection: sqlite3.Connection) -> list[Finding]:
    damage = _damage(connection)
    if damage:
        return damage  # what a damaged file says of its runs means nothing
    found: list[Finding] = []
    with one_view(connection):
        for rule in RULES:
            found += [rule.finding(row) for row in connection.execute(rule.query)]
        found += unreadable(connection.execute(FACTS))
    return found


def _damage(connection: sqlite3.Connection) -> list[Finding]:
    try:
        told = [said for (said,) in connection.execute("PRAGMA integrity_check") if said != "ok"]
    except sqlite3.DatabaseError as exc:
        if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        told = [str(exc)]
    return [Finding(message=f"the file is damaged: {said}") for said in told]


def exported_page(
    connection: sqlite3.Connection, after: int, run_ids: Sequence[RunId] | None
) -> list[tuple[int, list[bytes]]]:
    """The next runs, each with its number in the store; empty when there are no more."""
    ids = None if run_ids is None else of_ids(run_ids)
    with one_view(connection):
        return [
            (run, [run_line(tuple(header)), *_belongings(connection, run, header[0])])
            for run, *header in connection.execute(_EXPORTED_RUNS, (after, ids, ids)).fetchall()
        ]


def _belongings(connection: sqlite3.Connection, run: int, run_id: RunId) -> Iterator[bytes]:
    for version, at, facts in connection.execute(_EXPORTED_FACTS, (run,)):
        yield entry_line(run_id, version, at, facts)
    for row in connection.execute(_EXPORTED_ATTEMPTS, (run,)):
        yield attempt_line(row)
