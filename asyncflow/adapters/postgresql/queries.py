"""What a PostgreSQL store is asked: statements, and how their rows are read. Each stands alone: none needs a transaction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from asyncflow.adapters.rows import ATTEMPT_COLUMNS, HEADER_COLUMNS, Row, Texts, of_filter
from asyncflow.model import journal
from asyncflow.model.commands import SetTimer
from asyncflow.model.events import TimerKind
from asyncflow.model.names import RunId
from asyncflow.model.run_filter import RunFilter
from asyncflow.model.snapshot import Snapshot
from asyncflow.ports import Entry, Outstanding, Tail

JOURNALS = """
SELECT run_id, facts.version, at, facts FROM runs JOIN facts USING (run)
WHERE run_id = ANY(%s) ORDER BY run, facts.version
"""
JOURNAL = """
SELECT run_id, facts.version, at, facts FROM runs JOIN facts USING (run)
WHERE run_id = %s AND facts.version > %s ORDER BY facts.version LIMIT %s
"""
TAILS = """
SELECT run_id, snapshots.version, 0::float8, state, TRUE AS is_snapshot FROM runs JOIN snapshots USING (run)
WHERE run_id = ANY(%(ids)s)
UNION ALL
SELECT run_id, facts.version, at, facts, FALSE FROM runs LEFT JOIN snapshots USING (run)
JOIN facts ON facts.run = runs.run AND facts.version > coalesce(snapshots.version, 0)
WHERE run_id = ANY(%(ids)s) ORDER BY 1, is_snapshot DESC, 2
"""
RUN_OF = "SELECT task_id, run_id FROM attempts JOIN runs USING (run) WHERE task_id = ANY(%s)"
VERDICTS = "SELECT task_id, verdict FROM attempts WHERE task_id = ANY(%s) AND verdict IS NOT NULL"
RESULTS = "SELECT task_id, result FROM attempts WHERE task_id = ANY(%s) AND result IS NOT NULL"
_WANTED = "(%(wanted)s::bigint[] IS NULL OR partition = ANY(%(wanted)s))"
"""Of a run: whether it is in the partitions that are asked for."""
UNPUBLISHED = f"""
SELECT {ATTEMPT_COLUMNS} FROM attempts JOIN runs USING (run)
WHERE published IS NULL AND verdict IS NULL AND {_WANTED} ORDER BY attempt
"""
OUTSTANDING = f"""
SELECT task_id, run_id, task, due, published FROM attempts JOIN runs USING (run)
WHERE verdict IS NULL AND due < %(before)s AND {_WANTED} ORDER BY due, attempt
"""
KEEP_OUTLINES = """
INSERT INTO outlines AS kept (flow, version, served_at, outline)
SELECT * FROM unnest(%b::text[], %b::text[], %b::float8[], %b::bytea[])
ON CONFLICT (flow, version) DO UPDATE SET served_at = greatest(kept.served_at, excluded.served_at)
RETURNING version
"""
OUTLINES = "SELECT version, outline FROM outlines WHERE flow = %s ORDER BY served_at"
OPEN_FLOWS = "SELECT flow, count(*) FROM runs WHERE status IN ('running', 'paused') GROUP BY flow"
TIMERS = f"SELECT run_id, kind, task_id, attempt, due FROM timers JOIN runs USING (run) WHERE {_WANTED} ORDER BY due"
OUTCOMES = """
SELECT flow, status, floor((started_at - %(since)s) / %(width)s)::bigint AS step, count(*) FROM runs
WHERE parent_run IS NULL AND started_at >= %(since)s GROUP BY flow, status, step
"""
LONGEST_OPEN = f"""
SELECT {HEADER_COLUMNS} FROM runs WHERE status = 'running' AND parent_run IS NULL ORDER BY started_at LIMIT %s
"""
HEADER = f"SELECT {HEADER_COLUMNS} FROM runs WHERE run_id = ANY(%s)"
VERSIONS = "SELECT run_id, version FROM runs WHERE run_id = ANY(%s)"
TAKE_SLOT = """
INSERT INTO slots AS taken (name, last) VALUES (%(name)s, %(now)s)
ON CONFLICT (name) DO UPDATE SET last = greatest(excluded.last, taken.last + %(interval)s) RETURNING last
"""
AGREE_ON_PARTITIONS = "INSERT INTO meta VALUES ('partitions', %s) ON CONFLICT DO NOTHING"
PARTITIONS = "SELECT value FROM meta WHERE name = 'partitions'"
STORED_ENTRIES = """
SELECT count(*) FROM unnest(%b::text[], %b::bigint[], %b::bytea[]) AS ours (run_id, version, facts)
JOIN runs USING (run_id) JOIN facts ON facts.run = runs.run AND facts.version = ours.version AND facts.facts = ours.facts
"""

_TEXTS = Texts(
    contains='strpos(lower({} COLLATE "C"), ?) > 0',
    error="(readable(error) ->> 'type') || ': ' || (readable(error) ->> 'message')",
)

_UNSAYABLE = re.compile("[\x00\ud800-\udfff]")


def headers(which: RunFilter) -> tuple[str, tuple[Any, ...]]:
    condition, values = of_filter(which, _TEXTS)
    statement = f"SELECT {HEADER_COLUMNS} FROM runs WHERE {condition} ORDER BY started_at DESC, run DESC LIMIT ?"
    return statement.replace("?", "%s"), (*values, which.limit)


def sayable(ids: Iterable[str]) -> list[str]:
    """Ids that PostgreSQL can hold; no other is stored."""
    return [one for one in ids if not _UNSAYABLE.search(one)]


def to_journals(rows: Iterable[Row], run_ids: Sequence[RunId]) -> dict[RunId, list[Entry]]:
    found: dict[RunId, list[Entry]] = {run_id: [] for run_id in run_ids}
    for run_id, version, at, facts in rows:
        found[run_id].append(Entry(version=version, at=at, facts=journal.decode(facts)))
    return found


def to_tails(rows: Iterable[Row], run_ids: Sequence[RunId]) -> dict[RunId, Tail]:
    snapshots: dict[RunId, Snapshot] = {}
    entries: dict[RunId, list[Entry]] = {run_id: [] for run_id in run_ids}
    for run_id, version, at, content, is_snapshot in rows:
        if is_snapshot:
            snapshots[run_id] = Snapshot(run_id=run_id, version=version, state=content)
        else:
            entries[run_id].append(Entry(version=version, at=at, facts=journal.decode(content)))
    return {run_id: Tail(snapshot=snapshots.get(run_id), entries=tuple(entries[run_id])) for run_id in run_ids}


def to_outstanding(row: Row) -> Outstanding:
    task_id, run_id, task, due, published = row
    return Outstanding(id=task_id, run_id=run_id, task=task, due=due, published_at=published)


def to_timer(row: Row) -> SetTimer:
    run_id, kind, task_id, attempt, due = row
    return SetTimer(run_id=run_id, kind=TimerKind(kind), due=due, id=task_id or None, attempt=attempt)
