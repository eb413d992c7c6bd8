"""Results in a table of one SQLite file, for dispatcher and workers on one machine."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

from asyncflow.model import jsontext
from asyncflow.model.names import Json
from asyncflow.storages.interface import DataStorage

_TABLE = """
CREATE TABLE IF NOT EXISTS result (
    task_id TEXT PRIMARY KEY,
    flow_name TEXT NOT NULL,
    task_name TEXT NOT NULL,
    node_args BLOB NOT NULL,
    result BLOB NOT NULL
) WITHOUT ROWID
"""
_STORE = """
INSERT INTO result (task_id, flow_name, task_name, node_args, result) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (task_id) DO UPDATE SET node_args = excluded.node_args, result = excluded.result
"""


class SQLite(DataStorage):
    """One connection, used by one thread at a time. `timeout` is how long to wait for other processes, in seconds."""

    thread_safe: ClassVar[bool] = True

    def __init__(self, path: str, timeout: float = 10.0) -> None:
        self._path = Path(path)
        self._timeout = float(timeout)
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None

    def connect(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False)
        try:
            for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", _TABLE):
                connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def is_connected(self) -> bool:
        return self._connection is not None

    def disconnect(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def retrieve(self, flow_name: str, task_name: str, task_id: str) -> Json:
        rows, _ = self._run("SELECT result FROM result WHERE task_id = ?", task_id)
        if not rows:
            raise FileNotFoundError(f"no record of {task_id}")
        return jsontext.loads(rows[0][0])

    def store(self, node_args: Json, flow_name: str, task_name: str, task_id: str, result: Json) -> str:
        self._run(_STORE, task_id, flow_name, task_name, jsontext.dumps(node_args), jsontext.dumps(result))
        return task_id

    def delete(self, flow_name: str, task_name: str, task_id: str) -> None:
        _, changed = self._run("DELETE FROM result WHERE task_id = ?", task_id)
        if not changed:
            raise FileNotFoundError(f"no record of {task_id}")

    def _run(self, statement: str, *values: str | bytes) -> tuple[list[Any], int]:
        """The rows, and how many were changed."""
        with self._lock:
            if self._connection is None:
                raise ConnectionError("another thread has closed the connection")
            with closing(self._connection.execute(statement, values)) as cursor:
                return cursor.fetchall(), cursor.rowcount
