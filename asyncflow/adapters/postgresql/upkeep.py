"""What keeps a PostgreSQL store small and sound: removing what is over, looking for what cannot be, exporting."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import psycopg

from asyncflow.adapters.exported import EXPORTED_ATTEMPT, attempt_line, entry_line, run_line
from asyncflow.adapters.integrity import FACTS, RULES, unreadable
from asyncflow.adapters.rows import HEADER_COLUMNS, Row
from asyncflow.errors import Severity
from asyncflow.model.finding import Finding
from asyncflow.model.names import RunId

_Connection: TypeAlias = psycopg.AsyncConnection[Any]

# Children first: while its root is there, the rest of a tree is found again. A retry shows results of the runs before it.
_REMOVE = """
WITH roots AS (
    SELECT run, run_id, ended_at FROM runs AS root
    WHERE parent_run IS NULL AND ended_at < %(before)s
      AND NOT EXISTS (SELECT 1 FROM attempts WHERE run = root.run AND verdict IS NULL)
      AND NOT EXISTS (
        SELECT 1 FROM runs AS child WHERE child.root_id = root.run_id AND child.parent_run IS NOT NULL
          AND (child.ended_at IS NULL OR child.ended_at >= %(before)s
               OR EXISTS (SELECT 1 FROM attempts WHERE run = child.run AND verdict IS NULL)))
      AND NOT EXISTS (
        SELECT 1 FROM labels JOIN runs AS retry USING (run)
        WHERE name = 'first_run' AND (retry.ended_at IS NULL OR retry.ended_at >= %(before)s)
          AND value = coalesce((SELECT value FROM labels WHERE run = root.run AND name = 'first_run'), root.run_id))
    ORDER BY ended_at LIMIT %(limit)s
), trees AS (
    SELECT run, ended_at, run AS root, TRUE AS is_root FROM roots
    UNION ALL
    SELECT child.run, roots.ended_at, roots.run, FALSE
    FROM roots JOIN runs AS child ON child.root_id = roots.run_id AND child.parent_run IS NOT NULL
), doomed AS MATERIALIZED (
    SELECT run FROM trees ORDER BY ended_at, root, is_root LIMIT %(limit)s
), facts_gone AS (DELETE FROM facts WHERE run IN (SELECT run FROM doomed)
), attempts_gone AS (DELETE FROM attempts WHERE run IN (SELECT run FROM doomed)
), timers_gone AS (DELETE FROM timers WHERE run IN (SELECT run FROM doomed)
), snapshots_gone AS (DELETE FROM snapshots WHERE run IN (SELECT run FROM doomed)
), runs_gone AS (DELETE FROM runs WHERE run IN (SELECT run FROM doomed) RETURNING run)
SELECT count(*) FROM runs_gone
"""

_EXPORTED_AT_ONCE = 20
"""Runs read at a time, with all that belongs to them."""
_EXPORTED_RUNS = f"""
SELECT run, {HEADER_COLUMNS}, version FROM runs
WHERE run > %s AND (%s::text[] IS NULL OR run_id = ANY(%s)) ORDER BY run LIMIT {_EXPORTED_AT_ONCE}
"""
_EXPORTED_FACTS = "SELECT run, version, at, facts FROM facts WHERE run = ANY(%s) ORDER BY run, version"
_EXPORTED_ATTEMPTS = f"""
SELECT run, {EXPORTED_ATTEMPT} FROM attempts JOIN (SELECT run, run_id FROM runs) AS named USING (run)
WHERE run = ANY(%s) ORDER BY attempt
"""
_READ_AT_ONCE = 2000


async def remove_ended(connection: _Connection, before: float, limit: int) -> int:
    """None when one of these runs moves meanwhile: the isolation level sees to that."""
    try:
        async with connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor = await connection.execute(_REMOVE, {"before": before, "limit": limit})
            ((removed,),) = await cursor.fetchall()
    except psycopg.errors.SerializationFailure:
        return 0
    return int(removed)


async def findings(connection: _Connection) -> list[Finding]:
    cursor = await connection.execute("SELECT current_setting('fsync'), current_setting('full_page_writes')")
    ((fsync, full_page_writes),) = await cursor.fetchall()
    found = [
        Finding(message=f"the server runs with {name} = off: it may lose commits in a crash", severity=Severity.WARNING)
        for name, value in (("fsync", fsync), ("full_page_writes", full_page_writes))
        if value == "off"
    ]
    async with _one_view(connection):
        for rule in RULES:
            found += [rule.finding(row) for row in await (await connection.execute(rule.query)).fetchall()]
        async with connection.cursor(name="facts", binary=True) as entries:
            await entries.execute(FACTS)
            while rows := await entries.fetchmany(_READ_AT_ONCE):
                found += unreadable(rows)
    return found


async def exported_page(
    connection: _Connection, after: int, run_ids: Sequence[RunId] | None
) -> list[tuple[int, list[bytes]]]:
    """The next runs, each with its number in the store; empty when there are no more."""
    ids = None if run_ids is None else list(run_ids)
    lines: dict[int, list[bytes]] = {}
    names: dict[int, RunId] = {}
    async with _one_view(connection):
        for run, *header in await _rows(connection, _EXPORTED_RUNS, after, ids, ids):
            names[run] = header[0]
            lines[run] = [run_line(tuple(header))]
        for run, *entry in await _rows(connection, _EXPORTED_FACTS, list(names)):
            lines[run].append(entry_line(names[run], *entry))
        for run, *attempt in await _rows(connection, _EXPORTED_ATTEMPTS, list(names)):
            lines[run].append(attempt_line(tuple(attempt)))
    return list(lines.items())


@asynccontextmanager
async def _one_view(connection: _Connection) -> AsyncIterator[None]:
    """Statements that see the store as it was at the first of them, and may take their time."""
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        await connection.execute("SET LOCAL statement_timeout = 0")
        yield


async def _rows(connection: _Connection, statement: str, *values: object) -> list[Row]:
    cursor = await connection.execute(statement.encode(), values, binary=True)
    return await cursor.fetchall()
