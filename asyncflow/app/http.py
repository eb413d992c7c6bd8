"""The HTTP API and the page on running parts, and the file that keeps their tokens."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asyncflow.app.configuration import load_configuration
from asyncflow.app.settings import Settings
from asyncflow.app.stores import sqlite_path
from asyncflow.client import Client
from asyncflow.errors import RequestError
from asyncflow.web.tokens import TokenFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """Where to listen, as HOST:PORT, and under which names more than those of that address."""

    address: str = "127.0.0.1:8321"
    hosts: tuple[str, ...] = ()


def token_file(settings: Settings) -> TokenFile:
    """Beside a store that is a file; else in the working directory."""
    if settings.store_url.startswith("sqlite:///"):
        path = sqlite_path(settings.store_url)
        return TokenFile(path.with_name(f"{path.name}.tokens"))
    return TokenFile(Path("asyncflow.tokens"))


@asynccontextmanager
async def serving_http(
    settings: Settings, http: Http, client: Client, trouble: Callable[[], str] = lambda: ""
) -> AsyncIterator[str]:
    """Serve HTTP until left; gives the URL. `trouble` tells why nothing can be dispatched here, if so.

    Raises RequestError where that cannot be.

    Only who can reach loopback is on this machine; everyone else needs a token.
    """
    server: Any = _optional("asyncflow.web.server")
    site: Any = _optional("asyncflow.web.site")
    access: Any = _optional("asyncflow.web.access")
    address = server.Address.read(http.address)
    tokens = token_file(settings)
    if not address.is_loopback and not tokens.tokens():
        raise RequestError(
            f"{http.address} can be reached from elsewhere, and {tokens.path} has no token that would let anyone in; "
            "make one first: asyncflow token create --scope run"
        )
    made = site.Site(
        client=client,
        configuration=load_configuration(settings).configuration,
        access=access.Access(tokens=tokens, demanded=not address.is_loopback),
        trouble=trouble,
    )
    limits = server.limits_of(address, http.hosts)
    listening: AbstractAsyncContextManager[str] = server.listening(made, address, limits)
    async with listening as url:
        yield url


def _optional(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("asyncflow"):
            raise
        raise RequestError("HTTP takes more packages: pip install 'asyncflow-dispatcher[web]'") from missing
