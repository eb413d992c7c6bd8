"""What a real dispatcher has left in its SQLite file, and its workers in their ledger, as the invariants take it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.model import facts as f
from asyncflow.model.flow import Configuration
from asyncflow.model.names import NodeName, RunId, TaskId
from asyncflow.model.run import NodeKind
from asyncflow.model.run_filter import RunFilter
from asyncflow.ports import Advance, Attempt, Batch, Entry, Message, RunHeader, Verdict
from tests.faults.workers import Execution
from tests.faults.world import World


async def evidence(path: Path, configuration: Configuration, accepted: set[str], ledger: list[Execution]) -> World:
    """Everything that is stored, and everything that ran."""
    async with SqliteStore(path, readonly=True) as store:
        headers = await store.headers(RunFilter(children=True, limit=1_000_000))
        journals = await store.journals([header.run_id for header in headers])
        ids = [id for journal in journals.values() for id in _attempts(journal)]
        verdicts, results = await store.verdicts(ids), await store.results(ids)
        unpublished = {one.id for one in await store.unpublished()}
        timers = await store.timers()
        known = await store.run_of(ids)
        findings = await store.check()
        kept = MemoryStore(secret=store.secret)
    for header in headers:
        await _copy_run(kept, header, journals[header.run_id], known)
    await kept.commit(Batch(timers=tuple(timers)))
    await kept.commit(
        Batch(verdicts=tuple(_verdict(id, verdicts[id], results.get(id)) for id in ids if id in verdicts))
    )
    await kept.mark_published([id for id in ids if id not in unpublished])
    log = [(run_id, journals[run_id][version - 1]) for run_id, version in _order(path)]
    found = SimpleNamespace(
        configuration=configuration,
        functions={},
        store=kept,
        stored_results={},
        client=SimpleNamespace(accepted={RunId(run_id) for run_id in accepted}),
        workers=SimpleNamespace(ledger=ledger, lost=set()),
        broker=SimpleNamespace(is_empty=True),
        log=log,
        decided_by=[configuration] * len(log),
        findings=findings,
    )
    return cast(World, found)


def starts_of(world: World) -> Counter[NodeName]:
    """How often each node was started, in all runs."""
    facts = (fact for _, entry in world.log for fact in entry.facts)
    return Counter(fact.name for fact in facts if isinstance(fact, f.NodeStarted))


def is_settled(path: Path, runs: int) -> bool:
    """Whether so many root runs are over and every attempt has its verdict, read beside a dispatcher that may write."""
    try:
        with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5) as reader:
            [(ended,)] = reader.execute("SELECT count(*) FROM runs WHERE ended_at IS NOT NULL AND parent_run IS NULL")
            [(open_attempts,)] = reader.execute("SELECT count(*) FROM attempts WHERE verdict IS NULL")
    except sqlite3.OperationalError:  # not made yet
        return False
    return bool(ended == runs and open_attempts == 0)


def _order(path: Path) -> list[tuple[RunId, int]]:
    """Of the commits."""
    query = "SELECT run_id, facts.version FROM facts JOIN runs USING (run) ORDER BY entry"
    with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True) as reader:
        return [(RunId(run_id), version) for run_id, version in reader.execute(query)]


async def _copy_run(kept: MemoryStore, header: RunHeader, journal: list[Entry], known: Mapping[TaskId, RunId]) -> None:
    attempts = {id: name for id, name in _attempts(journal).items() if id in known}
    message = Message(routing_key="", body=b"")
    await kept.commit(
        Batch(
            advances=tuple(Advance(header=header, entry=entry) for entry in journal),
            attempts=tuple(
                Attempt(id=id, run_id=header.run_id, task=name, message=message) for id, name in attempts.items()
            ),
        )
    )


def _attempts(journal: list[Entry]) -> dict[TaskId, NodeName]:
    names: dict[TaskId, NodeName] = {}
    for entry in journal:
        for fact in entry.facts:
            match fact:
                case f.NodeStarted(kind=NodeKind.TASK):
                    names[fact.id] = fact.name
                case f.AttemptRetried():
                    names[fact.next_id] = names[fact.id]
    return names


def _verdict(id: TaskId, verdict: str, result: Any) -> Verdict:
    return Verdict(id=id, at=0.0, verdict=verdict, result=result)
