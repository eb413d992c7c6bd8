"""`asyncflow schedules` without a dispatcher, and `asyncflow signal` where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from asyncflow.cli.commands import asyncflow

FILE = """
tasks: [{name: Cook, celery_task: cook}]
flow-definitions: [{name: dinner, edges: [{from: , to: Cook}]}]
schedules:
  - {name: weekdays, flow: dinner, cron: "0 6 * * 1-5", timezone: Europe/Prague}
  - {name: often, flow: dinner, every: 10m, enabled: false}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("ASYNCFLOW_BROKER_URL", raising=False)
    path = tmp_path / "flows.yaml"
    path.write_text(FILE)
    return str(path)


def test_the_schedules_of_a_configuration_are_listed(file: str) -> None:
    shown = CliRunner().invoke(asyncflow, ["schedules", "-c", file])
    assert shown.exit_code == 0, shown.output
    assert "0 6 * * 1-5 Europe/Prague" in shown.stdout
    assert "every 10m" in shown.stdout
    assert "disabled" in shown.stdout


def test_for_programs_they_are_json(file: str) -> None:
    shown = CliRunner().invoke(asyncflow, ["schedules", "-c", file, "--json"])
    weekdays, often = json.loads(shown.stdout)["schedules"]
    assert len(weekdays["next"]) == 3
    assert (often["every"], often["next"]) == (600, [])


def test_a_signal_needs_a_broker_and_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASYNCFLOW_BROKER_URL", raising=False)
    assert CliRunner().invoke(asyncflow, ["signal", "run", "go"]).exit_code == 2
    bad = CliRunner().invoke(asyncflow, ["signal", "run", "go", "--payload", "{by: Ada}"])
    assert bad.exit_code == 2
    assert "--payload is not JSON" in bad.stderr
