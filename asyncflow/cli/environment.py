"""From what was typed to running parts: settings, the event loop, and where logs go."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TypeVar

import anyio

from asyncflow.app import Settings, settings_from
from asyncflow.cli.options import Embedded, Where
from asyncflow.errors import RequestError

T = TypeVar("T")


def settings_of(where: Where, embedded: Embedded | None = None) -> Settings:
    """The environment's settings, with what was typed in their place."""
    return settings_from(
        os.environ,
        config=where.config,
        broker_url=where.broker,
        store_url=where.store,
        celery_app=embedded.app if embedded else "",
        concurrency=embedded.concurrency if embedded else None,
    )


def settings_with_broker(where: Where, what: str, instead: str) -> Settings:
    """The same for what only a dispatcher on a broker can do. Raises RequestError where no broker is named."""
    settings = settings_of(where)
    if not settings.broker_url:
        raise RequestError(f"{what} needs a broker: give --broker URL, or set ASYNCFLOW_BROKER_URL; {instead}")
    return settings


def in_loop(main: Callable[[], Awaitable[T]], *, lasting: bool = False) -> T:
    """Run a command's asynchronous part. One that lasts gets uvloop where that is installed (the extra `speed`)."""
    options = {"use_uvloop": lasting and find_spec("uvloop") is not None}
    return anyio.run(main, backend="asyncio", backend_options=options)


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Take SIGTERM for Ctrl-C, so that the terminal is put in order and what is left open is told."""
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
