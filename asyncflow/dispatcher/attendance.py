"""Which workers are there: a roll that their heartbeats keep, and that says who has fallen silent."""

from __future__ import annotations

from dataclasses import dataclass

from asyncflow.fleet import Sign, WorkerReport

_USUAL_INTERVAL = 2.0
_BEATS = 3.0
"""A worker is silent when it has missed so many heartbeats."""


@dataclass(slots=True)
class _Present:
    interval: float
    silent_at: float


class Attendance:
    """Times are those of the dispatcher's clock; workers' own clocks may be wrong."""

    def __init__(self, *, farewell: float) -> None:
        self._farewell = farewell
        self._roll: dict[str, _Present] = {}
        self._leaving: dict[str, float] = {}

    @property
    def present(self) -> frozenset[str]:
        return frozenset(self._roll)

    @property
    def next_check(self) -> float:
        """When somebody may have fallen silent, at the earliest."""
        times = [one.silent_at for one in self._roll.values()] + list(self._leaving.values())
        return min(times, default=float("inf"))

    def hear(self, report: WorkerReport, now: float) -> bool:
        """Note a sign of life; True when a worker that was known begins anew, so that its earlier life is over."""
        if report.sign is Sign.OFFLINE:
            self._roll.pop(report.worker, None)
            # In order, a worker ends what it runs; nobody hears of it meanwhile.
            self._leaving[report.worker] = now + self._farewell
            return False
        known = self._roll.get(report.worker)
        interval = report.interval or (known.interval if known else _USUAL_INTERVAL)
        self._roll[report.worker] = _Present(interval, now + _BEATS * interval)
        if report.sign is not Sign.ONLINE:
            return False
        left = self._leaving.pop(report.worker, None)
        return known is not None or left is not None

    def overdue(self, now: float) -> list[str]:
        """Who is silent, or has left long enough ago."""
        left = [worker for worker, until in self._leaving.items() if until <= now]
        return left + [worker for worker, one in self._roll.items() if one.silent_at <= now]

    def strike_off(self, worker: str) -> None:
        self._roll.pop(worker, None)
        self._leaving.pop(worker, None)

    def excuse(self, worker: str, now: float) -> None:
        """It is silent, but has a reason: ask again later."""
        one = self._roll.get(worker)
        if one is not None:
            one.silent_at = now + _BEATS * one.interval

    def excuse_all(self, until: float) -> None:
        """Nobody could be heard lately."""
        for one in self._roll.values():
            one.silent_at = max(one.silent_at, until)
