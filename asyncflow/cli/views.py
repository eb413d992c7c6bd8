"""Where runs are seen: through a dispatcher, or straight in its store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from asyncflow.app.settings import Settings
from asyncflow.app.stores import open_store, sqlite_path
from asyncflow.cli.environment import settings_of
from asyncflow.cli.group import found
from asyncflow.cli.options import Where
from asyncflow.dispatcher.reports import find_run, list_runs, run_as_json
from asyncflow.dispatcher.stories import entry_json
from asyncflow.errors import StoreError
from asyncflow.model import jsontext
from asyncflow.model.names import Json, RunId, TaskId
from asyncflow.model.requests import ListRuns
from asyncflow.ports import Store


class View(Protocol):
    async def report(self, run: str) -> Mapping[str, Json]: ...

    async def list(self, which: ListRuns) -> Sequence[Mapping[str, Json]]: ...

    async def journal(self, run_id: str, after: int, limit: int) -> Sequence[Mapping[str, Json]]:
        """{"version", "at", "facts"} of the entries after a version."""


@asynccontextmanager
async def looking(where: Where) -> AsyncIterator[View]:
    """A dispatcher where a broker is named; else the store, which may be in use by another process.

    A store that was typed wins over a broker that the environment names.
    """
    settings = settings_of(where)
    if asks_dispatcher(settings, where):
        async with found("asyncflow.app.clients:connecting")(settings) as client:
            yield found("asyncflow.cli.asking:ByDispatcher")(client)
        return
    refuse_what_is_not_there(settings.store_url)
    async with open_store(settings.store_url, readonly=True) as store:
        yield _InStore(store)


def asks_dispatcher(settings: Settings, where: Where) -> bool:
    return bool(settings.broker_url and (where.broker or not where.store))


class _InStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def report(self, run: str) -> Mapping[str, Json]:
        return await run_as_json(self._store, self._results, await find_run(self._store, RunId(run)))

    async def list(self, which: ListRuns) -> Sequence[Mapping[str, Json]]:
        return await list_runs(self._store, which)

    async def journal(self, run_id: str, after: int, limit: int) -> Sequence[Mapping[str, Json]]:
        return [entry_json(entry) for entry in await self._store.journal(RunId(run_id), after, limit)]

    async def _results(self, ids: Sequence[TaskId]) -> dict[TaskId, Json]:
        return {id: jsontext.loads(text) for id, text in (await self._store.results(ids)).items()}


def refuse_what_is_not_there(url: str) -> None:
    """Raises StoreError: reading would else say only that a file cannot be opened."""
    if url.startswith("memory:"):
        raise StoreError("a store in memory ends with its process; nothing of it can be looked at")
    if url.startswith("sqlite:///") and not sqlite_path(url).exists():
        raise StoreError(
            f"there is no store at {sqlite_path(url)}; runs are looked for where they were run, "
            "or elsewhere with --store sqlite:///PATH, or at a dispatcher with --broker URL"
        )
