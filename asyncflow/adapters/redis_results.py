"""Results that workers leave in Redis: each is published as it is stored, and can be read for a day.

Publishing is lossy, storing is not: so after each subscription, in this order, everything in flight is read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from asyncflow.errors import StorageError
from asyncflow.model.names import TaskId
from asyncflow.ports import Delivery

_KEY = "celery-task-meta-"
_AT_A_TIME = 1000
_SECONDS = 10.0
_QUIET_SECONDS = 15.0
"""After so long without a message the connection is tried."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_FOREIGN_ERRORS = (RedisError, OSError, TimeoutError)

_log = logging.getLogger(__name__)


class RedisResults:
    """Fulfils `fleet.ResultBackend`.

    The URL is the workers' `result_backend`; where they set `global_keyprefix` among its transport options, add it:
    redis://host/0?global_keyprefix=PREFIX.
    """

    def __init__(self, url: str) -> None:
        """Raises StorageError for a URL that cannot be read."""
        plain, prefix = _split(url)
        self._prefix = f"{prefix}{_KEY}"
        try:
            # Without retries: a connection that was made anew behind our back would have missed results.
            self._client = Redis.from_url(
                plain, retry=Retry(NoBackoff(), 0), socket_connect_timeout=_SECONDS, socket_timeout=_SECONDS
            )
        except ValueError as exc:
            raise StorageError(f"the URL of the result backend cannot be read: {exc}") from exc
        self._name = _without_password(plain)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def listen(self, in_flight: Callable[[], Collection[TaskId]], deliver: Callable[[Delivery], None]) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                async with self._client.pubsub() as channel:
                    await channel.psubscribe(f"{self._prefix}*")
                    await _confirmed(channel)
                    for delivery in await self.fetch(list(in_flight())):
                        deliver(delivery)
                    _log.info("results.listening backend=%s", self._name)
                    pause = _FIRST_PAUSE
                    await self._deliver_all(channel, in_flight, deliver)
            except (*_FOREIGN_ERRORS, StorageError) as exc:
                _log.warning("results.lost backend=%s reason=%s", self._name, exc)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def fetch(self, ids: Sequence[TaskId]) -> list[Delivery]:
        found: list[Delivery] = []
        try:
            for start in range(0, len(ids), _AT_A_TIME):
                keys = [f"{self._prefix}{id}" for id in ids[start : start + _AT_A_TIME]]
                found += [_delivery(value) for value in await self._client.mget(keys) if isinstance(value, bytes)]
        except _FOREIGN_ERRORS as exc:
            raise StorageError(f"the result backend at {self._name} cannot be reached: {exc}") from exc
        return found

    async def _deliver_all(
        self, channel: PubSub, in_flight: Callable[[], Collection[TaskId]], deliver: Callable[[Delivery], None]
    ) -> None:
        """Until the connection breaks; others' results, which come over the same pattern, are passed over."""
        tried = False
        while True:
            message = await channel.get_message(timeout=_QUIET_SECONDS)
            if message is None:
                if tried:
                    raise TimeoutError("it does not answer")
                await channel.ping()
                tried = True
                continue
            tried = False
            if message["type"] == "pmessage":
                id = message["channel"].decode("utf-8", "replace").removeprefix(self._prefix)
                if id in in_flight():
                    deliver(_delivery(message["data"]))


async def _confirmed(channel: PubSub) -> None:
    message = await channel.get_message(timeout=_SECONDS)
    if message is None or message["type"] != "psubscribe":
        raise TimeoutError("it does not confirm the subscription")


def _delivery(value: bytes) -> Delivery:
    return Delivery(body=value, content_type="application/json", content_encoding="utf-8")


def _split(url: str) -> tuple[str, str]:
    """The URL as redis-py reads it, and the prefix, which ends as Celery makes it end."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    prefix = options.pop("global_keyprefix", "")
    if prefix and prefix[-1] not in ":_-.":
        prefix += "_"
    # Celery's words for what redis-py wants in small letters.
    if "ssl_cert_reqs" in options:
        options["ssl_cert_reqs"] = options["ssl_cert_reqs"].removeprefix("CERT_").lower()
    return urlunsplit(parts._replace(query=urlencode(options))), prefix


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
