"""The AMQP frames of the hot path, as bytes and back: publish, deliver, return, ack, nack, and their contents.

Pure functions. pamqp takes ten times as long for the same bytes, so it is left with the frames that are rare.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pamqp import encode as pamqp_encode
from pamqp.header import ContentHeader

from asyncflow.model.names import Json
from asyncflow.ports import Message

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
FRAME_HEAD = struct.Struct(">BHI")
FRAME_END = b"\xce"
OVERHEAD = 8
"""Bytes of a frame around its payload."""

PUBLISH, RETURN, DELIVER, ACK, NACK = (60 << 16 | method for method in (40, 50, 60, 80, 120))
"""Class and method, as the first four bytes of a method's payload."""
HEARTBEAT_FRAME = FRAME_HEAD.pack(HEARTBEAT, 0, 0) + FRAME_END

_METHOD = struct.Struct(">I")
_TAG_AND_BITS = struct.Struct(">QB")
_ACK_FRAME = struct.Struct(">BHIIQBB")
_CONTENT = struct.Struct(">HHQH")
_LENGTH = struct.Struct(">I")
_INT32 = struct.Struct(">i")
_FLAG_TYPE, _FLAG_REPLY_TO, _FLAG_CORRELATION_ID = 1 << 5, 1 << 9, 1 << 10
_ALWAYS = 1 << 15 | 1 << 14 | 1 << 13 | 1 << 12 | 1 << 11
"""Content type and encoding, headers, delivery mode, priority."""


def publish_frames(message: Message, channel: int, frame_max: int) -> bytes:
    """A mandatory publish of a message. Raises ValueError or TypeError for what AMQP cannot say."""
    method = _METHOD.pack(PUBLISH) + b"\0\0" + _short(message.exchange) + _short(message.routing_key) + b"\1"
    header = _content_header(message)
    if len(header) + OVERHEAD > frame_max:
        raise ValueError(f"the headers take {len(header)} bytes, and a frame at most {frame_max}")
    body = message.body
    parts = [
        FRAME_HEAD.pack(METHOD, channel, len(method)),
        method,
        FRAME_END,
        FRAME_HEAD.pack(HEADER, channel, len(header)),
        header,
        FRAME_END,
    ]
    most = frame_max - OVERHEAD
    for start in range(0, len(body), most):
        part = body[start : start + most]
        parts += (FRAME_HEAD.pack(BODY, channel, len(part)), part, FRAME_END)
    return b"".join(parts)


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


def body_size(header: bytes) -> int:
    """Of a content header."""
    return int.from_bytes(header[4:12], "big")


@dataclass(frozen=True, slots=True)
class Properties:
    """What we read of a message's properties."""

    content_type: str
    content_encoding: str
    headers: Mapping[str, Json]
    correlation_id: str
    reply_to: str
    type: str


def properties_of(header: bytes) -> Properties:
    """Of a content header. Never raises: pamqp's own reader, made tolerant, takes what it can."""
    content = ContentHeader()
    content.unmarshal(header)
    read = content.properties
    return Properties(
        read.content_type or "",
        read.content_encoding or "",
        read.headers or {},
        read.correlation_id or "",
        read.reply_to or "",
        read.message_type or "",
    )


def frames_in(buffer: bytearray) -> Iterator[tuple[int, int, int, int]]:
    """Whole frames in a buffer: type, channel, and where the payload begins and ends. The rest must wait."""
    at, length, unpack = 0, len(buffer), FRAME_HEAD.unpack_from
    while at + OVERHEAD <= length:
        kind, channel, size = unpack(buffer, at)
        end = at + 7 + size
        if end >= length:
            return
        yield kind, channel, at + 7, end
        at = end + 1


def _content_header(message: Message) -> bytes:
    flags = _ALWAYS
    tail = b""
    if message.correlation_id:
        flags |= _FLAG_CORRELATION_ID
        tail += _short(message.correlation_id)
    if message.reply_to:
        flags |= _FLAG_REPLY_TO
        tail += _short(message.reply_to)
    if message.type:
        flags |= _FLAG_TYPE
        tail += _short(message.type)
    return b"".join(
        (
            _CONTENT.pack(60, 0, len(message.body), flags),
            _short(message.content_type),
            _short(message.content_encoding),
            _table(message.headers),
            b"\2" if message.persistent else b"\1",
            message.priority.to_bytes(1, "big"),
            tail,
        )
    )


def _short(text: str) -> bytes:
    raw = text.encode()
    if len(raw) > 255:
        raise ValueError(f"a short string has {len(raw)} bytes, and at most 255")
    return bytes((len(raw),)) + raw


def _table(members: Mapping[str, Any]) -> bytes:
    parts = [b""]
    for name, value in members.items():
        parts.append(_short(name))
        parts.append(_WRITERS.get(type(value), pamqp_encode.encode_table_value)(value))
    parts[0] = _LENGTH.pack(sum(map(len, parts)))
    return b"".join(parts)


def _text(value: str) -> bytes:
    raw = value.encode()
    return b"S" + _LENGTH.pack(len(raw)) + raw


def _nothing(value: None) -> bytes:
    return b"V"


def _truth(value: bool) -> bytes:
    return b"t\1" if value else b"t\0"


def _whole(value: int) -> bytes:
    if -(1 << 31) <= value < 1 << 31:
        return b"I" + _INT32.pack(value)
    return b"l" + value.to_bytes(8, "big", signed=True)


def _list(values: list[Any]) -> bytes:
    inside = b"".join(_WRITERS.get(type(value), pamqp_encode.encode_table_value)(value) for value in values)
    return b"A" + _LENGTH.pack(len(inside)) + inside


def _inner_table(value: Mapping[str, Any]) -> bytes:
    return b"F" + _table(value)


_WRITERS: Mapping[type, Callable[[Any], bytes]] = {
    str: _text,
    type(None): _nothing,
    bool: _truth,
    int: _whole,
    list: _list,
    dict: _inner_table,
}
"""Everything else that a table may hold is rare, and pamqp's to write."""
