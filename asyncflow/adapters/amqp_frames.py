"""The AMQP frames of the hot path, as bytes and back: publish, deliver, return, ack and nack. Pure functions."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache

from asyncflow.adapters import amqp_properties
from asyncflow.adapters.amqp_properties import short
from asyncflow.ports import Message

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
FRAME_HEAD = struct.Struct(">BHI")
FRAME_END = b"\xce"
OVERHEAD = 8
"""Bytes of a frame around its payload."""

PUBLISH, RETURN, DELIVER, ACK, NACK = (60 << 16 | method for method in (40, 50, 60, 80, 120))
"""Class and method: the first four bytes of a method's payload."""

HEARTBEAT_FRAME = FRAME_HEAD.pack(HEARTBEAT, 0, 0) + FRAME_END

_METHOD = struct.Struct(">I")
_TAG_AND_BITS = struct.Struct(">QB")
_ACK_FRAME = struct.Struct(">BHIIQBB")


def publish_frames(message: Message, channel: int, frame_max: int, message_id: str = "") -> bytes:
    """A mandatory publish of a message. Raises ValueError, TypeError or struct.error for what AMQP cannot say."""
    header = amqp_properties.write(message, message_id)
    most = frame_max - OVERHEAD
    if len(header) > most:
        raise ValueError(f"the headers take {len(header)} bytes, and a frame at most {most}")
    parts = [
        _method_frame(message.exchange, message.routing_key, channel),
        FRAME_HEAD.pack(HEADER, channel, len(header)),
        header,
        FRAME_END,
    ]
    for start in range(0, len(message.body), most):
        part = message.body[start : start + most]
        parts += (FRAME_HEAD.pack(BODY, channel, len(part)), part, FRAME_END)
    return b"".join(parts)


@lru_cache(maxsize=1024)
def _method_frame(exchange: str, routing_key: str, channel: int) -> bytes:
    method = b"".join((_METHOD.pack(PUBLISH), b"\0\0", short(exchange), short(routing_key), b"\1"))
    return FRAME_HEAD.pack(METHOD, channel, len(method)) + method + FRAME_END


def ack_frame(tag: int, channel: int, *, multiple: bool) -> bytes:
    return _ACK_FRAME.pack(METHOD, channel, 13, ACK, tag, multiple, 0xCE)


def method_of(payload: bytes) -> int:
    return int(_METHOD.unpack_from(payload)[0])


def confirmed(payload: bytes) -> tuple[int, bool]:
    """Of an ack or nack: the delivery tag, and whether it stands for all before it too."""
    tag, bits = _TAG_AND_BITS.unpack_from(payload, 4)
    return tag, bool(bits & 1)


def delivered(payload: bytes) -> tuple[int, bool]:
    """Of a deliver: the delivery tag, and whether the message was delivered before."""
    tag, bits = _TAG_AND_BITS.unpack_from(payload, 5 + payload[4])
    return tag, bool(bits & 1)


def frames_in(buffer: bytearray) -> Iterator[tuple[int, int, int, int]]:
    """Whole frames in a buffer: kind, channel, and where the payload begins and ends. The rest must wait."""
    at, length, unpack = 0, len(buffer), FRAME_HEAD.unpack_from
    while at + OVERHEAD <= length:
        kind, channel, size = unpack(buffer, at)
        end = at + 7 + size
        if end >= length:
            return
        yield kind, channel, at + 7, end
        at = end + 1
