"""The command itself: its help, how quick it comes, and how wrong use ends."""

import resource
import subprocess
import sys

import pytest
from click.testing import CliRunner

from asyncflow.cli import asyncflow
from tests.cli.project import ASYNCFLOW, Project

FOREIGN = (
    "celery",
    "kombu",
    "aio_pika",
    "cel",
    "psycopg",
    "redis",
    "pymongo",
    "boto3",
    "starlette",
    "prometheus_client",
)
HEAVY = ("asyncflow.app", "asyncflow.config", "celery", "aio_pika", "rich", "yaml", "anyio")


def test_help_lists_the_commands_in_their_order(runner: CliRunner) -> None:
    done = runner.invoke(asyncflow, ["--help"])
    listed = [line.split()[0] for line in done.stdout.split("Commands:")[1].splitlines() if line.strip()]
    assert done.exit_code == 0
    assert listed[:5] == ["init", "run", "start", "watch", "show"]


@pytest.mark.parametrize("command", list(asyncflow.commands))
def test_every_command_has_help_that_names_what_it_does(runner: CliRunner, command: str) -> None:
    done = runner.invoke(asyncflow, [command, "--help"])
    assert done.exit_code == 0
    assert asyncflow.commands[command].get_short_help_str()


@pytest.mark.parametrize("args", [["--help"], ["run", "--help"], ["run"], ["nonsense"]])
def test_help_and_wrong_use_import_nothing_heavy(args: list[str]) -> None:
    program = f"""
import sys
from asyncflow.cli import asyncflow
try:
    asyncflow.main({args!r})
except SystemExit:
    print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize("args", [["check"], ["list"], ["plot", "-o", "-"]])
def test_commands_import_only_the_libraries_that_they_use(project: Project, args: list[str]) -> None:
    assert project.look("db", "upgrade").code == 0
    program = f"""
import sys
from asyncflow.cli import asyncflow
try:
    asyncflow.main({args!r})
except SystemExit:
    print([name for name in {FOREIGN!r} if name in sys.modules], file=sys.stderr)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=project.environ)
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("args", "times"),
    [
        (["--help"], 14),  # 8
        (["check"], 40),  # 20
        (["list"], 55),  # 30
    ],
)
def test_what_people_type_often_comes_at_once(project: Project, args: list[str], times: float) -> None:
    """In times of what Python itself takes to start: seconds would tell of what else this machine does."""

    def cpu_seconds(command: list[str]) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, capture_output=True, check=True, env=project.environ)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert project.look("db", "upgrade").code == 0
    seconds = min(cpu_seconds([*ASYNCFLOW, *args]) for _ in range(3))
    assert seconds < times * min(cpu_seconds([sys.executable, "-c", "pass"]) for _ in range(3))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nonsense"], "No such command"),
        (["run"], "Missing argument"),
        (["run", "f", "--nonsense"], "No such option"),
        (["run", "f", "--label", "nonsense"], "is not NAME=VALUE"),
        (["run", "f", "-c", "x", "--follow-subflows"], "go with --only"),
        (["run", "f"], "give -c PATH"),
        (["run", "f", "-c", "/nowhere/flows.yaml", "--store", "memory:"], "/nowhere/flows.yaml cannot be read"),
        (["start", "f"], "give --broker URL"),
        (["cancel", "x"], "give --broker URL"),
        (["pause", "x"], "give --broker URL"),
        (["resume", "x"], "give --broker URL"),
        (["serve", "-c", "x"], "give --broker URL"),
        (["list", "--state", "tired"], "'tired' is not one of"),
        (["list", "--since", "tomorrow"], "'tomorrow' is no time: write how long ago, such as 2h"),
        (["list", "--label", "red"], "'red' is not NAME=VALUE"),
        (["list", "--store", "mysql://x"], "no store is made for 'mysql' URLs"),
        (["worker"], "give -c PATH"),
        (["check"], "give files or folders"),
        (["explain", "F6044"], "did you mean F604?"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_is_wrong(runner: CliRunner, args: list[str], said: str) -> None:
    done = runner.invoke(asyncflow, args)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert done.stdout == ""


def test_the_version_is_told(runner: CliRunner) -> None:
    done = runner.invoke(asyncflow, ["--version"])
    assert done.stdout.startswith("asyncflow 0.")
