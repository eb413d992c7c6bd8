"""Values as JSON text and back, exactly: also what orjson cannot say.

orjson refuses integers beyond 64 bit, lone surrogates (file names in tracebacks have them) and deep nesting, reads big
integers as floats, and writes NaN and the infinities as null. Such values are written by the standard library instead,
after a space, which tells `loads`.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from math import isfinite
from operator import attrgetter
from typing import Any

import orjson

_EXACT = b" "
_HOLD_NO_FLOAT = frozenset({str, int, bool, type(None)})


def dumps(value: Any) -> bytes:
    """Write a value; dataclasses, enums and mappings of any kind may be in it. TypeError where JSON cannot say it."""
    try:
        text = orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:
        pass
    else:
        if b"null" not in text or _are_finite((value,)):  # most text has no null, and then no search is needed
            return text
    try:
        return _EXACT + json.dumps(value, default=_plain, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as exc:
        raise TypeError(f"JSON cannot say this value: {exc}") from exc


def loads(text: bytes) -> Any:
    """Read what `dumps` wrote, or any other JSON text."""
    return json.loads(text) if text.startswith(_EXACT) else orjson.loads(text)


def _are_finite(values: Collection[Any]) -> bool:
    """Whether every number at any depth is one that JSON has."""
    if _HOLD_NO_FLOAT.issuperset(map(type, values)):
        return True
    for one in values:
        kind: Any = type(one)
        if kind in _HOLD_NO_FLOAT:
            continue
        if issubclass(kind, float):
            if not isfinite(one):
                return False
        elif (members := _members_of(kind)) is not None and not _are_finite(members(one)):
            return False
    return True


@cache
def _members_of(kind: Any) -> Callable[[Any], Collection[Any]] | None:
    """How to get at what is inside; None where no float can be."""
    if issubclass(kind, list | tuple):
        return _itself
    if issubclass(kind, Mapping):
        values: Callable[[Any], Collection[Any]] = kind.values
        return values
    if not is_dataclass(kind):
        return None
    # Of a record, only fields that may hold a float: most facts have none, and are passed over.
    names = [name for name, hint in typing.get_type_hints(kind).items() if _may_hold_float(hint)]
    return attrgetter(*names, names[0]) if names else None  # with two names it gets a tuple always


def _itself(values: Any) -> Any:
    return values


def _may_hold_float(hint: Any) -> bool:
    inside = typing.get_type_hints(hint).values() if is_dataclass(hint) else typing.get_args(hint)
    return hint in (Any, float) or any(map(_may_hold_float, inside))


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"JSON has no {type(value).__name__}")
