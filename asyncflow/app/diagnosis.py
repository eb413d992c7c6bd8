"""What the doctor finds: checks with what would mend them, and which guarantees hold by them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from asyncflow.model.names import Json


class State(Enum):
    OK = "ok"
    WEAK = "weak"
    """It works, with less than could be promised."""
    BAD = "bad"
    """Something will not work."""
    DOWN = "down"
    """Something essential cannot be reached."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at; `advice` is the one line that would improve it."""

    name: str
    state: State
    told: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantee:
    """A promise, and whether it holds here; None where it could not be found out."""

    name: str
    promise: str
    holds: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    checks: tuple[Check, ...]
    guarantees: tuple[Guarantee, ...]

    @property
    def is_reachable(self) -> bool:
        return all(check.state is not State.DOWN for check in self.checks)


_LEANS_ON: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "N1": ("An accepted run is durable: no crash of a dispatcher loses it", ("store", "free disk")),
    "N2": ("State moves exactly once, whatever messages are repeated, late or out of order", ("store",)),
    "N3": (
        "Tasks are delivered at least once: sent again, under the same id, until the broker confirms",
        ("store", "broker", "durable task queues"),
    ),
    "N4": (
        "A task whose worker dies runs again: by the broker with late acks, else after the watchdog's verdict",
        ("broker", "remote control", "heartbeats"),
    ),
    "N5": (
        "No silent verdicts: every attempt ends with one, and what nobody understands is kept",
        ("store", "broker", "remote control", "heartbeats", "result channel"),
    ),
    "N6": (
        "Publish after commit, acknowledge after commit: duplicates are possible, loss is not",
        ("store", "our queues", "durable task queues"),
    ),
}
"""The promises, and the names of the checks that each of them leans on."""


def guarantees(checks: Iterable[Check]) -> tuple[Guarantee, ...]:
    """Which promises hold: one breaks with a bad check, and is not known while a check that it leans on is not."""
    by_name: dict[str, list[Check]] = {}
    for check in checks:
        by_name.setdefault(check.name, []).append(check)
    return tuple(_guarantee(name, *_LEANS_ON[name], by_name) for name in _LEANS_ON)


def _guarantee(name: str, promise: str, needs: Iterable[str], by_name: Mapping[str, Iterable[Check]]) -> Guarantee:
    concerned = [check for need in needs for check in by_name.get(need) or [_not_looked_at(need)]]
    broken = [check for check in concerned if check.state in (State.BAD, State.WEAK)]
    unknown = [check for check in concerned if check.state in (State.DOWN, State.UNKNOWN)]
    if broken:
        return Guarantee(name=name, promise=promise, holds=False, why=_reasons(broken))
    if unknown:
        return Guarantee(name=name, promise=promise, holds=None, why=_reasons(unknown))
    return Guarantee(name=name, promise=promise, holds=True)


def _not_looked_at(name: str) -> Check:
    return Check(name=name, state=State.UNKNOWN, told="not looked at")


def _reasons(checks: Iterable[Check]) -> str:
    return "; ".join(f"{check.name}: {check.told}" for check in checks)


def as_json(diagnosis: Diagnosis) -> dict[str, Json]:
    return {
        "reachable": diagnosis.is_reachable,
        "checks": [
            {"name": one.name, "state": one.state.value, "told": one.told, "advice": one.advice or None}
            for one in diagnosis.checks
        ],
        "guarantees": [
            {"name": one.name, "promise": one.promise, "holds": one.holds, "why": one.why or None}
            for one in diagnosis.guarantees
        ],
    }
