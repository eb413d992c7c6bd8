"""Runs as a dispatcher tells of them. Imported only where one is asked: it brings an AMQP client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asyncflow.client import Client
from asyncflow.model.names import Json


class ByDispatcher:
    """Fulfils `views.View`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def report(self, run: str) -> Mapping[str, Json]:
        return (await self._client.run(run).status()).report

    async def list(self, flow: str | None, state: str | None, limit: int) -> Sequence[Mapping[str, Json]]:
        return await self._client.list(flow=flow, state=state, limit=limit)
