"""One blocking AMQP socket, as fast as Python goes: what asyncflow is measured against, and the worker that does nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from urllib.parse import unquote, urlsplit

import pamqp.frame
from pamqp import commands
from pamqp.header import ProtocolHeader

from asyncflow.adapters import amqp_frames as frames
from asyncflow.adapters import amqp_properties

FRAME_MAX = 131072
CHANNEL = 1


class Wire:
    """A connection with one channel; what is written goes out at once."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port or 5672))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        self._write(ProtocolHeader().marshal())
        self._expect(0)
        login = f"\0{parts.username}\0{parts.password}"
        self._method(0, commands.Connection.StartOk(client_properties={}, mechanism="PLAIN", response=login))
        self._expect(0)
        self._method(0, commands.Connection.TuneOk(channel_max=10, frame_max=FRAME_MAX, heartbeat=0))
        self._method(0, commands.Connection.Open(virtual_host=unquote(parts.path[1:]) or "/"))
        self._expect(0)
        self.call(commands.Channel.Open())

    def call(self, method: commands.Frame) -> object:
        """Send a method on the channel and wait for its answer."""
        self._method(CHANNEL, method)
        return self._expect(CHANNEL)

    def declare(self, queue: str, **arguments: str) -> None:
        self.call(commands.Queue.Declare(queue=queue, durable=True, arguments=arguments))

    def publish_confirmed(self, messages: Sequence[bytes], window: int = 256) -> None:
        """Send pre-encoded publishes, at most `window` of them unconfirmed, and wait for every confirm."""
        sent = confirmed = 0
        while confirmed < len(messages):
            if sent < len(messages) and sent - confirmed <= window // 2:
                upto = min(len(messages), confirmed + window)
                self._write(b"".join(messages[sent:upto]))
                sent = upto
            for method, payload in self.methods():
                if method == frames.ACK:
                    tag, multiple = frames.confirmed(payload)
                    confirmed = tag - self._confirmed_before if multiple else confirmed + 1
                elif method in (frames.RETURN, frames.NACK):
                    raise AssertionError("the broker refused a message")
        self._confirmed_before += confirmed

    _confirmed_before = 0

    def deliveries(self) -> Iterator[list[tuple[bytes, bytes]]]:
        """Content headers and bodies, as they come; each batch is acknowledged with the next read."""
        header, body, size, tag = b"", b"", 0, 0
        while True:
            batch: list[tuple[bytes, bytes]] = []
            for kind, payload in self._read():
                if kind == frames.METHOD and frames.method_of(payload) == frames.DELIVER:
                    tag, _ = frames.delivered(payload)
                    continue
                if kind == frames.HEADER:
                    header, body, size = payload, b"", amqp_properties.body_size(payload)
                elif kind == frames.BODY:
                    body += payload
                if kind in (frames.HEADER, frames.BODY) and len(body) == size:
                    batch.append((header, body))
            if batch:
                yield batch
                self._write(frames.ack_frame(tag, CHANNEL, multiple=True))

    def send(self, payload: bytes) -> None:
        self._write(payload)

    def close(self) -> None:
        self._socket.close()

    def methods(self) -> Iterator[tuple[int, bytes]]:
        for kind, payload in self._read():
            if kind == frames.METHOD:
                yield frames.method_of(payload), payload

    def _read(self) -> list[tuple[int, bytes]]:
        received = self._socket.recv(1 << 18)
        if not received:
            raise ConnectionError("the broker has closed the connection")
        self._buffer += received
        found, end = [], 0
        for kind, _, start, stop in frames.frames_in(self._buffer):
            found.append((kind, bytes(self._buffer[start:stop])))
            end = stop + 1
        del self._buffer[:end]
        return found

    def _expect(self, channel: int) -> object:
        while True:
            consumed, found, frame = pamqp.frame.unmarshal(bytes(self._buffer)) if self._whole() else (0, -1, None)
            del self._buffer[:consumed]
            if found == channel:
                return frame
            if not consumed:
                self._buffer += self._socket.recv(1 << 16)

    def _whole(self) -> bool:
        return next(frames.frames_in(self._buffer), None) is not None

    def _method(self, channel: int, method: commands.Frame) -> None:
        self._write(pamqp.frame.marshal(method, channel))

    def _write(self, payload: bytes) -> None:
        self._socket.sendall(payload)
