"""JSON as Python's json module speaks it, which is what Celery workers write and read: exactly, and not too deep.

NaN, the infinities, integers of any size and lone surrogates pass both ways as they are. orjson, which is
faster, refuses or rounds them, so it reads only what it reads exactly.
"""

from __future__ import annotations

import json
import re

import orjson

from asyncflow.model.names import Json

DEEPEST = 250
"""Levels of nesting. orjson writes little more, and Python's json fails at a depth that depends on the caller."""

_LONG_NUMBER = re.compile(rb"\d{19}")
"""Where there is none, every integer fits the 64 bits that orjson reads exactly."""


def loads(text: bytes) -> Json:
    """Raises ValueError for what is no JSON, or is nested too deep."""
    content = _loads(text)
    if text.count(b"[") + text.count(b"{") > DEEPEST and _is_too_deep(content):
        raise ValueError(f"it is nested deeper than {DEEPEST} levels")
    return content


def _loads(text: bytes) -> Json:
    try:
        if _LONG_NUMBER.search(text) is None:
            return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass  # NaN and the like
    try:
        return json.loads(text)
    except RecursionError as exc:
        raise ValueError("it is nested deeper than can be read") from exc


def _is_too_deep(content: Json) -> bool:
    level = [content]
    for _ in range(DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True
