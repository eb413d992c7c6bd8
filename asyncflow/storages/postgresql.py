"""Results in PostgreSQL: the table `result`, as Selinon made it."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, ClassVar

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from asyncflow.model import jsontext
from asyncflow.model.names import Json
from asyncflow.storages.interface import DataStorage

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('asyncflow.storages.postgresql'))"
"""Two processes that create the same table at once would fail."""

_PARTS = {
    "result_id": "CREATE SEQUENCE result_id",
    "result": """
        CREATE TABLE result (
            id INTEGER NOT NULL PRIMARY KEY,
            flow_name VARCHAR(128),
            task_name VARCHAR(128),
            task_id VARCHAR(255) UNIQUE,
            result JSONB,
            node_args JSONB
        )
    """,
}
# Selinon's table has no default for `id`.
_STORE = """
INSERT INTO result (id, flow_name, task_name, task_id, result, node_args)
VALUES (nextval('result_id'), %s, %s, %s, %s, %s)
ON CONFLICT (task_id) DO UPDATE SET result = excluded.result, node_args = excluded.node_args
RETURNING id
"""


class PostgreSQL(DataStorage):
    """The database and the table are made where missing.

    `connection_string` is what libpq takes, or SQLAlchemy's. `timeout` bounds connecting and every statement, in
    seconds. `encoding` and `echo` are taken for Selinon's sake, and have no effect.
    """

    thread_safe: ClassVar[bool] = True

    def __init__(
        self,
        connection_string: str,
        encoding: str = "utf-8",
        echo: bool = False,
        max_connections: int = 8,
        timeout: float = 10.0,
    ) -> None:
        # SQLAlchemy names its driver after a plus.
        plain = re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", connection_string)
        self._timeout = float(timeout)
        self._conninfo = _with_deadlines(plain, self._timeout)
        self._most = int(max_connections)
        self._pool: ConnectionPool[psycopg.Connection[Any]] | None = None

    def connect(self) -> None:
        # Not through the pool, which would only say that it got no connection in time.
        with _opened(self._conninfo) as connection, connection.transaction():
            connection.execute(_LOCK)
            for name, statement in _PARTS.items():
                # Looked for first: who may only read and write tables may not even say IF NOT EXISTS.
                if connection.execute("SELECT to_regclass(%s)", [name]).fetchone() == (None,):
                    connection.execute(statement.encode())
        self._pool = ConnectionPool(
            self._conninfo,
            min_size=0,
            max_size=self._most,
            timeout=self._timeout,
            # Statements are not prepared: poolers in front of a server do not keep them.
            kwargs={"autocommit": True, "prepare_threshold": None},
            configure=self._bound,
            open=True,
        )

    def is_connected(self) -> bool:
        return self._pool is not None

    def disconnect(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def retrieve(self, flow_name: str, task_name: str, task_id: str) -> Json:
        row = self._run("SELECT result FROM result WHERE task_id = %s", task_id)
        if row is None:
            raise FileNotFoundError(f"no record of {task_id}")
        return row[0]

    def store(self, node_args: Json, flow_name: str, task_name: str, task_id: str, result: Json) -> int:
        values = (Jsonb(result, dumps=jsontext.dumps), Jsonb(node_args, dumps=jsontext.dumps))
        row = self._run(_STORE, flow_name, task_name, task_id, *values)
        return int(row[0]) if row else 0

    def delete(self, flow_name: str, task_name: str, task_id: str) -> None:
        if self._run("DELETE FROM result WHERE task_id = %s RETURNING id", task_id) is None:
            raise FileNotFoundError(f"no record of {task_id}")

    def _bound(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(f"SET statement_timeout = {round(self._timeout * 1000)}".encode())

    def _run(self, statement: str, *values: Any) -> Any:
        """The first row."""
        if self._pool is None:
            raise ConnectionError("another thread has closed the connection")
        with self._pool.connection() as connection:
            return connection.execute(statement.encode(), values).fetchone()


def _with_deadlines(connection_string: str, seconds: float) -> str:
    """Bounds for connecting, and for a server that has gone without a word; what is given stays."""
    given = conninfo_to_dict(connection_string)
    wanted = {
        "connect_timeout": str(max(2, round(seconds))),  # libpq knows no shorter one
        "tcp_user_timeout": str(round(seconds * 1000)),
        "keepalives_idle": str(max(1, round(seconds))),
        "keepalives_interval": str(max(1, round(seconds / 3))),
        "keepalives_count": "3",
    }
    return make_conninfo(connection_string, **{key: value for key, value in wanted.items() if key not in given})


def _opened(conninfo: str) -> psycopg.Connection[Any]:
    """A connection to the database, which is made where the server has none of that name."""
    try:
        return psycopg.connect(conninfo)
    except psycopg.OperationalError as exc:
        name = conninfo_to_dict(conninfo).get("dbname")
        if not name or not _was_made(conninfo, str(name)):
            raise exc from None
    return psycopg.connect(conninfo)


def _was_made(conninfo: str, name: str) -> bool:
    try:
        with psycopg.connect(make_conninfo(conninfo, dbname="postgres"), autocommit=True) as server:
            if server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                return False
            with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):  # another was quicker
                server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            return True
    except psycopg.Error:
        return False  # the first error says more
