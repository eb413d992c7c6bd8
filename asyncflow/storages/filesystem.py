"""Results as JSON files: `<path>/<flow>/<task>/<id>.json` holds the result and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

from asyncflow.model import jsontext
from asyncflow.model.names import Json
from asyncflow.storages.interface import DataStorage


class Filesystem(DataStorage):
    """Dispatcher and workers must see the same folder. Without `path` it is the one the process runs in."""

    thread_safe: ClassVar[bool] = True

    def __init__(self, path: str | None = None) -> None:
        self._folder = Path(path) if path else Path.cwd()

    def retrieve(self, flow_name: str, task_name: str, task_id: str) -> Json:
        return json.loads(self._file(flow_name, task_name, task_id).read_bytes())

    def store(self, node_args: Json, flow_name: str, task_name: str, task_id: str, result: Json) -> str:
        file = self._file(flow_name, task_name, task_id)
        text = jsontext.dumps(result)
        file.parent.mkdir(parents=True, exist_ok=True)
        _write_at_once(file, text)
        return str(file)

    def delete(self, flow_name: str, task_name: str, task_id: str) -> None:
        self._file(flow_name, task_name, task_id).unlink()

    def _file(self, *parts: str) -> Path:
        for part in parts:
            if part in ("", ".", "..") or "/" in part or "\0" in part:
                raise ValueError(f"{part!r} cannot be part of a file's name")
        flow, task, id = parts
        return self._folder / flow / task / f"{id}.json"


def _write_at_once(file: Path, text: bytes) -> None:
    """A reader sees the old file or the whole new one; after a crash of the machine too."""
    made = file.with_name(f".{file.stem}.{uuid4().hex}")
    try:
        with made.open("xb") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        made.replace(file)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name is durable only then
    finally:
        os.close(folder)
