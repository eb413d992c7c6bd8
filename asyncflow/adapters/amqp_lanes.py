"""Lanes beside aiormq: the frames of a busy channel go straight from the socket to who waits for them, and back.

aiormq makes several objects, a queue entry and a task of every frame, which costs more than all else that happens to
a message. So it keeps what is rare (handshake, heartbeats, declarations, closing), and a channel that has a lane reads
and writes its messages, acks and returns here. Each frame goes one way or the other; their order per way is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import aio_pika
from aio_pika.abc import ConnectionParameter
from aiormq.connection import TransportFactory
from aiormq.exceptions import AMQPConnectionError
from yarl import URL

from asyncflow.adapters.amqp_frames import HEARTBEAT_FRAME, OVERHEAD, frames_in

Take = Callable[[int, bytes], bool]
"""Given a frame's kind and payload: whether it was ours; if not, aiormq gets it."""

_KINDS = frozenset({1, 2, 3, 8})
_SIGN_OF_LIFE = 1.0
"""Seconds after which aiormq is told, by a heartbeat, that frames arrive which it does not see."""


class Sieve(asyncio.StreamReader):
    """The reader that aiormq reads from: it gets every frame but those that a lane takes."""

    def __init__(self) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self.lanes: dict[int, Take] = {}
        self._clock = asyncio.get_running_loop().time
        self._pending = bytearray()
        self._told = 0.0
        self._speaks_amqp = True

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]  # asyncio hands over bytes, whatever is declared
        if not self._speaks_amqp:
            super().feed_data(data)
            return
        pending = self._pending
        pending += data
        if not self.lanes and pending[0] not in _KINDS:
            # A protocol header: the broker speaks another version, and hangs up.
            self._speaks_amqp = False
            super().feed_data(bytes(pending))
            pending.clear()
            return
        at = passed = 0
        for kind, channel, start, end in frames_in(pending):
            take = self.lanes.get(channel)
            if take is not None and take(kind, bytes(pending[start:end])):
                at = end + 1
                continue
            super().feed_data(bytes(pending[start - OVERHEAD + 1 : end + 1]))
            at = end + 1
            passed += 1
        del pending[:at]
        if at and not passed:
            self._give_sign_of_life()

    def feed_eof(self) -> None:
        rest = bytes(self._pending)
        self._pending.clear()
        if rest:
            super().feed_data(rest)
        super().feed_eof()

    def _give_sign_of_life(self) -> None:
        now = self._clock()
        if now - self._told > _SIGN_OF_LIFE:
            self._told = now
            super().feed_data(HEARTBEAT_FRAME)


class _Transports(TransportFactory):
    """Opens the socket as aiormq does, with a sieve in it."""

    def __init__(self) -> None:
        self.sieve: Sieve
        self.writer: asyncio.StreamWriter

    async def create(self, url: URL, **options: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        contexts = options.pop("ssl_context_provider")
        context = await contexts.get_context() if url.scheme == "amqps" else None
        loop = asyncio.get_running_loop()
        self.sieve = Sieve()
        protocol = asyncio.StreamReaderProtocol(self.sieve, loop=loop)
        try:
            transport, _ = await loop.create_connection(
                lambda: protocol, url.host or "", url.port or 0, ssl=context, **options
            )
        except OSError as exc:
            raise AMQPConnectionError(*exc.args) from exc
        self.writer = asyncio.StreamWriter(transport, protocol, self.sieve, loop)
        return self.sieve, self.writer


class LaneConnection(aio_pika.Connection):
    """A connection whose channels may have lanes."""

    PARAMETERS: ClassVar[tuple[ConnectionParameter, ...]] = (  # type: ignore[misc]  # it is one of the class there too
        *aio_pika.Connection.PARAMETERS,
        ConnectionParameter(name="transport_factory", parser=lambda factory: factory, is_kwarg=True),
    )

    def __init__(self, url: URL, **options: Any) -> None:
        self._transports = _Transports()
        super().__init__(url, transport_factory=self._transports, **options)

    def add_lane(self, channel: int, take: Take) -> None:
        self._transports.sieve.lanes[channel] = take

    def write(self, frames: bytes) -> None:
        """Whole frames. Raises ConnectionError when the connection is going."""
        writer = self._transports.writer
        if writer.is_closing():
            raise ConnectionResetError("the connection is closed")
        writer.write(frames)

    @property
    def frame_max(self) -> int:
        """The most bytes of a frame that the broker takes."""
        assert self.transport is not None, "open"
        return int(self.transport.connection.connection_tune.frame_max)
