"""What must hold in every SQL store, as queries for what breaks it; in SQL that all of them take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from asyncflow.adapters.rows import Row
from asyncflow.errors import Severity
from asyncflow.model import journal
from asyncflow.model.finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`query` finds what breaks it: a run id, or NULL, and what the message has braces for."""

    query: str
    message: str
    severity: Severity = Severity.ERROR

    def finding(self, row: Row) -> Finding:
        run_id, *told = row
        return Finding(message=self.message.format(run_id, *told), severity=self.severity, run_id=run_id)


def _orphans(table: str, what: str) -> Rule:
    return Rule(
        query=f"SELECT NULL, count(*) FROM {table} WHERE run NOT IN (SELECT run FROM runs) HAVING count(*) > 0",
        message=f"{{1}} {what} belong to no run",
    )


RULES = (
    Rule(
        query="SELECT run_id, runs.version, count(facts.version), max(facts.version)"
        " FROM runs LEFT JOIN facts USING (run) GROUP BY run, run_id, runs.version"
        " HAVING count(facts.version) <> runs.version OR max(facts.version) <> runs.version",
        message="run {} stands at version {}, but its journal has {} entries, the last with version {}",
    ),
    _orphans("facts", "journal entries"),
    _orphans("attempts", "attempts"),
    _orphans("timers", "timers"),
    _orphans("snapshots", "snapshots"),
    Rule(
        query="SELECT run_id, snapshots.version, runs.version FROM runs JOIN snapshots USING (run)"
        " WHERE snapshots.version > runs.version",
        message="the snapshot of run {} is of version {}, which the run, at {}, has not reached",
    ),
    Rule(
        query="SELECT run_id, status FROM runs WHERE (status IN ('running', 'paused')) <> (ended_at IS NULL)",
        message="run {} is {}, which its time of ending contradicts",
    ),
    Rule(
        query="SELECT run_id, root_id FROM runs AS child WHERE parent_run IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM runs AS root WHERE root.run_id = child.root_id)",
        message="run {} belongs to run {}, which is not there",
    ),
    Rule(
        query="SELECT run_id, task_id FROM attempts JOIN runs USING (run)"
        " WHERE verdict IS NULL AND (envelope IS NULL OR body IS NULL)",
        message="attempt {1} of run {0} has neither a verdict nor its message: it cannot be published again",
    ),
    Rule(
        query="SELECT run_id, status, count(*) FROM attempts JOIN runs USING (run)"
        " WHERE verdict IS NULL AND runs.ended_at IS NOT NULL GROUP BY run_id, status",
        message="run {} is over ({}), but {} of its attempts have no verdict yet: of tasks that nobody waits for, or lost",
        severity=Severity.WARNING,
    ),
)

FACTS = "SELECT run_id, facts.version, facts FROM facts JOIN runs USING (run) ORDER BY run, facts.version"


def unreadable(entries: Iterable[Row]) -> Iterator[Finding]:
    """Entries of the journal, from `FACTS`, that this version of asyncflow cannot read."""
    for run_id, version, facts in entries:
        try:
            journal.decode(bytes(facts))
        except Exception as exc:  # noqa: BLE001  (whatever is wrong with it)
            message = f"entry {version} of run {run_id} cannot be read: {type(exc).__name__}: {exc}"
            yield Finding(message=message, run_id=run_id)
