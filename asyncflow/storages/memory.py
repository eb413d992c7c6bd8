"""Results in the memory of one process: for tests, and for runs where dispatcher and worker share a process."""

from __future__ import annotations

import json as jsonlib
import sys
from typing import ClassVar, TextIO

from asyncflow.model import jsontext
from asyncflow.model.names import Json
from asyncflow.storages.interface import DataStorage


class InMemoryStorage(DataStorage):
    """`echo` is False, True or "stdout", or "stderr": where to show what is stored and read, as JSON if `json`."""

    thread_safe: ClassVar[bool] = True

    def __init__(self, echo: bool | str = False, json: bool = False) -> None:
        if echo not in (False, True, "stdout", "stderr"):
            raise ValueError(f"`echo` must be true, false, stdout or stderr, not {echo!r}")
        if json and not echo:
            raise ValueError("`json` says how to echo: set `echo` to stdout or stderr too")
        self._echo = echo
        self._json = json
        # As text, so that nobody changes a stored result by changing what was stored or read.
        self._records: dict[str, bytes] = {}

    def retrieve(self, flow_name: str, task_name: str, task_id: str) -> Json:
        if task_id not in self._records:
            raise FileNotFoundError(f"no record of {task_id}")
        result = jsontext.loads(self._records[task_id])["result"]
        self._show(result)
        return result

    def store(self, node_args: Json, flow_name: str, task_name: str, task_id: str, result: Json) -> str:
        record = {
            "node_args": node_args,
            "task_name": task_name,
            "flow_name": flow_name,
            "task_id": task_id,
            "result": result,
        }
        self._records[task_id] = jsontext.dumps(record)
        self._show(record)
        return task_id

    def delete(self, flow_name: str, task_name: str, task_id: str) -> None:
        if self._records.pop(task_id, None) is None:
            raise FileNotFoundError(f"no record of {task_id}")

    def _show(self, value: Json) -> None:
        if not self._echo:
            return
        stream: TextIO = sys.stderr if self._echo == "stderr" else sys.stdout
        text = jsonlib.dumps(value, sort_keys=True, separators=(",", ": "), indent=2) if self._json else str(value)
        stream.write(f"{text}\n")
