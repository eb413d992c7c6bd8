"""How numbers are spread."""

from __future__ import annotations

from collections.abc import Iterable

from asyncflow.model.names import Json


def spread_json(numbers: Iterable[float]) -> Json:
    """None of none; else how many, and what half, 95 and 99 of a hundred, and all of them do not exceed."""
    ordered = sorted(numbers)
    if not ordered:
        return None
    return {
        "count": len(ordered),
        "p50": quantile(ordered, 0.5),
        "p95": quantile(ordered, 0.95),
        "p99": quantile(ordered, 0.99),
        "most": ordered[-1],
    }


def quantile(ordered: list[float], part: float) -> float:
    """The smallest number that this part of them does not exceed; there must be one."""
    return ordered[min(len(ordered) - 1, max(0, -int(-len(ordered) * part // 1) - 1))]
