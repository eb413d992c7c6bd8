"""Every store adapter, for the suite that all of them pass."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.ports import Store

Opener: TypeAlias = Callable[[], Store]


@pytest.fixture(params=["memory", "sqlite"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Makes the same store again at each call, to be entered anew."""
    if request.param == "memory":
        store = MemoryStore()
        return lambda: store
    return lambda: SqliteStore(tmp_path / "store.db")


@pytest.fixture
async def store(opener: Opener) -> AsyncIterator[Store]:
    async with opener() as opened:
        yield opened
