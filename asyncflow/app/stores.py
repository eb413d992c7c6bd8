"""The store of a URL."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import ModuleType
from typing import Protocol, TypeAlias

from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.errors import RequestError, StoreError
from asyncflow.ports import Leases, Store


class SharedStore(Store, Leases, Protocol):
    """What every store is: also the leases of its dispatchers."""


Opening: TypeAlias = AbstractAsyncContextManager[SharedStore]

_POSTGRESQL = ("postgresql://", "postgres://")


def open_store(url: str, *, readonly: bool = False) -> Opening:
    """sqlite:///relative.db, sqlite:////absolute.db, postgresql://USER@HOST/DATABASE, or memory:."""
    if url.startswith("memory:"):
        return MemoryStore()
    if url.startswith("sqlite:///"):
        return SqliteStore(sqlite_path(url), readonly=readonly)
    if url.startswith(_POSTGRESQL):
        made: Callable[..., Opening] = _postgresql().PostgresStore
        return made(url, readonly=readonly)
    scheme = url.split(":", 1)[0]
    raise RequestError(f"no store is made for {scheme!r} URLs: use sqlite:///PATH, postgresql://... or memory:")


async def upgrade_store(url: str) -> list[str]:
    """Bring the schema of a store up to date; the names of the migrations that were applied. Raises StoreError."""
    if url.startswith(_POSTGRESQL):
        applied: list[str] = await _postgresql().upgrade(url)
        return applied
    async with open_store(url):  # the others do it by themselves
        return []


def is_shared(url: str) -> bool:
    """Whether several dispatchers can have this store at once."""
    return url.startswith(_POSTGRESQL)


def sqlite_path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def _postgresql() -> ModuleType:
    """The driver is optional, and slow to import: it is imported for its own URLs only."""
    try:
        return importlib.import_module("asyncflow.adapters.postgresql")
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("asyncflow"):
            raise
        raise StoreError(
            f"a PostgreSQL store needs {missing.name}, which is not installed: "
            "pip install 'asyncflow-dispatcher[postgresql]'"
        ) from missing
