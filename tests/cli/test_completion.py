"""`completion`: the script of each shell, and what it is offered."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from click.shell_completion import get_completion_class

from asyncflow.cli import asyncflow
from tests.cli.project import ASYNCFLOW, Project
from tests.servers import free_port


class Shell:
    """Asks as the scripts make shells ask, in the folder of a project."""

    def __init__(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        self._set = monkeypatch.setenv
        self._set("ASYNCFLOW_CONFIG", project.environ["ASYNCFLOW_CONFIG"])

    def offers(self, line: str, **environ: str) -> list[str]:
        """What is offered for the last word of a line."""
        for name, value in environ.items():
            self._set(name, value)
        kind = get_completion_class("bash")
        assert kind is not None
        *args, incomplete = line.split(" ")[1:]
        asked = kind(asyncflow, {}, "asyncflow", "_ASYNCFLOW_COMPLETE").get_completions(args, incomplete)
        return [item.value for item in asked]


@pytest.fixture
def shell(project: Project, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(project, monkeypatch)


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_the_script_names_its_command(project: Project, name: str) -> None:
    done = project.look("completion", name)
    assert done.code == 0
    assert f"_ASYNCFLOW_COMPLETE={name}_complete" in done.out


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_understands_its_script(project: Project) -> None:
    script = project.look("completion", "bash").out
    done = subprocess.run(
        ["bash"], input=f"{script}\ncomplete -p asyncflow", capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("complete ")
    assert done.stdout.endswith(" asyncflow\n")


def test_a_shell_that_asks_the_command_is_answered(project: Project) -> None:
    asked = {"_ASYNCFLOW_COMPLETE": "bash_complete", "COMP_WORDS": "asyncflow run g", "COMP_CWORD": "2"}
    done = subprocess.run(ASYNCFLOW, env={**project.environ, **asked}, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("plain,good\n", "")


def test_commands_flows_and_tasks_are_offered(shell: Shell) -> None:
    assert shell.offers("asyncflow sim") == ["simulate"]
    assert shell.offers("asyncflow run ") == ["good", "bad", "mended", "picky", "locked", "long"]
    assert shell.offers("asyncflow run g") == ["good"]
    assert shell.offers("asyncflow run good --only M") == ["Mend"]
    assert shell.offers("asyncflow run -c flows.yaml m", ASYNCFLOW_CONFIG="") == ["mended"]


def test_runs_are_offered_from_the_store(project: Project, shell: Shell) -> None:
    assert project.run("run", "bad", "--run-id", "night-1").code == 1
    assert shell.offers("asyncflow show ") == ["night-1"]
    assert shell.offers("asyncflow show day") == []
    assert shell.offers("asyncflow db export n") == ["night-1"]


def test_what_cannot_be_known_offers_nothing_and_says_nothing(
    project: Project, shell: Shell, capfd: pytest.CaptureFixture[str]
) -> None:
    assert shell.offers("asyncflow show ") == []
    assert shell.offers("asyncflow cancel ", ASYNCFLOW_BROKER_URL=f"amqp://127.0.0.1:{free_port()}/") == []
    (project.folder / "flows.yaml").write_text("flows: [")
    assert shell.offers("asyncflow run ") == []
    assert shell.offers("asyncflow run ", ASYNCFLOW_CONFIG="/nowhere") == []
    assert shell.offers("asyncflow run ", ASYNCFLOW_CONFIG="") == []
    assert capfd.readouterr() == ("", "")
