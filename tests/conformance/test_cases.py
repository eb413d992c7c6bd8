"""The rules give what the cases expect, step by step."""

from __future__ import annotations

import pytest

from tests.conformance.cases import Case
from tests.conformance.comparison import DifferenceError
from tests.conformance.driver import drive


def test_case(case: Case) -> None:
    try:
        drive(case)
    except DifferenceError as exc:
        pytest.fail(f"{case.name}: {exc}", pytrace=False)
