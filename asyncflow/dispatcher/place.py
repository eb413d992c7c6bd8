"""Where a dispatcher stands among others: the partition whose runs it moves, and the fence that its commits carry."""

from __future__ import annotations

from dataclasses import dataclass

LEASE_PREFIX = "partition "
"""Other leases are not of partitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Without an epoch nobody else can have the partition: there is one dispatcher only."""

    partition: int = 0
    epoch: int | None = None
    partitions: int = 1
    """How many there are."""

    @property
    def lease(self) -> str:
        """The name of the partition among the leases."""
        return f"{LEASE_PREFIX}{self.partition}"

    @property
    def fences(self) -> tuple[tuple[str, int], ...]:
        return () if self.epoch is None else ((self.lease, self.epoch),)
