"""One AMQP connection that is made again whenever it breaks.

aio-pika's own robust connections replay every declaration that was made through them, wait without a
deadline while they are down, and have lost consumers. Here all of it is explicit: connect, open, run
until something breaks, back off, again.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections.abc import Awaitable, Callable

import aio_pika
from aiormq import exceptions as refused

from asyncflow.adapters.amqp_address import Address
from asyncflow.adapters.amqp_lanes import LaneConnection
from asyncflow.adapters.amqp_unreadable import tolerate_unreadable_properties
from asyncflow.errors import BrokerError

_CONNECT_SECONDS = 15.0
_CLOSE_SECONDS = 3.0
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_STEADY_SECONDS = 1.0
_TOLD_EVERY = 12
"""The first try that fails is told, and then about one a minute."""

_log = logging.getLogger(__name__)

FOREIGN_ERRORS = (refused.AMQPError, OSError, TimeoutError, RuntimeError, EOFError)
"""What aio-pika and aiormq raise when a connection or channel is no good. RuntimeError: an invalid state."""

Broken = Callable[[], None]
"""To be called when a connection is found to be of no use any more."""

Open = Callable[[LaneConnection, Broken], Awaitable[None]]


class LastingConnection:
    """`open` makes the channels on each new connection; `lost` is called after each connection that broke."""

    def __init__(self, address: Address, *, name: str, heartbeat: int, open: Open, lost: Callable[[], None]) -> None:
        self._address = address
        self._name = name
        self._heartbeat = heartbeat
        self._open = open
        self._lost = lost
        self._connection: LaneConnection | None = None
        self._broken = asyncio.Event()
        self._up = asyncio.Event()

    @property
    def connected(self) -> bool:
        return self._up.is_set()

    async def wait_connected(self) -> None:
        await self._up.wait()

    async def connect(self) -> None:
        """Make the connection. Raises BrokerError."""
        tolerate_unreadable_properties()
        broken = asyncio.Event()
        connection: LaneConnection | None = None
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                connection = await aio_pika.connect(
                    self._address.url,
                    heartbeat=self._heartbeat,
                    client_properties={"connection_name": self._name},
                    connection_class=LaneConnection,
                )
                connection.close_callbacks.add(lambda *_: broken.set())
                await self._open(connection, broken.set)
        except BaseException as exc:
            if connection is not None:
                await _close(connection)
            if isinstance(exc, FOREIGN_ERRORS) or is_stray(exc):
                raise self._address.error(exc, opened=connection is not None) from exc
            raise
        self._connection, self._broken = connection, broken
        self._up.set()

    async def keep(self) -> None:
        """Connect again whenever the connection breaks, until cancelled."""
        pause = _FIRST_PAUSE
        while True:
            raise_if_cancelled()
            begun = time.monotonic()
            await self._broken.wait()
            if time.monotonic() - begun > _STEADY_SECONDS:
                pause = _FIRST_PAUSE
            self._up.clear()
            self._lost()
            _log.warning("broker lost: %s, by %s; tried again in %.1f s", self._address, self._name, pause)
            await self.close()
            pause = await self._connect_again(pause)
            # As loud as the loss was: who was told of that wants to know.
            _log.warning("broker back: %s, for %s", self._address, self._name)

    async def close(self) -> None:
        self._up.clear()
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await _close(connection)

    async def _connect_again(self, pause: float) -> float:
        """Try until it succeeds; return the next pause, for a connection that does not last either."""
        for tries in itertools.count():
            raise_if_cancelled()
            # Spread, so that many dispatchers do not come back to a restarted broker in the same instant.
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  (no secret is drawn)
            pause = min(2 * pause, _LONGEST_PAUSE)
            try:
                await self.connect()
            except BrokerError as exc:
                if tries % _TOLD_EVERY == 0:
                    _log.warning("broker away: %s; tried again in %.1f s", exc, pause)
            else:
                return pause
        raise AssertionError("counting never ends")


async def _close(connection: LaneConnection) -> None:
    """Close politely; a broker that does not answer is left alone."""
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await connection.close()
    except (*FOREIGN_ERRORS, asyncio.CancelledError) as exc:
        if isinstance(exc, asyncio.CancelledError) and not is_stray(exc):
            raise
        _log.debug("broker.close_failed reason=%s", exc)


def raise_if_cancelled() -> None:
    """Raise the cancellation of our task that aiormq has swallowed, or made an error of its own, while a channel closed.

    asyncio tells a task only once: a task that goes round and round asks here each time, or it would go on for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def is_stray(exc: BaseException) -> bool:
    """Whether a cancellation is none of our caller's: aiormq cancels what waits on a channel that closes."""
    task = asyncio.current_task()
    return isinstance(exc, asyncio.CancelledError) and (task is None or not task.cancelling())
