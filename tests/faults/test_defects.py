"""The simulation bites: each planted defect is found, and what finds it is an invariant, not a crash of the test."""

from __future__ import annotations

import pytest

from tests.faults.defects import DEFECTS, first_violation
from tests.faults.seeds import on_all_processors, tell

pytestmark = pytest.mark.timeout(300)


def test_every_planted_defect_is_caught(capsys: pytest.CaptureFixture[str]) -> None:
    caught = dict(zip(DEFECTS, on_all_processors(first_violation, list(DEFECTS), chunk=1), strict=True))
    told = [
        f"{name}: {f'seed {one.seed}, {one.violations[0][:100]}' if one else 'not caught'}"
        for name, one in caught.items()
    ]
    tell(capsys, "\n".join(told))
    assert len(caught) >= 10
    assert all(caught.values()), "\n".join(told)
