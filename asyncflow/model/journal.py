"""Facts as bytes and back: a JSON list of [class name, fields], one list for each decision."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from asyncflow.model import facts as facts_module
from asyncflow.model import jsontext
from asyncflow.model.facts import Fact

_Convert = Callable[[Any], Any]


def encode(facts: Sequence[Fact]) -> bytes:
    """Write facts. TypeError where JSON cannot say a value in them."""
    return jsontext.dumps([(type(fact).__name__, _members(fact)) for fact in facts])


def decode(raw: bytes) -> tuple[Fact, ...]:
    """Read what `encode` wrote. Fields that a newer version added keep their defaults."""
    return from_json(jsontext.loads(raw))


def from_json(rows: Iterable[tuple[str, dict[str, Any]]]) -> tuple[Fact, ...]:
    """The same from JSON that is read already; the rows are used up."""
    return tuple(_READERS[name](members) for name, members in rows)


def _members(fact: Fact) -> dict[str, Any]:
    """Without what is None by default: most fields of most facts."""
    members = {}
    for name in _ALWAYS_WRITTEN[type(fact)]:
        members[name] = getattr(fact, name)
    for name in _OFTEN_NONE[type(fact)]:
        value = getattr(fact, name)
        if value is not None:
            members[name] = value
    return members


def _reader(record: type) -> _Convert:
    hints = typing.get_type_hints(record)
    converters = {field.name: convert for field in fields(record) if (convert := _converter(hints[field.name]))}

    def read(members: dict[str, Any]) -> Any:
        for name, convert in converters.items():
            value = members.get(name)
            if value is not None:
                members[name] = convert(value)
        return record(**members)

    return read


def _converter(hint: Any) -> _Convert | None:
    """How to turn a JSON value into what the hint asks for; None where it already is that."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [one for one in typing.get_args(hint) if one is not type(None)]
        return _converter(inner[0]) if len(inner) == 1 else None
    if origin is tuple:
        return tuple
    if origin is not None and issubclass(origin, Mapping):
        return _mapping_converter(*typing.get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if isinstance(hint, type) and is_dataclass(hint):
        return _reader(hint)
    return None


def _mapping_converter(key: Any, value: Any) -> _Convert | None:
    """JSON has only text keys; edges are numbered."""
    inner = _converter(value)
    if key is not int and inner is None:
        return None

    def convert(mapping: dict[str, Any]) -> dict[Any, Any]:
        return {
            int(name) if key is int else name: inner(member) if inner else member for name, member in mapping.items()
        }

    return convert


_FACTS: tuple[type[Any], ...] = typing.get_args(facts_module.Fact)
_OFTEN_NONE = {fact: tuple(one.name for one in fields(fact) if one.default is None) for fact in _FACTS}
_ALWAYS_WRITTEN = {fact: tuple(one.name for one in fields(fact) if one.default is not None) for fact in _FACTS}
_READERS: dict[str, _Convert] = {fact.__name__: _reader(fact) for fact in _FACTS}
