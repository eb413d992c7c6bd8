"""Values as JSON text and back, exactly: also what orjson cannot say.

orjson refuses integers beyond 64 bit, lone surrogates (file names in tracebacks have them) and deep nesting, and reads
big integers as floats. Such values are written by the standard library instead, after a space, which tells `loads`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import orjson

_EXACT = b" "


def dumps(value: Any) -> bytes:
    """Write a value; dataclasses, enums and mappings of any kind may be in it. TypeError where JSON cannot say it."""
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:
        pass
    try:
        return _EXACT + json.dumps(value, default=_plain, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as exc:
        raise TypeError(f"JSON cannot say this value: {exc}") from exc


def loads(text: bytes) -> Any:
    """Read what `dumps` wrote, or any other JSON text."""
    return json.loads(text) if text.startswith(_EXACT) else orjson.loads(text)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"JSON has no {type(value).__name__}")
