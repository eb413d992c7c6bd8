"""`check`, `explain` and `schema`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from asyncflow.cli import asyncflow
from tests.cli.project import FLOWS

WRONG = FLOWS.replace("{from: , to: Add}", "{from: , to: Adding}")
DOUBTFUL = FLOWS.replace("tasks:\n", "tasks:\n  - {name: Idle, celery_task: tasks.idle}\n", 1)


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    return tmp_path / "flows.yaml"


def test_a_right_configuration_ends_with_0_and_a_count(runner: CliRunner, flows: Path) -> None:
    flows.write_text(FLOWS)
    done = runner.invoke(asyncflow, ["check", str(flows)])
    assert done.exit_code == 0
    assert done.stdout == ""
    assert done.stderr.startswith("Checked 6 flows in 1 file in ")
    assert done.stderr.endswith(" ms: no problems\n")


def test_errors_are_drawn_and_end_with_2(runner: CliRunner, flows: Path) -> None:
    flows.write_text(WRONG)
    done = runner.invoke(asyncflow, ["check", str(flows.parent)])
    assert done.exit_code == 2
    assert "^^^^^^ unknown node" in done.stdout
    assert "asyncflow explain F304" in done.stdout
    assert "\x1b" not in done.stdout
    assert "1 file in" in done.stderr


def test_colours_come_on_a_terminal_unless_no_color_is_set(
    runner: CliRunner, flows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flows.write_text(WRONG)
    assert "\x1b[31m" in runner.invoke(asyncflow, ["check", str(flows)], color=True).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in runner.invoke(asyncflow, ["check", str(flows)], color=True).stdout


def test_strict_takes_warnings_for_errors(runner: CliRunner, flows: Path) -> None:
    flows.write_text(DOUBTFUL)
    assert runner.invoke(asyncflow, ["check", str(flows)]).exit_code == 0
    strict = runner.invoke(asyncflow, ["check", "--strict", str(flows)])
    assert strict.exit_code == 2
    assert strict.stdout.startswith("error[")


def test_formats_for_programs_stand_alone_on_standard_output(runner: CliRunner, flows: Path) -> None:
    flows.write_text(WRONG)
    found = json.loads(runner.invoke(asyncflow, ["check", "--format", "json", str(flows)]).stdout)
    assert found["errors"] == len(found["problems"]) > 0
    sarif = json.loads(runner.invoke(asyncflow, ["check", "--format", "sarif", str(flows)]).stdout)
    assert sarif["version"] == "2.1.0"
    github = runner.invoke(asyncflow, ["check", "--format", "github", str(flows)]).stdout
    assert github.startswith("::error file=")


def test_formats_for_programs_say_that_there_is_nothing(runner: CliRunner, flows: Path) -> None:
    flows.write_text(FLOWS)
    assert json.loads(runner.invoke(asyncflow, ["check", "--format", "json", str(flows)]).stdout)["problems"] == []


def test_user_code_is_imported_only_when_asked_for(
    runner: CliRunner, flows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", list(__import__("sys").path))
    flows.write_text(FLOWS.replace("to: Fail}\n", "to: Fail, foreach: {import: absent_module, function: each}}\n", 1))
    assert runner.invoke(asyncflow, ["check", str(flows)]).stdout == ""
    assert "absent_module" in runner.invoke(asyncflow, ["check", "--import", str(flows)]).stdout


def test_the_environment_names_what_to_check(runner: CliRunner, flows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flows.write_text(FLOWS)
    monkeypatch.setenv("ASYNCFLOW_CONFIG", str(flows))
    assert runner.invoke(asyncflow, ["check"]).exit_code == 0


def test_a_code_is_explained_by_number_and_by_name(runner: CliRunner) -> None:
    by_code = runner.invoke(asyncflow, ["explain", "f604"])
    assert by_code.exit_code == 0
    assert by_code.stdout.startswith("warning[F604] never-true")
    assert "Right:" in by_code.stdout
    assert runner.invoke(asyncflow, ["explain", "never-true"]).stdout == by_code.stdout


def test_without_a_code_all_are_listed(runner: CliRunner) -> None:
    listed = runner.invoke(asyncflow, ["explain"]).stdout.splitlines()
    assert len(listed) > 30
    assert all(line.startswith("F") for line in listed)


def test_the_schema_is_json_schema(runner: CliRunner) -> None:
    assert "$schema" in json.loads(runner.invoke(asyncflow, ["schema"]).stdout)
