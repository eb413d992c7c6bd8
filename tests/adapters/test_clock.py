"""The clock of a dispatcher, while somebody sets the clock of its machine."""

from __future__ import annotations

import logging
import time

import pytest

from asyncflow.adapters.clock import SystemClock


class Machine:
    def __init__(self) -> None:
        self.passed, self.wrong_by = 0.0, 0.0

    def wall(self) -> float:
        return 1_700_000_000.0 + self.passed + self.wrong_by

    def clock(self) -> SystemClock:
        return SystemClock(self.wall, lambda: self.passed)


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 31_557_600.0, -31_557_600.0])
def test_setting_the_wall_clock_moves_no_time_that_is_counted(jump: float, caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.passed, machine.wrong_by = 10.0, jump

    assert clock.now() == clock.now() == 1_700_000_010.0
    [said] = caplog.records
    assert said.levelno == logging.WARNING
    ahead = "ahead of" if jump > 0 else "behind"
    assert said.getMessage().startswith(f"the machine's clock was set; it is {abs(jump):.0f} s {ahead} the time")


def test_a_clock_that_is_put_right_is_told_once_more_and_the_next_start_has_the_new_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wrong_by = 3600.0
    clock.now()
    assert machine.clock().now() == 1_700_003_600.0
    machine.wrong_by = 0.0
    clock.now()

    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert machine.clock().now() == 1_700_000_000.0


def test_corrections_little_by_little_are_not_told(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wrong_by = 0.9
    clock.now()

    assert caplog.records == []


def test_it_is_the_time_of_this_machine() -> None:
    assert SystemClock().now() == pytest.approx(time.time(), abs=1.0)
