"""`pytest tests/conformance --cases FILE...`: which case files are driven, and the sum of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.cases import Case, read_cases, why_skipped

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT.parent / "shared" / "conformance"
VARIABLE = "ASYNCFLOW_CONFORMANCE_CASES"
DRIVEN = "conformance/test_cases.py"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cases",
        nargs="+",
        action="extend",
        metavar="FILE",
        help=f"case files to drive, or folders of them (else {VARIABLE}, else ../shared/conformance)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", list(parameters(metafunc.config)))


def parameters(config: pytest.Config) -> Iterator[Any]:
    files = case_files(config)
    if not files:
        reason = f"there is no {DEFAULT} here; name case files by --cases or {VARIABLE}"
        yield pytest.param(None, id="none", marks=pytest.mark.skip(reason=reason))
    taken: set[str] = set()
    for file in files:
        for case in read_cases(file):
            marks = [pytest.mark.skip(reason=why)] if (why := why_skipped(case)) else []
            yield pytest.param(case, id=unique_id(case, taken), marks=marks)


def case_files(config: pytest.Config) -> list[Path]:
    """ValueError for a name that is no file; pytest shows it and drives nothing."""
    named = config.getoption("cases", default=None) or os.environ.get(VARIABLE, "").split(os.pathsep)
    paths = [Path(name) for name in named if name]
    if not paths:
        return sorted(DEFAULT.glob("*.json"))
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise ValueError(f"no such case file: {', '.join(missing)}")
    return [file for path in paths for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]


def unique_id(case: Case, taken: set[str]) -> str:
    name = f"{case.file.name}:{case.name}"
    while name in taken:
        name += "'"
    taken.add(name)
    return name


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = {
        outcome: [one for one in terminalreporter.getreports(outcome) if DRIVEN in getattr(one, "nodeid", "")]
        for outcome in ("passed", "failed", "error", "skipped")
    }
    if not any(reports.values()):
        return
    failed = len(reports["failed"]) + len(reports["error"])
    terminalreporter.section("conformance cases")
    terminalreporter.write_line(f"{len(reports['passed'])} passed, {failed} failed, {len(reports['skipped'])} skipped")
    for report in reports["skipped"]:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.write_line(f"  {report.nodeid}: {reason}")
