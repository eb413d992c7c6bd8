"""Seconds, from numbers and from durations such as 1h30m; moments, as long ago or by the calendar."""

from __future__ import annotations

import math
import re
from datetime import datetime

from asyncflow.model.names import Json

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
LONGEST = 36525 * 86400.0
"""A century: what is beyond cannot be written as a date everywhere."""
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def seconds_of(value: Json) -> float | None:
    """The seconds that a value stands for; None when it is no duration, a negative one, or one of more than a century."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        seconds = value
    elif isinstance(value, str) and _WHOLE.fullmatch(value):
        seconds = math.fsum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(value))
    else:
        return None
    return float(seconds) if 0 <= seconds <= LONGEST else None


def moment_of(text: str, now: float) -> float | None:
    """Seconds since the epoch, of a duration ago or of ISO 8601, without a zone in local time; None for all else."""
    ago = seconds_of(text)
    if ago is not None:
        return now - ago
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def text_of(seconds: float) -> str:
    """A duration as one would write it: 3d, 1h30m, 250ms."""
    left = round(seconds * 1000)
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
