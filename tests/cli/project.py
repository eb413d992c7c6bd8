"""A small project for the tests of the command line, and the command itself in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from asyncflow.cli import asyncflow

ASYNCFLOW = [sys.executable, "-c", "from asyncflow.cli import main; main()"]

TASKS = """
import os
import time

from celery import Celery

app = Celery("gallery", include=["asyncflow_celery.worker"])


@app.task
def add(x, y=1):
    print("a task prints this")
    return {"sum": x + y}


@app.task
def fail(how="on purpose"):
    raise ValueError(how)


@app.task
def unlock(file):
    if not os.path.exists(file):
        raise FileNotFoundError(file)
    return "open"


@app.task
def wait(file):
    while not os.path.exists(file):
        time.sleep(0.02)
    return "woken"
"""

FLOWS = """
tasks:
  - {name: Add, celery_task: tasks.add, args: [node_args.x]}
  - {name: Fail, celery_task: tasks.fail, args: []}
  - {name: Mend, celery_task: tasks.add, args: [{value: 1}]}
  - {name: Count, celery_task: tasks.add, args: [node_args.n]}
  - {name: Unlock, celery_task: tasks.unlock, args: [node_args.key]}
  - {name: Enter, celery_task: tasks.add, args: [results.Add.sum]}
  - {name: Wait, celery_task: tasks.wait, args: [{value: alarm}]}
flows: [good, bad, mended, picky, locked, long]
global: {celery_app: "tasks:app"}
flow-definitions:
  - name: good
    node_args_schema: {type: object, required: [x]}
    edges:
      - {from: , to: Add}
  - name: bad
    edges:
      - {from: , to: Fail}
  - name: mended
    edges:
      - {from: , to: Fail}
    failures:
      - {nodes: Fail, fallback: Mend}
  - name: picky
    edges:
      - {from: , to: [Count, Fail]}
      - {from: Count, to: Mend, condition: {name: fieldGreater, args: {key: sum, value: 5}}}
    failures:
      - {nodes: Fail, fallback: true}
  - name: locked
    edges:
      - {from: , to: Add}
      - {from: Add, to: Unlock}
      - {from: [Add, Unlock], to: Enter}
  - name: long
    edges:
      - {from: , to: Wait}
"""


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Project:
    """A folder with a configuration and its tasks, in which commands are run."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("ASYNCFLOW_")}
        self.environ |= {"ASYNCFLOW_CONFIG": str(folder / "flows.yaml"), **(environ or {})}
        (folder / "tasks.py").write_text(TASKS)
        (folder / "flows.yaml").write_text(FLOWS)

    def run(self, *args: str, text: str = "", **environ: str) -> Done:
        done = subprocess.run(
            [*ASYNCFLOW, *args],
            cwd=self.folder,
            env={**self.environ, **environ},
            input=text,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def look(self, *args: str) -> Done:
        """Run a command that runs no tasks itself, in this process: that is quicker."""
        ours = {name: value for name, value in self.environ.items() if name.startswith("ASYNCFLOW_")}
        done = CliRunner().invoke(asyncflow, args, env=ours)
        return Done(done.exit_code, done.stdout, done.stderr)

    def wake(self) -> None:
        """Let the tasks of `long` end."""
        (self.folder / "alarm").touch()

    @contextmanager
    def begin(self, *args: str) -> Iterator[subprocess.Popen[str]]:
        """Start a command; what it writes can be read while it runs. It is killed if it has not ended in the end."""
        child = subprocess.Popen(
            [*ASYNCFLOW, *args],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with child:
            try:
                yield child
            finally:
                child.kill()


def read_until(child: subprocess.Popen[str], words: str) -> str:
    """What a command writes to standard error until some words have come; fails when it ends without them."""
    assert child.stderr is not None
    lines = []
    for line in child.stderr:
        lines.append(line)
        if words in line:
            return "".join(lines)
    raise AssertionError(f"{words!r} did not come:\n{''.join(lines)}")
