"""Seconds, from numbers and from durations such as 1h30m; moments, as long ago or by the calendar."""

from __future__ import annotations

import math
import re
from datetime import datetime

from asyncflow.model.names import Json

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def seconds_of(value: Json) -> float | None:
    """The seconds that a value stands for; None when it is no duration, or a negative one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value) if value >= 0 and math.isfinite(value) else None
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        return None
    return math.fsum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(value))


def moment_of(text: str, now: float) -> float | None:
    """Seconds since the epoch, of a duration ago or of ISO 8601, without a zone in local time; None for all else."""
    ago = seconds_of(text)
    if ago is not None:
        return now - ago
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
