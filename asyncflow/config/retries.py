"""The keys that say how often and when to try again."""

from __future__ import annotations

from asyncflow.config.fields import Fields, read_fields
from asyncflow.config.report import Report
from asyncflow.config.sections import RETRY_KEYS, THROTTLING
from asyncflow.config.tree import Table
from asyncflow.model.durations import seconds_of
from asyncflow.model.flow import NO_RETRIES, Retries


def read_retries(fields: Fields, report: Report) -> Retries:
    given = [key.name for key in RETRY_KEYS if key.name in fields]
    if not given:
        return NO_RETRIES
    most = fields.get("max_retry", 0)
    idle = [key for key in given if key != "max_retry" and fields.get(key)]
    if not most and idle:
        message = f"`{idle[0]}` has no effect without `max_retry`"
        report.add("F215", message, fields.key_place(idle[0]), hint="set `max_retry` to 1 or more")
    countdown = seconds_of(fields.get("retry_countdown", 0)) or 0.0
    ceiling = seconds_of(fields.get("retry_ceiling"))
    if ceiling is not None and ceiling < countdown:
        message = f"`retry_ceiling` ({ceiling:g} s) is less than `retry_countdown` ({countdown:g} s)"
        report.add("F216", message, fields.place("retry_ceiling"), hint="every wait would be the ceiling")
    return Retries(
        most=most,
        countdown=countdown,
        factor=float(fields.get("retry_backoff", 1)),
        ceiling=ceiling,
        jitter=float(fields.get("retry_jitter", 0)),
        only=tuple(fields.names("retry_on")),
        never=tuple(fields.names("retry_never")),
    )


_SECONDS_IN = {
    "weeks": 604800.0,
    "days": 86400.0,
    "hours": 3600.0,
    "minutes": 60.0,
    "seconds": 1.0,
    "milliseconds": 1e-3,
    "microseconds": 1e-6,
}


def read_throttling(fields: Fields, report: Report) -> float | None:
    value = fields.get("throttling")
    if isinstance(value, Table):
        amounts = read_fields(THROTTLING, value, report)
        return sum(amount * _SECONDS_IN[unit] for unit, amount in amounts.values.items()) or None
    return seconds_of(value) or None
