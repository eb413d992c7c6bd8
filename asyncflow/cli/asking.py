"""Runs as a dispatcher tells of them. Imported only where one is asked: it brings an AMQP client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asyncflow.client import Client
from asyncflow.model.names import Json
from asyncflow.model.requests import ListRuns


class ByDispatcher:
    """Fulfils `views.View`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def report(self, run: str) -> Mapping[str, Json]:
        return (await self._client.run(run).status()).report

    async def journal(self, run_id: str, after: int, limit: int) -> Sequence[Mapping[str, Json]]:
        return await self._client.run(run_id).journal(after, limit)

    async def list(self, which: ListRuns) -> Sequence[Mapping[str, Json]]:
        runs: Sequence[Mapping[str, Json]] = (await self._client.ask(which))["runs"]
        return runs
