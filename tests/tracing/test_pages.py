"""docs/tasks.md and docs/tracing.md: what they show is what works."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from asyncflow.adapters.prometheus import PrometheusMetrics
from asyncflow.model.trace_events import WARNINGS
from tests.servers import ROOT
from tests.tracing.recorded import DETAILS

TASKS, TRACING = ((ROOT / "docs" / name).read_text() for name in ("tasks.md", "tracing.md"))
ASYNCFLOW = [sys.executable, "-c", "from asyncflow.cli import main; main()"]


def write_files(page: str, folder: Path) -> None:
    """Blocks that begin with a comment are the file that it names."""
    for name, text in re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", page, re.DOTALL):
        (folder / name).write_text(text)
    for text in re.findall(r"```json\n(.*?)```", page, re.DOTALL):
        (folder / "eggs.json").write_text(text)


def embedded_commands(page: str) -> list[list[str]]:
    """Those that need no server."""
    lines = re.findall(r"^\$ asyncflow ((?:run|check) .*)$", page, re.MULTILINE)
    return [[*ASYNCFLOW, *shlex.split(line)] for line in lines]


@pytest.mark.parametrize(("page", "count"), [(TASKS, 3), (TRACING, 1)], ids=["tasks", "tracing"])
def test_the_commands_of_the_page_work_as_written(page: str, count: int, tmp_path: Path) -> None:
    write_files(page, tmp_path)
    commands = embedded_commands(page)
    assert len(commands) == count
    for command in commands:
        subprocess.run(command, cwd=tmp_path, check=True, timeout=30, capture_output=True)


def test_the_trace_is_the_one_that_the_page_shows(tmp_path: Path) -> None:
    write_files(TRACING, tmp_path)
    subprocess.run(embedded_commands(TRACING)[0], cwd=tmp_path, check=True, timeout=30, capture_output=True)

    shown = re.search(r"\$ cat dinner.trace\n(.*?)```", TRACING, re.DOTALL)
    assert shown is not None
    # Dispatcher and worker are two threads: which of them comes first may differ.
    told = (tmp_path / "dinner.trace").read_text()
    assert sorted(map(str.strip, told.splitlines())) == sorted(map(str.strip, shown[1].splitlines()))


def test_a_dinner_that_fails_in_the_end_is_pizza(tmp_path: Path) -> None:
    write_files(TASKS, tmp_path)
    done = subprocess.run(
        embedded_commands(TASKS)[-1], check=True, cwd=tmp_path, timeout=30, capture_output=True, text=True
    )

    assert "no pie: no bowl is that large" in done.stderr
    assert "succeeded  OrderPizza" in done.stderr


def events_of_the_page() -> dict[str, bool]:
    """The events of the table, and whether they are said to be warnings."""
    table = TRACING[TRACING.index("| event | where |") : TRACING.index("What is not as under Selinon")]
    found: dict[str, bool] = {}
    for row in table.splitlines()[2:]:
        cell = row.split("|")[1] if row.startswith("|") else ""
        stem = ""
        for bold, name in re.findall(r"(\*\*)?\b([A-Z_]{3,})\b", cell):
            full = stem + name if name.startswith("_") else name
            stem = stem or full.removesuffix("_GET")
            found[full] = bool(bold)
    return found


def test_the_page_lists_the_events_that_are_traced_and_marks_the_warnings() -> None:
    listed = events_of_the_page()

    assert set(listed) == set(DETAILS)
    assert {name for name, is_warning in listed.items() if is_warning} == {event.name for event in WARNINGS} & set(
        DETAILS
    )


def test_the_reference_lists_the_figures_that_are_served() -> None:
    names = {family.name for family in PrometheusMetrics().registry.collect()}

    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    listed = {name.removesuffix("_total") for name in re.findall(r"^\| `(asyncflow_\w+)` \|", page, re.MULTILINE)}
    assert listed == names
