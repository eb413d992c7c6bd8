"""A store that lives in memory: no thread and no disk, so that simulations are quick and repeat exactly."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from types import TracebackType
from typing import Self, TypeAlias

from asyncflow.adapters import exported
from asyncflow.adapters.memory_leases import MemoryLeases
from asyncflow.adapters.rows import Row, envelope, folded
from asyncflow.errors import FencedError, StoreError
from asyncflow.model import journal, jsontext
from asyncflow.model.commands import SetTimer
from asyncflow.model.events import TimerKind
from asyncflow.model.finding import Finding
from asyncflow.model.names import FlowName, RunId, TaskId
from asyncflow.model.outline import Outline
from asyncflow.model.run import Status
from asyncflow.model.run_filter import RunFilter
from asyncflow.model.snapshot import Snapshot
from asyncflow.model.tally import Tally
from asyncflow.ports import Advance, Attempt, Batch, Entry, Lease, Outstanding, RunHeader, Tail, Verdict

_TimerKey: TypeAlias = tuple[RunId, TimerKind, TaskId | None, int]


@dataclass(slots=True)
class _Run:
    """`entries` holds facts as bytes, as every store does: what does not survive that shows itself here too."""

    header: RunHeader
    entries: list[tuple[float, bytes]] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    snapshot: Snapshot | None = None


class MemoryStore:
    """Keeps what was committed for as long as the object lives: leave and enter it again to play a restart.

    `now` is the clock of its leases.
    """

    def __init__(self, *, secret: bytes | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._secret = secrets.token_bytes(16) if secret is None else secret
        self._runs: dict[RunId, _Run] = {}
        self._open_attempts: dict[TaskId, Attempt] = {}
        self._published_at: dict[TaskId, float] = {}
        self._verdicts: dict[TaskId, Verdict] = {}
        self._run_of: dict[TaskId, RunId] = {}
        self._timers: dict[_TimerKey, SetTimer] = {}
        self._slots: dict[str, float] = {}
        self._outlines: dict[tuple[FlowName, str], Outline] = {}
        self._leases = MemoryLeases(now)
        self._partitions = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    @property
    def secret(self) -> bytes:
        return self._secret

    async def commit(self, batch: Batch) -> None:
        encoded = [journal.encode(advance.entry.facts) for advance in batch.advances]
        started = self._check(batch)
        for advance, facts in zip(batch.advances, encoded, strict=True):
            run = self._runs.setdefault(advance.header.run_id, _Run(advance.header))
            run.header = advance.header
            run.entries.append((advance.entry.at, facts))
        for attempt in batch.attempts:
            self._open_attempts[attempt.id] = attempt
            if attempt.published:
                self._published_at[attempt.id] = 0.0
            self._runs[attempt.run_id].attempts.append(attempt)
        self._run_of.update(started)
        for verdict in batch.verdicts:
            self._end(verdict)
        for timer in batch.timers:
            self._timers[_key(timer)] = timer
        for timer in batch.timers_done:
            self._timers.pop(_key(timer), None)
        for snapshot in batch.snapshots:
            self._keep(snapshot)

    async def mark_published(self, ids: Sequence[TaskId], at: float = 0.0) -> None:
        for one in ids:
            attempt = self._open_attempts.get(one)
            if attempt is not None and not attempt.published:
                self._open_attempts[one] = replace(attempt, published=True)
                self._published_at[one] = at

    async def journal(self, run_id: RunId, after: int = 0, limit: int | None = None) -> list[Entry]:
        return list(islice(self._entries(run_id, after), limit))

    async def journals(self, run_ids: Sequence[RunId]) -> dict[RunId, list[Entry]]:
        return {run_id: list(self._entries(run_id)) for run_id in run_ids}

    async def tails(self, run_ids: Sequence[RunId]) -> dict[RunId, Tail]:
        return {run_id: self._tail(run_id) for run_id in run_ids}

    async def run_of(self, ids: Sequence[TaskId]) -> dict[TaskId, RunId]:
        return {one: self._run_of[one] for one in ids if one in self._run_of}

    async def verdicts(self, ids: Sequence[TaskId]) -> dict[TaskId, str]:
        return {one: self._verdicts[one].verdict for one in ids if one in self._verdicts}

    async def results(self, ids: Sequence[TaskId]) -> dict[TaskId, bytes]:
        given = {one: self._verdicts[one].result for one in ids if one in self._verdicts}
        return {one: result for one, result in given.items() if result is not None}

    async def unpublished(self, partitions: Collection[int] | None = None) -> list[Attempt]:
        return [one for one in self._attempts_in(partitions) if not one.published]

    async def outstanding(self, before: float, partitions: Collection[int] | None = None) -> list[Outstanding]:
        found = [self._outstanding(one) for one in self._attempts_in(partitions) if one.due < before]
        return sorted(found, key=lambda one: one.due)

    async def timers(self, partitions: Collection[int] | None = None) -> list[SetTimer]:
        found = [timer for timer in self._timers.values() if self._is_in(timer.run_id, partitions)]
        return sorted(found, key=lambda timer: timer.due)

    async def take_slot(self, name: str, now: float, interval: float) -> float:
        slot = self._slots[name] = max(now, self._slots.get(name, now - interval) + interval)
        return slot

    async def keep_outlines(self, outlines: Sequence[Outline], at: float) -> None:
        for outline in outlines:
            self._outlines.pop((outline.flow, outline.version), None)
            self._outlines[outline.flow, outline.version] = outline

    async def outlines(self, flow: FlowName) -> list[Outline]:
        return [outline for outline in self._outlines.values() if outline.flow == flow]

    async def open_flows(self) -> dict[FlowName, int]:
        return Counter(run.header.flow for run in self._runs.values() if not run.header.status.is_terminal)

    async def outcomes(self, since: float, width: float) -> list[Tally]:
        counts: Counter[tuple[FlowName, Status, int]] = Counter(
            (header.flow, header.status, int((header.started_at - since) / width))
            for header in self._roots()
            if header.started_at >= since
        )
        return [
            Tally(flow=flow, status=status, step=step, count=count) for (flow, status, step), count in counts.items()
        ]

    async def longest_open(self, limit: int) -> list[RunHeader]:
        running = [header for header in self._roots() if header.status is Status.RUNNING]
        return sorted(running, key=lambda header: header.started_at)[:limit]

    async def header(self, run_id: RunId) -> RunHeader | None:
        run = self._runs.get(run_id)
        return None if run is None else run.header

    async def headers(self, which: RunFilter) -> list[RunHeader]:
        latest_first = reversed([run.header for run in self._runs.values()])
        found = [header for header in latest_first if _fits(header, which)]
        return sorted(found, key=lambda header: header.started_at, reverse=True)[: which.limit]

    async def remove_ended(self, before: float, limit: int) -> int:
        roots = self._roots()
        doomed: list[RunId] = []
        for root in sorted(roots, key=lambda header: header.ended_at or before):
            tree = [id for id, run in self._runs.items() if root.run_id in (id, run.header.root_id)]
            if all(self._is_over(run_id, before) for run_id in tree) and not self._is_needed(root, before):
                doomed += sorted(tree, key=lambda run_id: run_id == root.run_id)  # the root goes last
        for run_id in doomed[:limit]:
            self._remove(run_id)
        return len(doomed[:limit])

    async def check(self) -> list[Finding]:
        return []  # what is in memory was checked when it was committed

    async def export(self, run_ids: Sequence[RunId] | None = None) -> AsyncIterator[bytes]:
        yield exported.first_line()
        for run_id, run in list(self._runs.items()):
            if run_ids is not None and run_id not in run_ids:
                continue
            yield exported.header_line(run.header, len(run.entries))
            for version, (at, facts) in enumerate(run.entries, start=1):
                yield exported.entry_line(run_id, version, at, facts)
            for attempt in run.attempts:
                yield exported.attempt_line(self._row(attempt))

    async def acquire(self, partition: str, owner: str, ttl: float) -> int | None:
        return self._leases.acquire(partition, owner, ttl)

    async def renew(self, held: Mapping[str, int], ttl: float) -> set[str]:
        return self._leases.renew(held, ttl)

    async def release(self, held: Mapping[str, int]) -> None:
        self._leases.release(held)

    async def leases(self) -> list[Lease]:
        return self._leases.leases()

    async def agree_on_partitions(self, count: int) -> int:
        self._partitions = self._partitions or count
        return self._partitions

    def _roots(self) -> list[RunHeader]:
        return [run.header for run in self._runs.values() if run.header.parent_node is None]

    def _attempts_in(self, partitions: Collection[int] | None) -> list[Attempt]:
        """Those without a verdict."""
        return [one for one in self._open_attempts.values() if self._is_in(one.run_id, partitions)]

    def _is_in(self, run_id: RunId, partitions: Collection[int] | None) -> bool:
        return partitions is None or self._runs[run_id].header.partition in partitions

    def _check(self, batch: Batch) -> dict[TaskId, RunId]:
        """Refuse the batch as a whole, before any of it is written; return which attempts it starts."""
        self._leases.check(batch.fences)
        moved: dict[RunId, int] = {}
        for advance in batch.advances:
            moved[advance.header.run_id] = self._check_version(advance, moved)
        started: dict[TaskId, RunId] = {}
        for attempt in batch.attempts:
            if attempt.id in self._run_of or attempt.id in started:
                raise StoreError(f"attempt {attempt.id} is stored already")
            started[attempt.id] = attempt.run_id
        for run_id in [*started.values(), *(timer.run_id for timer in batch.timers)]:
            if run_id not in self._runs and run_id not in moved:
                raise StoreError(f"there is no run {run_id} to write for")
        return started

    def _check_version(self, advance: Advance, moved: dict[RunId, int]) -> int:
        run_id, version = advance.header.run_id, advance.entry.version
        run = self._runs.get(run_id)
        stored = moved.get(run_id, len(run.entries) if run else 0)
        if version != stored + 1:
            raise FencedError(
                f"run {run_id} stands at version {stored}, not {version - 1}: another commit has moved it"
            )
        return version

    def _end(self, verdict: Verdict) -> None:
        """The first verdict of an attempt counts; its message is no longer needed then."""
        if self._open_attempts.pop(verdict.id, None) is None:
            return
        self._verdicts[verdict.id] = verdict

    def _outstanding(self, attempt: Attempt) -> Outstanding:
        return Outstanding(
            id=attempt.id,
            run_id=attempt.run_id,
            task=attempt.task,
            due=attempt.due,
            published_at=self._published_at.get(attempt.id),
        )

    def _row(self, attempt: Attempt) -> Row:
        """As a SQL store has it."""
        columns = attempt.run_id, attempt.id, attempt.task, attempt.due, self._published_at.get(attempt.id)
        verdict = self._verdicts.get(attempt.id)
        if verdict is not None:
            return *columns, verdict.verdict, verdict.at, None, None, verdict.result
        return *columns, None, None, jsontext.dumps(envelope(attempt.message)), attempt.message.body, None

    def _keep(self, snapshot: Snapshot) -> None:
        run = self._runs.get(snapshot.run_id)
        if run is not None and (run.snapshot is None or run.snapshot.version < snapshot.version):
            run.snapshot = snapshot

    def _is_over(self, run_id: RunId, before: float) -> bool:
        run = self._runs[run_id]
        ended_at = run.header.ended_at
        return (
            ended_at is not None
            and ended_at < before
            and not any(attempt.id in self._open_attempts for attempt in run.attempts)
        )

    def _is_needed(self, root: RunHeader, before: float) -> bool:
        """A retry shows results of the runs before it."""
        first = root.labels.get("first_run", root.run_id)
        retries = [run.header for run in self._runs.values() if run.header.labels.get("first_run") == first]
        return any(retry.ended_at is None or retry.ended_at >= before for retry in retries)

    def _remove(self, run_id: RunId) -> None:
        for attempt in self._runs.pop(run_id).attempts:
            del self._run_of[attempt.id]
            del self._verdicts[attempt.id]
            self._published_at.pop(attempt.id, None)
        self._timers = {key: timer for key, timer in self._timers.items() if timer.run_id != run_id}

    def _tail(self, run_id: RunId) -> Tail:
        run = self._runs.get(run_id)
        snapshot = None if run is None else run.snapshot
        return Tail(snapshot=snapshot, entries=tuple(self._entries(run_id, snapshot.version if snapshot else 0)))

    def _entries(self, run_id: RunId, after: int = 0) -> Iterator[Entry]:
        run = self._runs.get(run_id)
        for version, (at, facts) in enumerate(run.entries[after:] if run else (), start=after + 1):
            yield Entry(version=version, at=at, facts=journal.decode(facts))


def _key(timer: SetTimer) -> _TimerKey:
    return timer.run_id, timer.kind, timer.id, timer.attempt


def _fits(header: RunHeader, which: RunFilter) -> bool:
    return (
        (which.children or header.parent_node is None)
        and which.root_id in (None, header.root_id, header.run_id)
        and which.flow in (None, header.flow)
        and (not which.statuses or header.status in which.statuses)
        and header.run_id.startswith(which.prefix)
        and which.labels.items() <= header.labels.items()
        and (which.since is None or header.started_at >= which.since)
        and (which.until is None or header.started_at < which.until)
        and _says(header, folded(which.text))
    )


def _says(header: RunHeader, text: str) -> bool:
    said = [header.run_id, header.flow, *header.labels.values()]
    if header.error is not None:
        said.append(f"{header.error.type}: {header.error.message}")
    return any(text in folded(one) for one in said)
