"""Content headers of AMQP messages, their properties and header tables, as bytes and back.

pamqp takes ten times as long for the same bytes. What is rare in a table is left with it all the same, and so is
every content header that this one cannot read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pamqp import encode as pamqp_encode
from pamqp.header import ContentHeader

from asyncflow.model.names import Json
from asyncflow.ports import CommonHeaders, Headers, Message

_START = struct.Struct(">HHQH")
_LENGTH = struct.Struct(">I")
_INT32 = struct.Struct(">i")
_DOUBLE = struct.Struct(">d")
_TEXT = struct.Struct(">BI")

_FEW_VALUES = frozenset({bool, int, type(None)})

_ALWAYS = 1 << 15 | 1 << 14 | 1 << 13 | 1 << 12 | 1 << 11
"""Content type and encoding, headers, delivery mode, priority."""
_CORRELATION_ID, _REPLY_TO, _EXPIRATION, _MESSAGE_ID, _TIME, _TYPE = (1 << bit for bit in (10, 9, 8, 7, 6, 5))
_NOT_READ_HERE = 0b11111
"""User, application and cluster ids, and flags beyond these."""


@dataclass(frozen=True, slots=True)
class Properties:
    """What we read of a message's properties."""

    content_type: str
    content_encoding: str
    headers: Mapping[str, Json]
    correlation_id: str
    reply_to: str
    message_id: str
    type: str


def write(message: Message, message_id: str = "") -> bytes:
    """The content header of a message. Raises ValueError, TypeError or struct.error for what AMQP cannot say."""
    flags = _ALWAYS
    tail = b""
    for flag, text in (
        (_CORRELATION_ID, message.correlation_id),
        (_REPLY_TO, message.reply_to),
        (_MESSAGE_ID, message_id),
        (_TYPE, message.type),
    ):
        if text:
            flags |= flag
            tail += short(text)
    return b"".join(
        (
            _START.pack(60, 0, len(message.body), flags),
            _name(message.content_type),
            _name(message.content_encoding),
            _table(message.headers),
            b"\2" if message.persistent else b"\1",
            message.priority.to_bytes(1, "big"),
            tail,
        )
    )


def short(text: str) -> bytes:
    raw = text.encode()
    if len(raw) > 255:
        raise ValueError(f"a short string has {len(raw)} bytes, and at most 255")
    return bytes((len(raw),)) + raw


_name = lru_cache(maxsize=4096)(short)
"""Of what most messages have in common, such as the names of headers."""


def body_size(header: bytes) -> int:
    return int.from_bytes(header[4:12], "big")


def read(header: bytes) -> Properties:
    """What a content header says. Never raises where pamqp is made tolerant of unreadable properties."""
    try:
        return _read(header)
    except (ValueError, LookupError, struct.error):
        return _read_slowly(header)


# --- Writing tables ---------------------------------------------------------------------------------------------------


def _table(members: Mapping[str, Any]) -> bytes:
    inside = _members(members) if type(members) is not Headers else _members_of(members)
    return _LENGTH.pack(len(inside)) + inside


def _members_of(headers: Headers) -> bytes:
    return _written_once(headers.common) + _members(headers.own)


@lru_cache(maxsize=1024)
def _written_once(common: CommonHeaders) -> bytes:
    return _members(common.members)


def _members(members: Mapping[str, Any]) -> bytes:
    parts: list[bytes] = []
    for name, value in members.items():
        kind = type(value)
        if kind is str:
            raw = value.encode()
            parts += (_name(name), _TEXT.pack(ord("S"), len(raw)), raw)
        elif kind in _FEW_VALUES:
            parts.append(_remembered(name, kind, value))  # type: ignore[arg-type]  # a class is hashable
        else:
            parts += (_name(name), _value(value))
    return b"".join(parts)


@lru_cache(maxsize=4096)
def _remembered(name: str, kind: type, value: Any) -> bytes:
    """By type too, for 1 == True."""
    return short(name) + _value(value)


def _value(value: Any) -> bytes:
    return _WRITERS.get(type(value), pamqp_encode.encode_table_value)(value)


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
    return pamqp_encode.encode_table_value(value)


def _fraction(value: float) -> bytes:
    return b"d" + _DOUBLE.pack(value)  # pamqp would cut it down to 32 bits


def _list(values: list[Any]) -> bytes:
    inside = b"".join(map(_value, values))
    return b"A" + _LENGTH.pack(len(inside)) + inside


def _inner_table(value: Mapping[str, Any]) -> bytes:
    return b"F" + _table(value)


_WRITERS: Mapping[type, Callable[[Any], bytes]] = {
    str: _text,
    type(None): _nothing,
    bool: _truth,
    int: _whole,
    float: _fraction,
    list: _list,
    dict: _inner_table,
}


# --- Reading ----------------------------------------------------------------------------------------------------------


def _read(header: bytes) -> Properties:
    flags = header[12] << 8 | header[13]
    if flags & _NOT_READ_HERE:
        raise ValueError("rare properties")
    at = 14
    texts = ["", ""]
    for number, flag in enumerate((1 << 15, 1 << 14)):
        if flags & flag:
            texts[number], at = _short_at(header, at)
    headers: Mapping[str, Json] = {}
    if flags & 1 << 13:
        headers, at = _table_at(header, at)
    at += bool(flags & 1 << 12) + bool(flags & 1 << 11)
    for flag in (_CORRELATION_ID, _REPLY_TO, _EXPIRATION, _MESSAGE_ID, _TIME, _TYPE):
        if flag == _TIME:
            at += 8 * bool(flags & _TIME)
            continue
        text = ""
        if flags & flag:
            text, at = _short_at(header, at)
        texts.append(text)
    content_type, content_encoding, correlation_id, reply_to, _, message_id, type_ = texts
    return Properties(content_type, content_encoding, headers, correlation_id, reply_to, message_id, type_)


def _short_at(raw: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + raw[at]
    if end > len(raw):
        raise ValueError("cut short")
    return raw[at + 1 : end].decode(), end


def _table_at(raw: bytes, at: int) -> tuple[dict[str, Any], int]:
    (size,) = _LENGTH.unpack_from(raw, at)
    at += 4
    end = at + size
    members: dict[str, Any] = {}
    while at < end:
        name, at = _short_at(raw, at)
        members[name], at = _READERS[raw[at]](raw, at + 1)
    if at != end:
        raise ValueError("a table does not end where it says")
    return members, at


def _text_at(raw: bytes, at: int) -> tuple[str, int]:
    end = at + 4 + _LENGTH.unpack_from(raw, at)[0]
    if end > len(raw):
        raise ValueError("cut short")
    return raw[at + 4 : end].decode(), end


def _list_at(raw: bytes, at: int) -> tuple[list[Any], int]:
    end = at + 4 + _LENGTH.unpack_from(raw, at)[0]
    at += 4
    values = []
    while at < end:
        value, at = _READERS[raw[at]](raw, at + 1)
        values.append(value)
    if at != end:
        raise ValueError("a list does not end where it says")
    return values, at


_READERS: Mapping[int, Callable[[bytes, int], tuple[Any, int]]] = {
    ord("S"): _text_at,
    ord("V"): lambda raw, at: (None, at),
    ord("t"): lambda raw, at: (raw[at] != 0, at + 1),
    ord("I"): lambda raw, at: (_INT32.unpack_from(raw, at)[0], at + 4),
    ord("d"): lambda raw, at: (_DOUBLE.unpack_from(raw, at)[0], at + 8),
    ord("F"): _table_at,
    ord("A"): _list_at,
}
"""Of other types there is a KeyError, and pamqp reads them."""


def _read_slowly(header: bytes) -> Properties:
    content = ContentHeader()
    content.unmarshal(header)
    found = content.properties
    return Properties(
        found.content_type or "",
        found.content_encoding or "",
        found.headers or {},
        found.correlation_id or "",
        found.reply_to or "",
        found.message_id or "",
        found.message_type or "",
    )
