"""Moments, as people write them."""

from datetime import UTC, datetime

import pytest

from asyncflow.model.durations import moment_of

NOW = 1_000_000.0


@pytest.mark.parametrize(("text", "ago"), [("2h", 7200), ("1d12h", 129_600), ("90s", 90), ("0s", 0)])
def test_a_duration_is_so_long_ago(text: str, ago: float) -> None:
    assert moment_of(text, NOW) == NOW - ago


@pytest.mark.parametrize("text", ["2030-01-31T18:00Z", "2030-01-31T19:00+01:00", "2030-01-31 18:00:00+00:00"])
def test_a_moment_with_a_zone_is_exact(text: str) -> None:
    assert moment_of(text, NOW) == datetime(2030, 1, 31, 18, tzinfo=UTC).timestamp()


def test_without_a_zone_it_is_local_time() -> None:
    assert moment_of("2030-01-31", NOW) == datetime(2030, 1, 31).astimezone().timestamp()


@pytest.mark.parametrize("text", ["", "yesterday", "-2h", "2x", "2030-02-31", "0001-01-01"])
def test_anything_else_is_none(text: str) -> None:
    assert moment_of(text, NOW) is None
