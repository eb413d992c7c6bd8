"""A TCP proxy in front of a server, which loses what it is told to lose."""

from __future__ import annotations

import asyncio
from typing import Self
from urllib.parse import urlsplit


class Proxy:
    """Drops connections when they carry bytes in a direction that `lose` names."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.lose: set[str] = set()
        """"requests": they do not reach the server. "replies": requests do, but what the server answers is lost."""
        self.lost = 0

    @property
    def url(self) -> str:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return self._parts._replace(netloc=f"{self._parts.username}@127.0.0.1:{port}").geturl()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        far_reader, far_writer = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        try:
            ways = [self._carry("requests", reader, far_writer), self._carry("replies", far_reader, writer)]
            await asyncio.wait(map(asyncio.ensure_future, ways), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in (writer, far_writer):
                one.transport.abort()
            self._connections.discard(task)

    async def _carry(self, what: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            if what in self.lose:
                self.lost += 1
                return
            writer.write(chunk)
            await writer.drain()
