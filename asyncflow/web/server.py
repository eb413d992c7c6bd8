"""The HTTP server: uvicorn, inside the event loop that is there, ended by whoever started it."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import anyio
import anyio.abc
import uvicorn

from asyncflow.errors import RequestError
from asyncflow.web.application import application
from asyncflow.web.guard import LOOPBACK, Limits
from asyncflow.web.site import Site

_log = logging.getLogger("asyncflow.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def read(cls, text: str) -> Address:
        """127.0.0.1:8321, [::1]:8321, localhost:8321, or :8321 for every address. Raises RequestError."""
        host, colon, port = text.rpartition(":")
        if not colon or not (port.isascii() and port.isdecimal() and int(port) < 65536):
            raise RequestError(f"{text!r} is no address to listen on: write HOST:PORT, such as 127.0.0.1:8321")
        return cls(host=host.removeprefix("[").removesuffix("]") or "0.0.0.0", port=int(port))  # noqa: S104  (asked for)

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_any(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def limits_of(address: Address, hosts: tuple[str, ...] = ()) -> Limits:
    """The names that are answered to: those given, and those that the address stands for."""
    names = {host.lower() for host in hosts} | {address.host.lower()} | LOOPBACK
    if address.is_any:
        names |= {socket.gethostname().lower()}
    return Limits(hosts=frozenset(names), any_address=address.is_any)


@asynccontextmanager
async def listening(site: Site, address: Address, limits: Limits) -> AsyncIterator[str]:
    """Serve until left; gives the URL. Raises RequestError where the address cannot be had."""
    with _bound(address) as sock:
        server = _Server(
            uvicorn.Config(
                application(site, limits),
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                ws="none",
                timeout_graceful_shutdown=2,
            )
        )
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve_to_the_end, sock)
            try:
                await server.started_serving.wait()
                real = Address(host=address.host, port=sock.getsockname()[1])
                url = f"http://{real}/"
                _log.info("the page and the HTTP API are at %s", url)
                yield url
            finally:
                site.closing.set()
                server.should_exit = True


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.started_serving = anyio.Event()

    async def serve_to_the_end(self, sock: socket.socket) -> None:
        """Until `should_exit`: one that is cancelled leaves its socket with the event loop, which takes the next for it."""
        with anyio.CancelScope(shield=True):
            await self.serve([sock])

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals end the dispatcher, and that ends us."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.started_serving.set()


@contextmanager
def _bound(address: Address) -> Iterator[socket.socket]:
    try:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        sock = socket.create_server((address.host, address.port), family=family, backlog=2048)
    except OSError as exc:
        raise RequestError(f"cannot listen on {address}: {(exc.strerror or str(exc)).lower()}") from exc
    with sock:
        # For those that come in too: asyncio misses them. Else each answer on a kept connection takes 40 ms more.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sock
