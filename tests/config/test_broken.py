"""Every code is shown by a broken configuration: broken/CODE.yaml, and what is said of it, broken/CODE.txt.

After a change of wording run with ASYNCFLOW_UPDATE_SNAPSHOTS=1 and read the difference.
"""

import os
from pathlib import Path

import pytest

from asyncflow.config import CODES, check, render
from asyncflow.errors import Severity
from asyncflow.predicates import BUILT_INS

FOLDER = Path(__file__).parent / "broken"
SHOWN = sorted(path.stem for path in FOLDER.glob("*.yaml"))
ELSEWHERE = {"F101", "F102", "F110", "F116", "F223", "F701", "F702", "F703"}
"""Codes that one file cannot show; test_files and test_functions do."""


@pytest.mark.parametrize("code", SHOWN)
def test_a_broken_configuration_is_explained_where_it_is_broken(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    checked = check([f"{code}.yaml"], builtins=BUILT_INS, environ={"DEPLOYMENT": "test"})
    said = render(checked.problems, checked.sources) + "\n"
    snapshot = FOLDER / f"{code}.txt"
    if os.environ.get("ASYNCFLOW_UPDATE_SNAPSHOTS"):
        snapshot.write_text(said, "utf-8")
    assert code in {problem.code for problem in checked.problems}
    assert (checked.loaded is None) == any(problem.severity is Severity.ERROR for problem in checked.problems)
    assert said == snapshot.read_text("utf-8")


def test_every_code_is_shown_by_a_broken_configuration() -> None:
    assert set(SHOWN) | ELSEWHERE == set(CODES)
    assert len(SHOWN) >= 30
