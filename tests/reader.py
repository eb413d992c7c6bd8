"""Somebody who follows a page of the documentation to the letter."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Self

from tests.servers import ROOT, wait_until

HERE = str(Path(sys.executable).parent)

_FILE = re.compile(r"^`([\w.-]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?<=\n\n)(?: {4}.*\n+)+")
_READY = {"worker": " ready.", "dev": "http://", "serve": "dispatching "}
"""What the programs that stay say when they are ready."""


class Reader:
    """Does what a page says, in a folder of its own; programs that stay are stopped by their pid."""

    def __init__(
        self,
        folder: Path,
        page: str,
        environ: Mapping[str, str],
        instead: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`instead` says what is read for what is written, such as the URL of a broker."""
        self.text = (ROOT / page).read_text()
        for written, read in instead.items():
            assert written in self.text, f"{page} does not say {written}"
            self.text = self.text.replace(written, read)
        self.folder = folder
        self.staying: dict[str, subprocess.Popen[bytes]] = {}
        self.environ = {**os.environ, **environ, "PYTHONUNBUFFERED": "1"}
        for name, content in _FILE.findall(self.text):
            (folder / name).write_text(content)

    @property
    def commands(self) -> list[str]:
        return [line.removeprefix("$ ") for block in _CONSOLE.findall(self.text) for line in block.splitlines()]

    def section(self, heading: str) -> str:
        """What stands below a heading, up to the next."""
        return "\n" + self.text.partition(f"\n{heading}\n")[2].partition("\n#")[0] + "\n"

    def indented(self, heading: str) -> list[str]:
        """The lines of the indented blocks of a section."""
        lines = [line for block in _INDENTED.findall(self.section(heading)) for line in block.splitlines()]
        return [line.removeprefix("    ") for line in lines if line]

    def do(self, command: str, binaries: str = HERE) -> str:
        """Run a command to its end, or start a program that stays and wait until it is ready; its output."""
        words = shlex.split(command)
        if words[0] == "cd":
            self.folder /= words[1]
            return ""
        if words[0] == "export":
            self.environ |= dict(word.split("=", 1) for word in words[1:])
            return ""
        environ = {**self.environ, "PATH": os.pathsep.join([binaries, os.environ["PATH"]])}
        kind = next((word for word in words[1:] if word in _READY), None)
        if kind is not None:
            self._begin(command, kind, Path(binaries) / words[0], environ)
            return ""
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

    def _begin(self, command: str, kind: str, program: Path, environ: Mapping[str, str]) -> None:
        log = self.folder / f"log-{len(list(self.folder.glob('log-*')))}"
        with log.open("wb") as output:
            self.staying[command] = subprocess.Popen(
                shlex.split(command),
                cwd=self.folder,
                env=environ,
                executable=program,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_until(lambda: _READY[kind] in log.read_text(), f"$ {command}", seconds=60)
        if "--http" in command:
            wait_until(lambda: "http://" in log.read_text(), f"$ {command}", seconds=60)

    def logs(self) -> str:
        return "".join(f"\n--- {log.name}\n{log.read_text()[-2000:]}" for log in sorted(self.folder.glob("log-*")))

    def wait_listed(self, run: str) -> None:
        wait_until(lambda: run in self.do("asyncflow list --json"), f"run {run} to be listed", seconds=20)

    def stop(self, beginning: str) -> None:
        for command in [command for command in self.staying if command.startswith(beginning)]:
            child = self.staying.pop(command)
            child.terminate()
            child.wait(20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.staying.values():
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
