"""Leases that live in memory: of a store that one process at a time can have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from asyncflow.errors import LeaseLostError
from asyncflow.ports import Lease


class MemoryLeases:
    """`now` tells seconds of a clock that never goes back."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._epochs: dict[str, int] = {}
        """Of every partition that was ever taken: an epoch never comes twice."""
        self._held: dict[str, tuple[str, float]] = {}
        """Owners, and until when."""

    def acquire(self, partition: str, owner: str, ttl: float) -> int | None:
        holder, until = self._held.get(partition, ("", self._now()))
        if holder != owner and until > self._now():
            return None
        self._held[partition] = (owner, self._now() + ttl)
        self._epochs[partition] = self._epochs.get(partition, 0) + 1
        return self._epochs[partition]

    def renew(self, held: Mapping[str, int], ttl: float) -> set[str]:
        ours = {partition for partition, epoch in held.items() if self._epochs.get(partition) == epoch}
        for partition in ours:
            self._held[partition] = (self._held[partition][0], self._now() + ttl)
        return ours

    def release(self, held: Mapping[str, int]) -> None:
        for partition, epoch in held.items():
            if self._epochs.get(partition) == epoch:
                self._epochs[partition] += 1
                del self._held[partition]

    def leases(self) -> list[Lease]:
        left = {partition: until - self._now() for partition, (_, until) in self._held.items()}
        return [
            Lease(partition=name, owner=self._held[name][0], epoch=self._epochs[name], seconds_left=seconds)
            for name, seconds in sorted(left.items())
            if seconds > 0
        ]

    def check(self, fences: Iterable[tuple[str, int]]) -> None:
        """Raises LeaseLostError."""
        for partition, epoch in fences:
            current = self._epochs.get(partition, 0)
            if current != epoch:
                raise LeaseLostError(
                    f"partition {partition} is at epoch {current}, not {epoch}: another dispatcher has taken it"
                )
