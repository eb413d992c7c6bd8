"""The guides in docs/ for those who come from Selinon and from Celery's canvas: every file and command in them, as written."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.selinon.real_selinon import python_with_selinon
from tests.servers import ROOT, wait_until

FILE = re.compile(r"^`([\w.-]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STAYING = {"serve", "worker"}

HERE = str(Path(sys.executable).parent)


class Reader:
    """Does what a guide says, in a folder of its own; programs that stay are stopped by their pid."""

    def __init__(self, folder: Path, guide: str, environ: dict[str, str]) -> None:
        self.text = (ROOT / "docs" / guide).read_text()
        self.folder = folder
        self.staying: dict[str, subprocess.Popen[bytes]] = {}
        self.environ = {**os.environ, **environ, "PYTHONUNBUFFERED": "1"}
        for name, content in FILE.findall(self.text):
            (folder / name).write_text(content)

    @property
    def commands(self) -> list[str]:
        return [line.removeprefix("$ ") for block in COMMANDS.findall(self.text) for line in block.splitlines()]

    def do(self, command: str, binaries: str = HERE) -> str:
        """Run a command to its end, or start a program that stays and wait until it is ready; its output."""
        environ = {**self.environ, "PATH": os.pathsep.join([binaries, os.environ["PATH"]])}
        kind = next((word for word in shlex.split(command)[1:] if word in STAYING), None)
        if kind is None:
            done = subprocess.run(
                command,
                shell=True,
                cwd=self.folder,
                env=environ,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}{self.logs()}"
            return done.stdout
        log = self.folder / f"log-{len(list(self.folder.glob('log-*')))}"
        with log.open("wb") as output:
            self.staying[command] = subprocess.Popen(
                shlex.split(command),
                cwd=self.folder,
                env=environ,
                executable=str(Path(binaries) / shlex.split(command)[0]),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        if kind == "worker":
            wait_until(lambda: " ready." in log.read_text(), f"$ {command}", seconds=60)
        else:
            self.do("asyncflow list")  # which waits for a dispatcher to answer
        return ""

    def logs(self) -> str:
        return "".join(f"\n--- {log.name}\n{log.read_text()[-2000:]}" for log in sorted(self.folder.glob("log-*")))

    def wait_listed(self, run: str) -> None:
        wait_until(lambda: run in self.do("asyncflow list --json"), f"run {run} to be listed", seconds=20)

    def stop(self, beginning: str) -> None:
        for command in [command for command in self.staying if command.startswith(beginning)]:
            child = self.staying.pop(command)
            child.terminate()
            child.wait(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in self.staying.values():
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


@pytest.mark.timeout(180)
def test_the_guide_from_selinon_can_be_followed_to_the_letter(tmp_path, vhost, redis_server):
    environ = {
        "BROKER": vhost,
        "BACKEND": redis_server.url(1),
        "REDIS_PORT": str(redis_server.port),
    }
    real = str(Path(python_with_selinon()).parent)
    with Reader(tmp_path, "from-selinon.md", environ) as reader:
        for command in reader.commands:
            if command.startswith("celery -A moved worker -l INFO -Q tasks"):
                reader.do(command)
                reader.stop("celery -A app")
                continue
            if command.startswith("asyncflow serve"):
                reader.stop("asyncflow serve")
                reader.environ["ASYNCFLOW_BROKER_URL"] = vhost
            is_real = command.startswith(("celery -A app", "python order.py"))
            printed = reader.do(command, real if is_real else HERE)
            if command == "python order.py":
                ordered = printed.strip()
                reader.wait_listed(ordered)
                reader.do(f"asyncflow watch {ordered}")
        runs = json.loads(reader.do("asyncflow list --json"))["runs"]
    assert ordered in {run["run_id"] for run in runs}
    assert [run["state"] for run in runs] == ["succeeded"] * 4


@pytest.mark.timeout(120)
def test_the_guide_from_canvas_gives_the_same_bill_both_ways(tmp_path, vhost, redis_server):
    environ = {
        "BROKER": vhost,
        "ASYNCFLOW_BROKER_URL": vhost,
        "BACKEND": redis_server.url(2),
        "ASYNCFLOW_CONFIG": "nodes.yaml:flows.yaml",
    }
    with Reader(tmp_path, "from-canvas.md", environ) as reader:
        printed = {command: reader.do(command) for command in reader.commands}
        runs = json.loads(reader.do("asyncflow list --json"))["runs"]
        ended = [json.loads(reader.do(f"asyncflow show --json {run['run_id']}")) for run in reversed(runs)]
    assert printed["python canvas.py"] == "4.05\n"
    results = [{node["name"]: node["result"] for node in run["nodes"] if node["state"] == "succeeded"} for run in ended]
    assert [run["state"] for run in ended] == ["succeeded"] * 3
    assert results[0]["Discount"] == 4.05
    # The second is said where the worker was not yet asked for its events.
    reasons = ("unsupported operand type(s) for -: 'int' and 'str'", "the worker reported a failure")
    assert results[1]["Apologise"].startswith(tuple(f"no bill today: {reason}" for reason in reasons))
    assert results[2]["Sum"] == 7.0
