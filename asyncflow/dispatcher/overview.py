"""How things stand: outcomes over time, what is late, how quickly is dispatched, queues, and who has which partition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import anyio

from asyncflow.dispatcher.outbox import Outbox
from asyncflow.dispatcher.place import LEASE_PREFIX
from asyncflow.dispatcher.reports import header_as_json
from asyncflow.errors import BrokerError
from asyncflow.fleet import Workers
from asyncflow.model.flow import Configuration
from asyncflow.model.history import instant
from asyncflow.model.names import FlowName, Json
from asyncflow.model.run import Status
from asyncflow.model.run_filter import RunFilter
from asyncflow.model.spread import quantile, spread_json
from asyncflow.model.tally import Tally
from asyncflow.ports import Clock, Lease, RunHeader

STEPS = 60
"""Into so many parts of the same length the time is cut."""
_FRESH = 2.0
"""Seconds for which an answer is good enough for everyone who asks the same."""
_QUEUES_FRESH = 5.0
_MOST_QUEUES = 100
_USUAL_FRESH = 60.0
_SAMPLE, _LEAST_SAMPLE = 50, 5
"""How many of its last runs tell how long a flow usually takes."""
_LATE_BY, _LATE_AT_LEAST = 2.0, 5.0
"""Late is who has run for more than that many times what is usual, and for so many seconds more."""
_MOST_LATE = 20


class Survey(Protocol):
    """What is looked at in a store."""

    async def outcomes(self, since: float, width: float) -> list[Tally]:
        """How many runs, without child runs, were started since then, by flow, status, and time in steps of `width`."""

    async def longest_open(self, limit: int) -> list[RunHeader]:
        """Running runs, without child runs, the longest first."""

    async def headers(self, which: RunFilter) -> list[RunHeader]: ...

    async def open_flows(self) -> dict[FlowName, int]: ...

    async def leases(self) -> list[Lease]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """What is looked at."""

    store: Survey
    outbox: Outbox
    configuration: Configuration
    clock: Clock
    workers: Workers | None = None


class Overview:
    """Looks at most so often, however many ask."""

    def __init__(self, surveyed: Surveyed) -> None:
        self._surveyed = surveyed
        self._answers = _Kept(surveyed.clock, _FRESH)
        self._usual = _Kept(surveyed.clock, _USUAL_FRESH)
        self._queues = _Kept(surveyed.clock, _QUEUES_FRESH)

    async def told(self, seconds: float) -> dict[str, Json]:
        """Raises StoreError."""
        answer: dict[str, Json] = await self._answers.get(seconds, lambda: self._look(seconds))
        return answer

    async def _look(self, seconds: float) -> dict[str, Json]:
        seen = self._surveyed
        now = seen.clock.now()
        width = seconds / STEPS
        # Steps begin at the same times for everyone, and the last one holds now.
        since = (now // width + 1 - STEPS) * width
        tallies = await seen.store.outcomes(since, width)
        return {
            "at": instant(now),
            "since": instant(since),
            "width": width,
            "steps": _steps(tallies),
            "flows": _by_flow(tallies),
            "open": await seen.store.open_flows(),
            "late": await self._late(now),
            "lag": spread_json(seen.outbox.lags),
            "outbox": len(seen.outbox),
            "queues": await self._queues.get("", self._look_at_queues),
            "dispatchers": _dispatchers(await seen.store.leases()),
        }

    async def _late(self, now: float) -> list[Json]:
        late = []
        for header in await self._surveyed.store.longest_open(10 * _MOST_LATE):
            usual = await self._usual.get(header.flow, lambda flow=header.flow: self._usually(flow))  # type: ignore[misc]  # mypy does not see the default
            if usual is not None and now - header.started_at > max(_LATE_BY * usual, usual + _LATE_AT_LEAST):
                late.append({**header_as_json(header), "usual": usual})
        return late[:_MOST_LATE]

    async def _usually(self, flow: FlowName) -> float | None:
        """How long nearly all of its last runs took."""
        last = await self._surveyed.store.headers(RunFilter(flow=flow, limit=2 * _SAMPLE))
        took = sorted(
            header.ended_at - header.started_at
            for header in last
            if header.status is Status.SUCCEEDED and header.ended_at is not None
        )
        return quantile(took, 0.95) if len(took) >= _LEAST_SAMPLE else None

    async def _look_at_queues(self) -> list[Json] | None:
        """Those that tasks of the configuration go to; None where nobody can tell."""
        workers = self._surveyed.workers
        if workers is None:
            return None
        tasks = self._surveyed.configuration.tasks.values()
        names = sorted({task.queue for task in tasks if not task.exchange})[:_MOST_QUEUES]
        found: list[Json] = []
        try:
            for name in names:
                state = await workers.queue(name)
                exists = state is not None
                messages, consumers = (state.messages, state.consumers) if state is not None else (0, 0)
                found.append({"name": name, "exists": exists, "messages": messages, "consumers": consumers})
        except BrokerError:
            return None
        return found


class _Kept:
    """Answers that are good for some time; who asks meanwhile waits for the one that is under way."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._answers: dict[object, tuple[float, Any]] = {}
        self._lock = anyio.Lock()

    async def get(self, key: object, look: Callable[[], Any]) -> Any:
        async with self._lock:
            now = self._clock.now()
            known = self._answers.get(key)
            if known is None or not 0 <= now - known[0] < self._seconds:
                known = self._answers[key] = (now, await look())
            self._answers = {one: kept for one, kept in self._answers.items() if 0 <= now - kept[0] < self._seconds}
            self._answers[key] = known
            return known[1]


def _steps(tallies: Iterable[Tally]) -> list[Mapping[str, int]]:
    steps: list[Counter[str]] = [Counter() for _ in range(STEPS)]
    for tally in tallies:
        steps[min(STEPS - 1, max(0, tally.step))][tally.status.value] += tally.count
    return [dict(step) for step in steps]


def _by_flow(tallies: Iterable[Tally]) -> list[Json]:
    """What failed most stands first."""
    counts: dict[FlowName, Counter[str]] = {}
    for tally in tallies:
        counts.setdefault(tally.flow, Counter())[tally.status.value] += tally.count
    ordered = sorted(counts.items(), key=lambda one: (-one[1]["failed"], -one[1].total(), one[0]))
    return [{"flow": flow, "states": {state: n for state, n in states.items() if n}} for flow, states in ordered]


def _dispatchers(leases: Sequence[Lease]) -> list[Json]:
    """Who has which partition; nobody where there is one dispatcher only, which holds no lease."""
    held: dict[str, list[int]] = {}
    for lease in leases:
        mine = held.setdefault(lease.owner, [])
        if lease.partition.startswith(LEASE_PREFIX):
            mine.append(int(lease.partition.removeprefix(LEASE_PREFIX)))
    return [{"name": owner[:8], "partitions": sorted(partitions)} for owner, partitions in sorted(held.items())]
