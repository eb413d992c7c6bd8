"""What every request passes before anything looks at it: which names we answer to, where it came from, how large it is.

The check of `Host` keeps pages of other sites from reaching a server on loopback through a name of theirs that leads
there; the check of `Origin` keeps them from changing anything through the reader's browser.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asyncflow.web.refusals import refusal

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`hosts` are the names that are answered to, without ports; addresses count too when `any_address` is set."""

    hosts: frozenset[str] = LOOPBACK
    any_address: bool = False
    body: int = 1024 * 1024
    """Bytes."""


class Guard:
    """An ASGI application around another one."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded = _with_headers(send)
        refused = self._refused(scope["method"], Headers(scope=scope))
        if refused is not None:
            status, message = refused
            type = "".join(word.capitalize() for word in status.name.split("_"))
            await refusal(status, type, message)(scope, receive, guarded)
            return
        await self._app(scope, _Counted(receive, self._limits.body), guarded)

    def _refused(self, method: str, headers: Headers) -> tuple[HTTPStatus, str] | None:
        host = headers.get("Host", "")
        if not self._is_ours(_without_port(host)):
            return (
                HTTPStatus.MISDIRECTED_REQUEST,
                f"this server does not answer to the name {host!r}; `asyncflow serve --http-host NAME` allows one",
            )
        origin = headers.get("Origin")
        foreign = origin is not None and origin.partition("://")[2].lower() != host.lower()
        if (foreign and method not in _SAFE) or headers.get("Sec-Fetch-Site") == "cross-site":
            return HTTPStatus.FORBIDDEN, "requests from pages of other sites are refused"
        length = headers.get("Content-Length", "0")
        if length.isdecimal() and int(length[:20]) > self._limits.body:
            return _TOO_LARGE, _too_large(self._limits.body)
        return None

    def _is_ours(self, host: str) -> bool:
        return host in self._limits.hosts or (self._limits.any_address and _is_address(host))


_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class TooLargeError(Exception):
    """More of a body has come than is taken."""

    def __init__(self, most: int) -> None:
        super().__init__(_too_large(most))


class _Counted:
    """A body may come in pieces, and say nothing of its length before."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._most = most
        self._taken = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._taken += len(message.get("body", b""))
        if self._taken > self._most:
            raise TooLargeError(self._most)
        return message


def _too_large(most: int) -> str:
    return f"bodies of at most {most:,} bytes are taken; keep large values in a storage, and pass where they are"


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def _without_port(host: str) -> str:
    """The name in `[::1]:8321` is ::1."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
