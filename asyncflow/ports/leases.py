"""Who may move which runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who may move the runs of a partition. The epoch grows whenever that changes."""

    partition: str
    owner: str
    epoch: int
    seconds_left: float


class Leases(Protocol):
    """Which dispatcher has which partition. Time is the store's. Every method may raise StoreError."""

    async def acquire(self, partition: str, owner: str, ttl: float) -> int | None:
        """Take a partition for `ttl` seconds, and return its new epoch; None while another owner has it.

        Who has it already gets a new epoch too: an owner that starts again fences its former life.
        """

    async def renew(self, held: Mapping[str, int], ttl: float) -> set[str]:
        """Hold partitions, given with their epochs, for `ttl` seconds from now; return those that are still held."""

    async def release(self, held: Mapping[str, int]) -> None:
        """Give partitions up: others may take them at once."""

    async def leases(self) -> list[Lease]:
        """Those that are held now, by partition."""

    async def agree_on_partitions(self, count: int) -> int:
        """How many partitions there are: what was said first, for as long as the store exists."""
