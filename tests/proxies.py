"""A TCP proxy in front of a server, which is slow, silent, or loses what it is told to lose."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self
from urllib.parse import urlsplit


class Proxy:
    """Drops connections when they carry bytes in a direction that `lose` names."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._open: set[asyncio.StreamWriter] = set()
        """Both ends of each connection."""
        self._server: asyncio.Server | None = None
        self.lose: set[str] = set()
        """"requests": they do not reach the server. "replies": requests do, but what the server answers is lost."""
        self.lost = 0
        self.delay = 0.0
        """Seconds that everything takes in each direction."""
        self._is_silent = False

    @property
    def url(self) -> str:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        user, at, _ = self._parts.netloc.rpartition("@")
        return self._parts._replace(netloc=f"{user}{at}127.0.0.1:{port}").geturl()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Connections stay open, and new ones are taken, but nothing gets through. Afterwards they are gone."""
        self._is_silent = True
        try:
            yield
        finally:
            self._is_silent = False
            self.cut()

    def cut(self) -> None:
        """Break every connection."""
        for end in self._open:
            end.transport.abort()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        while self._open:
            await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        ends = {writer, far_writer}
        self._open |= ends
        try:
            ways = [self._carry("requests", reader, far_writer), self._carry("replies", far_reader, writer)]
            with suppress(ConnectionError):
                await asyncio.gather(*ways)
        finally:
            for one in ends:
                one.transport.abort()
            self._open -= ends

    async def _carry(self, what: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            if what in self.lose:
                self.lost += 1
                raise ConnectionResetError
            if self._is_silent:
                continue
            await asyncio.sleep(self.delay)
            writer.write(chunk)
            await writer.drain()
        raise ConnectionResetError
