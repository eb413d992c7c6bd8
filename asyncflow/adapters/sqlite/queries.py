"""What is read from a SQLite store: each function runs on the reading thread, with the reading connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from asyncflow.adapters.rows import (
    ATTEMPT_COLUMNS,
    HEADER_COLUMNS,
    Texts,
    of_filter,
    of_ids,
    of_partitions,
    to_attempt,
    to_header,
    to_outlines,
    to_tally,
)
from asyncflow.model import journal
from asyncflow.model.commands import SetTimer
from asyncflow.model.events import TimerKind
from asyncflow.model.names import FlowName, RunId, TaskId
from asyncflow.model.outline import Outline
from asyncflow.model.run_filter import RunFilter
from asyncflow.model.snapshot import Snapshot
from asyncflow.model.tally import Tally
from asyncflow.ports import Attempt, Entry, Outstanding, RunHeader, Tail

_JOURNALS = """
SELECT run_id, facts.version, at, facts FROM runs JOIN facts USING (run)
WHERE run_id IN (SELECT value FROM json_each(?)) ORDER BY run, facts.version
"""
_JOURNAL = """
SELECT facts.version, at, facts FROM runs JOIN facts USING (run)
WHERE run_id IN (SELECT value FROM json_each(?)) AND facts.version > ? ORDER BY facts.version LIMIT ?
"""
_SNAPSHOTS = """
SELECT run_id, snapshots.version, state FROM runs JOIN snapshots USING (run)
WHERE run_id IN (SELECT value FROM json_each(?))
"""
_TAILS = """
SELECT run_id, facts.version, at, facts
FROM runs LEFT JOIN snapshots USING (run) JOIN facts ON facts.run = runs.run AND facts.version > ifnull(snapshots.version, 0)
WHERE run_id IN (SELECT value FROM json_each(?)) ORDER BY runs.run, facts.version
"""
_RUN_OF = "SELECT task_id, run_id FROM attempts JOIN runs USING (run) WHERE task_id IN (SELECT value FROM json_each(?))"
_RESULTS = "SELECT task_id, result FROM attempts WHERE task_id IN (SELECT value FROM json_each(?)) AND result NOT NULL"
_WANTED = "(:wanted = 'null' OR partition IN (SELECT value FROM json_each(:wanted)))"
"""Of a run: whether it is in the partitions that are asked for."""
_UNPUBLISHED = f"""
SELECT {ATTEMPT_COLUMNS} FROM attempts JOIN runs USING (run)
WHERE published IS NULL AND verdict IS NULL AND {_WANTED} ORDER BY attempt
"""
_VERDICTS = """
SELECT task_id, verdict FROM attempts WHERE task_id IN (SELECT value FROM json_each(?)) AND verdict NOT NULL
"""
_OUTSTANDING = f"""
SELECT task_id, run_id, task, due, published FROM attempts JOIN runs USING (run)
WHERE verdict IS NULL AND due < :before AND {_WANTED} ORDER BY due, attempt
"""
_OUTLINES = "SELECT version, outline FROM outlines WHERE flow = ? ORDER BY served_at, rowid"
_OPEN_FLOWS = "SELECT flow, count(*) FROM runs WHERE status IN ('running', 'paused') GROUP BY flow"
_TIMERS = f"SELECT run_id, kind, task_id, attempt, due FROM timers JOIN runs USING (run) WHERE {_WANTED} ORDER BY due"
_TEXTS = Texts(
    contains="instr(lower({}), ?) > 0",
    error="json_extract(CAST(error AS TEXT), '$.type') || ': ' || json_extract(CAST(error AS TEXT), '$.message')",
)
_OUTCOMES = """
SELECT flow, status, CAST((started_at - :since) / :width AS INTEGER) AS step, count(*) FROM runs
WHERE parent_run IS NULL AND started_at >= :since GROUP BY flow, status, step
"""
_LONGEST_OPEN = f"""
SELECT {HEADER_COLUMNS} FROM runs WHERE status = 'running' AND parent_run IS NULL ORDER BY started_at LIMIT ?
"""
_HEADER = f"SELECT {HEADER_COLUMNS} FROM runs WHERE run_id = ?"


def journals(connection: sqlite3.Connection, run_ids: Sequence[RunId]) -> dict[RunId, list[Entry]]:
    found: dict[RunId, list[Entry]] = {run_id: [] for run_id in run_ids}
    for run_id, version, at, facts in connection.execute(_JOURNALS, (of_ids(run_ids),)):
        found[run_id].append(Entry(version=version, at=at, facts=journal.decode(facts)))
    return found


def journal_after(connection: sqlite3.Connection, run_id: RunId, after: int, limit: int | None) -> list[Entry]:
    rows = connection.execute(_JOURNAL, (of_ids([run_id]), after, -1 if limit is None else limit))
    return [Entry(version=version, at=at, facts=journal.decode(facts)) for version, at, facts in rows]


def tails(connection: sqlite3.Connection, run_ids: Sequence[RunId]) -> dict[RunId, Tail]:
    asked = (of_ids(run_ids),)
    with one_view(connection):
        snapshots = {
            run_id: Snapshot(run_id=run_id, version=version, state=state)
            for run_id, version, state in connection.execute(_SNAPSHOTS, asked)
        }
        entries: dict[RunId, list[Entry]] = {run_id: [] for run_id in run_ids}
        for run_id, version, at, facts in connection.execute(_TAILS, asked):
            entries[run_id].append(Entry(version=version, at=at, facts=journal.decode(facts)))
    return {run_id: Tail(snapshot=snapshots.get(run_id), entries=tuple(entries[run_id])) for run_id in run_ids}


def run_of(connection: sqlite3.Connection, ids: Sequence[TaskId]) -> dict[TaskId, RunId]:
    return dict(connection.execute(_RUN_OF, (of_ids(ids),)))


def results(connection: sqlite3.Connection, ids: Sequence[TaskId]) -> dict[TaskId, bytes]:
    return dict(connection.execute(_RESULTS, (of_ids(ids),)))


def unpublished(connection: sqlite3.Connection, partitions: Collection[int] | None) -> list[Attempt]:
    return [to_attempt(row) for row in connection.execute(_UNPUBLISHED, {"wanted": of_partitions(partitions).decode()})]


def verdicts(connection: sqlite3.Connection, ids: Sequence[TaskId]) -> dict[TaskId, str]:
    return dict(connection.execute(_VERDICTS, (of_ids(ids),)))


def outstanding(connection: sqlite3.Connection, before: float, partitions: Collection[int] | None) -> list[Outstanding]:
    asked = {"before": before, "wanted": of_partitions(partitions).decode()}
    return [
        Outstanding(id=task_id, run_id=run_id, task=task, due=due, published_at=published)
        for task_id, run_id, task, due, published in connection.execute(_OUTSTANDING, asked)
    ]


def outlines(connection: sqlite3.Connection, flow: FlowName) -> list[Outline]:
    return to_outlines(flow, connection.execute(_OUTLINES, (flow,)))


def open_flows(connection: sqlite3.Connection) -> dict[FlowName, int]:
    return dict(connection.execute(_OPEN_FLOWS))


def outcomes(connection: sqlite3.Connection, since: float, width: float) -> list[Tally]:
    return [to_tally(row) for row in connection.execute(_OUTCOMES, {"since": since, "width": width})]


def longest_open(connection: sqlite3.Connection, limit: int) -> list[RunHeader]:
    return [to_header(row) for row in connection.execute(_LONGEST_OPEN, (limit,))]


def timers(connection: sqlite3.Connection, partitions: Collection[int] | None) -> list[SetTimer]:
    return [
        SetTimer(run_id=run_id, kind=TimerKind(kind), due=due, id=task_id or None, attempt=attempt)
        for run_id, kind, task_id, attempt, due in connection.execute(
            _TIMERS, {"wanted": of_partitions(partitions).decode()}
        )
    ]


def header(connection: sqlite3.Connection, run_id: RunId) -> RunHeader | None:
    row = connection.execute(_HEADER, (run_id,)).fetchone()
    return None if row is None else to_header(row)


def headers(connection: sqlite3.Connection, which: RunFilter) -> list[RunHeader]:
    condition, values = of_filter(which, _TEXTS)
    sql = f"SELECT {HEADER_COLUMNS} FROM runs WHERE {condition} ORDER BY started_at DESC, run DESC LIMIT ?"
    return [to_header(row) for row in connection.execute(sql, (*values, which.limit))]


@contextmanager
def one_view(connection: sqlite3.Connection) -> Iterator[None]:
    """Statements that see the store as it was at the first of them."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
