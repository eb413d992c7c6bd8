"""What a measurement says: samples of a ratio, or of a figure, against a bar; and all of them as one table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`samples` are what the bar is set for: a ratio for each round, or a plain figure. `beside` is what it is made of."""

    name: str
    bar: str
    most: float | None = None
    least: float | None = None
    unit: str = ""
    samples: Sequence[float]
    beside: Mapping[str, Sequence[float]] = field(default_factory=dict)
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def is_reached(self) -> bool | None:
        """None where there is no bar."""
        if self.most is not None:
            return self.median <= self.most
        return None if self.least is None else self.median >= self.least


def ratios(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """Round by round: what ran at the same time is compared."""
    return [one / other for one, other in zip(of, to, strict=True)]


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def number(value: float) -> str:
    if value == 0 or 0.1 <= abs(value) < 100:
        return f"{value:.2f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}"


def spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return number(values[0])
    return f"{number(statistics.median(values))} ({number(min(values))} to {number(max(values))})"


def table(figures: Sequence[Figure]) -> str:
    """Markdown: the figure that the bar is set for first, then what it is made of."""
    lines = ["| figure | bar | measured (spread) | | made of, medians |", "|---|---|---|---|---|"]
    for one in figures:
        verdict = {True: "reached", False: "**not reached**", None: ""}[one.is_reached]
        beside = "; ".join(f"{name} {number(statistics.median(values))}" for name, values in one.beside.items())
        beside = "; ".join(part for part in (beside, one.note) if part)
        measured = f"{spread(one.samples)} {one.unit}".strip()
        lines.append(f"| {one.name} | {one.bar} | {measured} | {verdict} | {beside} |")
    return "\n".join(lines)
