"""Run by the test of takeovers: takes a partition, moves a run in it without end, and says what was acknowledged."""

from __future__ import annotations

import asyncio
import os
import sys

from asyncflow.adapters.postgresql import PostgresStore
from asyncflow.errors import FencedError
from tests.stores.samples import attempt, step

TTL = 1.0


async def main() -> None:
    url, schema, owner = sys.argv[1:]
    async with PostgresStore(url, schema=schema) as store:
        epoch = None
        while epoch is None:
            epoch = await store.acquire("p", owner, TTL)
            await asyncio.sleep(0.02)
        os.write(1, f"holds {epoch}\n".encode())
        version = len(await store.journal("r"))
        while True:
            version += 1
            batch = step("r", version, fences=(("p", epoch),), attempts=(attempt(f"{owner}-{version}", "r"),))
            try:
                await store.commit(batch)
            except FencedError as exc:
                os.write(1, f"fenced {exc}\n".encode())
                return
            os.write(1, f"wrote {version}\n".encode())
            await store.renew({"p": epoch}, TTL)


asyncio.run(main())
