"""The dispatcher's durable state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Protocol

from asyncflow.model.commands import SetTimer
from asyncflow.model.finding import Finding
from asyncflow.model.names import FlowName, RunId, TaskId
from asyncflow.model.outline import Outline
from asyncflow.model.run_filter import RunFilter
from asyncflow.ports.records import Attempt, Batch, Entry, Outstanding, RunHeader, Tail


class Store(Protocol):
    """The dispatcher's durable state. Every method may raise StoreError. Used as an async context manager."""

    @property
    def secret(self) -> bytes:
        """16 random bytes, drawn when the store was made: the namespace of task ids."""

    async def commit(self, batch: Batch) -> None:
        """Write all of it durably, or nothing. Raises FencedError when a run or an epoch has moved on meanwhile.

        For an epoch that is a LeaseLostError; a batch of nothing but fences asks whether they hold.

        After any other StoreError it may have been written or not. Commit the same batch object again to find out:
        that succeeds if it was.
        """

    async def mark_published(self, ids: Sequence[TaskId], at: float = 0.0) -> None:
        """Note that the broker has confirmed these attempts, and when. Need not be durable at once."""

    async def journal(self, run_id: RunId, after: int = 0, limit: int | None = None) -> list[Entry]:
        """The entries of a run with a version after that one, in order, at most so many; empty for an unknown run."""

    async def journals(self, run_ids: Sequence[RunId]) -> dict[RunId, list[Entry]]: ...

    async def tails(self, run_ids: Sequence[RunId]) -> dict[RunId, Tail]:
        """What loading these runs takes; an unknown run has an empty tail."""

    async def run_of(self, ids: Sequence[TaskId]) -> dict[TaskId, RunId]:
        """The runs of attempts that have no verdict yet, and of those that have; unknown ids are left out."""

    async def verdicts(self, ids: Sequence[TaskId]) -> dict[TaskId, str]:
        """How attempts have ended; those without a verdict and unknown ids are left out."""

    async def results(self, ids: Sequence[TaskId]) -> dict[TaskId, bytes]:
        """Inline results, as JSON text; ids without one are left out."""

    async def unpublished(self, partitions: Collection[int] | None = None) -> list[Attempt]:
        """Attempts without a verdict that are not known to be published, in the order they were committed."""

    async def outstanding(self, before: float, partitions: Collection[int] | None = None) -> list[Outstanding]:
        """Attempts without a verdict that were due before then, the longest due first, published or not."""

    async def timers(self, partitions: Collection[int] | None = None) -> list[SetTimer]:
        """Every timer that is set and not done; as above, of the runs in these partitions, or of all for None."""

    async def take_slot(self, name: str, now: float, interval: float) -> float:
        """When the next start of a throttled node may be: now, or `interval` seconds after the slot taken before.

        The slot is taken once and for all, durably: two callers never get the same.
        """

    async def keep_outlines(self, outlines: Sequence[Outline], at: float) -> None:
        """Keep these definitions of flows, as served from then on."""

    async def outlines(self, flow: FlowName) -> list[Outline]:
        """Every definition of a flow that was kept, the one last served last."""

    async def open_flows(self) -> dict[FlowName, int]:
        """How many runs of each flow are not over, child runs too."""

    async def header(self, run_id: RunId) -> RunHeader | None: ...

    async def headers(self, which: RunFilter) -> list[RunHeader]: ...

    async def remove_ended(self, before: float, limit: int) -> int:
        """Remove runs that ended before then, at most so many, with all that is stored of them; return how many.

        A root and its child runs go together, and only when each of them ended before then and every attempt has its
        verdict. A root goes last: what a crash leaves is removed by the next call. Call until it returns 0.
        """

    async def check(self) -> list[Finding]:
        """Look through everything that is stored for what cannot be; empty when all is well."""

    def export(self, run_ids: Sequence[RunId] | None = None) -> AsyncIterator[bytes]:
        """Runs with their journals, attempts and inline results, as lines of JSON; None for all runs."""
