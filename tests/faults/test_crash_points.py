"""Every crash point of the reference flows: the same end as without a crash.

A point is before or after a commit, a publish, a confirm or an acknowledgement. ASYNCFLOW_FAULTS=long takes all pairs.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest

from tests.faults.crash_points import end_of
from tests.faults.flows import REFERENCES
from tests.faults.seeds import LONG, on_all_processors, tell

pytestmark = pytest.mark.timeout(0 if LONG else 300)

STATES = {
    "failing sub-flow": "succeeded",
    "eager failure": "failed",
    "flow timeout": "failed",
    "cancel": "cancelled",
}
"""How the flows end that do not simply succeed."""


@pytest.mark.parametrize("name", REFERENCES)
def test_the_reference_flows_end_as_they_are_meant_to(name: str) -> None:
    calm = end_of((name, ()))
    assert not calm.violations
    [(status, _)] = calm.runs.values()  # type: ignore[attr-defined]  # by run
    assert status.value == STATES.get(name, "succeeded")


def test_every_crash_point_leads_to_the_same_end(capsys: pytest.CaptureFixture[str]) -> None:
    calm = {name: end_of((name, ())) for name in REFERENCES}
    cases = [(name, (point,)) for name, end in calm.items() for point in range(1, end.passed + 1)]
    if LONG:
        cases += [(name, pair) for name, end in calm.items() for pair in combinations(range(1, end.passed + 1), 2)]
    ends = on_all_processors(end_of, cases)
    tell(
        capsys,
        f"{len(ends)} of {len(cases)} crashes of {len(calm)} flows, {dict(Counter(len(end.points) for end in ends))}",
    )
    wrong = [f"{end.flow} crashed at {end.points}: {said}" for end in ends if (said := end.difference(calm[end.flow]))]
    assert not wrong, "\n".join(wrong[:10])
