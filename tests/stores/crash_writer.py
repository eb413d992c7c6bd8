"""Run by the crash test: commits without end, and says on its standard output what was acknowledged."""

from __future__ import annotations

import asyncio
import os
import sys

from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.model.run_filter import RunFilter
from asyncflow.ports import Batch
from tests.stores.samples import advance, attempt, verdict


async def write(store: SqliteStore, lane: int) -> None:
    """Move two runs in step, each with an attempt that ends in the next batch."""
    runs = (f"{lane}-a", f"{lane}-b")
    version = len(await store.journal(runs[0]))
    while True:
        version += 1
        before = [f"{run}-{version - 1}" for run in runs] if version > 1 else []
        await store.commit(
            Batch(
                advances=tuple(advance(run, version) for run in runs),
                attempts=tuple(attempt(f"{run}-{version}", run) for run in runs),
                verdicts=tuple(verdict(one, result=b"1") for one in before),
            )
        )
        os.write(1, f"{lane} {version}\n".encode())
        await store.mark_published([f"{runs[0]}-{version}"])


async def main() -> None:
    async with SqliteStore(sys.argv[1]) as store:
        assert len(await store.headers(RunFilter())) in (0, 10)
        await asyncio.gather(*(write(store, lane) for lane in range(5)))


asyncio.run(main())
