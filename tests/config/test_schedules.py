"""Schedules: how they are read, and when they tick."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from asyncflow.config import load_mapping
from asyncflow.config.schedules import ticks_of_cron
from asyncflow.errors import ConfigurationError
from asyncflow.model.schedule import GRACE, CatchUp, Schedule, ticks_every
from asyncflow.predicates import BUILT_INS

PRAGUE = ZoneInfo("Europe/Prague")
DINNER = {
    "name": "dinner",
    "edges": [{"from": None, "to": "Cook"}],
    "node_args_schema": {"type": "object", "properties": {"guests": {"type": "integer"}}},
}


def read(*schedules: dict[str, Any]) -> dict[str, Schedule]:
    written = {
        "tasks": [{"name": "Cook", "celery_task": "cook"}],
        "flow-definitions": [DINNER],
        "schedules": list(schedules),
    }
    return dict(load_mapping(written, builtins=BUILT_INS, environ={}).configuration.schedules)


def schedule(**keys: Any) -> dict[str, Any]:
    return {"name": "morning", "flow": "dinner", "node_args": {}, **keys}


def times(expression: str, begin: datetime, count: int) -> list[str]:
    """The next ticks, in local time with its distance from UTC."""
    next_tick = ticks_of_cron(expression, PRAGUE)
    found, at = [], begin.timestamp()
    for _ in range(count):
        tick = next_tick(at)
        assert tick is not None
        at = tick
        found.append(datetime.fromtimestamp(tick, PRAGUE).strftime("%d %H:%M %z"))
    return found


def test_a_schedule_is_read() -> None:
    found = read(schedule(cron="0 6 * * 1-5", timezone="Europe/Prague", labels={"team": "kitchen"}, catch_up="all"))
    one = found["morning"]
    assert (one.flow, one.timezone, one.catch_up, one.limit, one.enabled) == (
        "dinner",
        "Europe/Prague",
        CatchUp.ALL,
        100,
        True,
    )
    friday = datetime(2026, 11, 27, 6, 0, tzinfo=PRAGUE).timestamp()
    monday = datetime(2026, 11, 30, 6, 0, tzinfo=PRAGUE).timestamp()
    assert one.coming(friday - 1, 2) == [friday, monday]
    assert one.coming(friday, 1) == [monday]


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"flow": "diner", "every": "1d"}, "F801"),
        ({"cron": "0 25 * * *"}, "F802"),
        ({"cron": "0 6 * *"}, "F802"),
        ({"cron": "0 0 6 * * *"}, "F802"),
        ({"cron": "0 0 30 2 *"}, "F802"),
        ({"cron": "daily"}, "F802"),
        ({"cron": "0 6 * * *", "timezone": "Prague"}, "F803"),
        ({"cron": "0 6 * * *", "timezone": "../../etc/passwd"}, "F803"),
        ({}, "F804"),
        ({"cron": "0 6 * * *", "every": "1d"}, "F804"),
        ({"every": "1d", "timezone": "Europe/Prague"}, "F804"),
        ({"every": "1d", "node_args": {"guests": "many"}}, "F805"),
        ({"every": "500ms"}, "F203"),
        ({"every": "often"}, "F203"),
        ({"every": "1d", "catch_up": "some"}, "F203"),
        ({"every": "1d", "labels": {"team": 7}}, "F203"),
        ({"every": "1d", "time_zone": "UTC"}, "F201"),
    ],
)
def test_what_is_wrong_is_reported(keys: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(schedule(**keys))
    assert code in [problem.code for problem in caught.value.problems]


def test_two_schedules_have_two_names() -> None:
    with pytest.raises(ConfigurationError, match="a second schedule is named `morning`"):
        read(schedule(every="1d"), schedule(every="2d"))


# --- Where clocks are put forward and back ----------------------------------------------------------------------------


def test_a_time_that_clocks_leave_out_comes_when_they_have_been_put_forward() -> None:
    """On 29 March 2026 it is 03:00 in Prague a second after 01:59:59."""
    assert times("30 2 * * *", datetime(2026, 3, 28, 12, tzinfo=PRAGUE), 2) == ["29 03:00 +0200", "30 02:30 +0200"]


def test_a_time_that_comes_twice_ticks_once() -> None:
    """On 25 October 2026 it is 02:00 again in Prague a second after 02:59:59."""
    assert times("30 2 * * *", datetime(2026, 10, 24, 12, tzinfo=PRAGUE), 2) == ["25 02:30 +0200", "26 02:30 +0100"]


def test_between_the_two_it_does_not_tick_again() -> None:
    begin = datetime.fromtimestamp(datetime(2026, 10, 25, 1, 10, tzinfo=UTC).timestamp(), PRAGUE)
    assert begin.strftime("%H:%M %z") == "02:10 +0100"
    assert times("30 2 * * *", begin, 1) == ["26 02:30 +0100"]


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (datetime(2026, 3, 29, 0, 30, tzinfo=PRAGUE), ["01:00 +0100", "03:00 +0200", "04:00 +0200"]),
        (datetime(2026, 10, 25, 0, 30, tzinfo=PRAGUE), ["01:00 +0200", "02:00 +0200", "02:00 +0100"]),
    ],
    ids=["forward", "back"],
)
def test_an_hourly_schedule_ticks_every_hour_that_there_is(day: datetime, hours: list[str]) -> None:
    assert [tick[3:] for tick in times("0 * * * *", day, 3)] == hours


@pytest.mark.parametrize("month", [3, 10])
def test_ticks_only_ever_go_on(month: int) -> None:
    for expression in ("*/7 * * * *", "0,30 2 * * *", "15 */2 * * *", "0 0-4 * * *"):
        next_tick, at = ticks_of_cron(expression, PRAGUE), datetime(2026, month, 24, tzinfo=PRAGUE).timestamp()
        for _ in range(200):
            tick = next_tick(at)
            assert tick is not None
            assert tick > at
            at = tick


# --- What is due ------------------------------------------------------------------------------------------------------


def every(seconds: float, **keys: Any) -> Schedule:
    return Schedule(name="s", flow="dinner", every=seconds, next_tick=ticks_every(seconds), **keys)  # type: ignore[arg-type]  # keys of several types


def test_intervals_count_from_the_epoch() -> None:
    next_tick = ticks_every(0.3)
    at, found = 1_800_000_000.0, []
    for _ in range(4):
        at = next_tick(at) or 0.0
        found.append(round(at - 1_800_000_000, 3))
    assert found == [0.3, 0.6, 0.9, 1.2]
    assert ticks_every(600)(599.9) == 600
    assert ticks_every(600)(600) == 1200


def test_every_tick_is_due_once() -> None:
    one, last, started = every(7), 700.0, list[float]()
    for now in (703, 706.99, 707, 707.5, 714, 730):
        due, last = one.due(last, now)
        started += due
    assert started == [707, 714, 721, 728]


@pytest.mark.parametrize(
    ("policy", "limit", "due"),
    [
        (CatchUp.NONE, 100, []),
        (CatchUp.LAST, 100, [36_000]),
        (CatchUp.ALL, 3, [28_800, 32_400, 36_000]),
        (CatchUp.ALL, 100, [hour * 3600.0 for hour in range(2, 11)]),
    ],
)
def test_what_was_missed_is_caught_up_as_told(policy: CatchUp, limit: int, due: Sequence[float]) -> None:
    assert every(3600, catch_up=policy, limit=limit).due(3600, 36_000 + GRACE + 1) == (list(due), 36_000)


@pytest.mark.parametrize("policy", list(CatchUp))
def test_what_came_just_now_was_not_missed(policy: CatchUp) -> None:
    assert every(10, catch_up=policy).due(3600, 3630) == ([3610, 3620, 3630], 3630)


def test_the_last_tick_is_not_started_beside_a_later_one() -> None:
    assert every(3600, catch_up=CatchUp.LAST).due(3600, 36_000) == ([36_000], 36_000)
