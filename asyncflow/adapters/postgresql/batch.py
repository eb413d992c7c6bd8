"""A batch as the arguments of the function that commits it: an array for each column of each table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from psycopg.types.numeric import Float8, Int8

from asyncflow.adapters import rows
from asyncflow.adapters.rows import Row, Rows
from asyncflow.errors import FencedError
from asyncflow.model.names import RunId, TaskId
from asyncflow.ports import Batch

Arguments: TypeAlias = list[list[Any]]

_TABLES = (
    "text bigint",
    "text bigint bigint text text text text float8 bigint text float8 float8 bytea bytea",
    "text bigint float8 bytea",
    "text text text float8 float8 bytea bytea",
    "text text float8 bytea",
    "text text text bigint float8",
    "text text text bigint",
    "text bigint bytea",
    "text float8",
)
"""The columns of: fences, runs, facts, attempts, verdicts, timers, timers done, snapshots, marks."""

_RUNS, _FACTS = 2, 16
"""Where the columns of these tables begin."""

_NUMBERS: dict[str, type[Any]] = {"bigint": Int8, "float8": Float8}
"""Lists of bare numbers would be sent as whichever type fits, and the statement be planned for each."""

COMMIT = f"SELECT commit_2({', '.join(f'%b::{kind}[]' for table in _TABLES for kind in table.split())})".encode()


def arguments(batch: Batch, marks: Iterable[tuple[TaskId, float]]) -> Arguments:
    """TypeError where JSON cannot say a value; FencedError where the batch's own versions do not follow each other."""
    written = rows.of_batch(batch)
    tables: tuple[Iterable[Row], ...] = (
        batch.fences,
        _runs(written),
        written.facts,
        written.attempts,
        [(task_id, word, at, result) for word, at, result, task_id in written.verdicts],
        _last_of_each(written.timers, 4),
        written.timers_done,
        _last_of_each(sorted(written.snapshots, key=_version), 1),
        marks,
    )
    return [column for table, kinds in zip(tables, _TABLES, strict=True) for column in _columns(table, kinds.split())]


def entries(arguments: Arguments) -> Arguments:
    """The journal entries among the arguments: their runs, versions and facts."""
    return [arguments[_FACTS], arguments[_FACTS + 1], arguments[_FACTS + 3]]


def versions_before(arguments: Arguments) -> dict[RunId, int]:
    """Where the batch expects its runs to stand."""
    return {run_id: first - 1 for run_id, first in zip(arguments[_RUNS], arguments[_RUNS + 1], strict=True)}


def _runs(written: Rows) -> list[Row]:
    """One row a run, however often it moves: its versions before and after, what never changes, what may.

    Runs that are there already come in one order everywhere, so that no two dispatchers wait for each other.
    """
    runs: dict[RunId, Row] = {}
    for run_id, *columns in written.started:
        if run_id in runs:
            raise FencedError(f"run {run_id} begins twice in one batch")
        runs[run_id] = (run_id, 1, 1, *columns)
    for version, *changing, run_id, _ in written.moved:
        before = runs.get(run_id, (run_id, version, version - 1, "", "", None, None, 0.0, 0))
        if before[2] != version - 1:
            raise FencedError(f"the versions of run {run_id} do not follow each other")
        runs[run_id] = (run_id, before[1], version, *before[3:9], *changing)
    return sorted(runs.values(), key=lambda row: "" if row[1] == 1 else row[0])


def _last_of_each(table: Iterable[Row], key: int) -> list[Row]:
    """Of rows with the same first columns the last: a statement may write a row only once."""
    return list({row[:key]: row for row in table}.values())


def _version(row: Row) -> int:
    return int(row[1])


def _columns(table: Iterable[Row], kinds: Sequence[str]) -> Arguments:
    columns: Arguments = [list(column) for column in zip(*table, strict=True)] or [[] for _ in kinds]
    return [
        [None if value is None else _NUMBERS[kind](value) for value in column] if kind in _NUMBERS else column
        for kind, column in zip(kinds, columns, strict=True)
    ]
