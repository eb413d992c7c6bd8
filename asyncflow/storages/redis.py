"""Results in Redis: the key is the task's id, the value a JSON record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from asyncflow.model import jsontext
from asyncflow.model.names import Json
from asyncflow.storages.interface import DataStorage


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """Selinon's keys, and `username`, `ssl` and `expires`, which is in seconds."""

    host: str = "localhost"
    port: int | str = 6379
    db: int | str = 0
    username: str | None = None
    password: str | None = None
    socket_timeout: float = 10.0
    connection_pool: Any = None
    unix_socket_path: str | None = None
    ssl: bool = False
    expires: int | None = None
    charset: str = "utf-8"
    errors: str = "strict"


class Redis(DataStorage):
    """`charset` and `errors` have no effect: the text is always JSON in UTF-8."""

    thread_safe: ClassVar[bool] = True

    def __init__(self, **settings: Any) -> None:
        self._settings = _Settings(**settings)
        self._client: redis.Redis | None = None

    def connect(self) -> None:
        given = self._settings
        if given.connection_pool is not None:
            client = redis.Redis(connection_pool=given.connection_pool)
        else:
            client = redis.Redis(
                host=given.host,
                port=int(given.port),
                db=int(given.db),
                username=given.username,
                password=given.password,
                socket_timeout=given.socket_timeout,
                socket_connect_timeout=given.socket_timeout,
                unix_socket_path=given.unix_socket_path,
                ssl=given.ssl,
                retry=Retry(NoBackoff(), 0),  # how to go on after a failure is the caller's matter
            )
        self._client = client

    def is_connected(self) -> bool:
        return self._client is not None

    def disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def retrieve(self, flow_name: str, task_name: str, task_id: str) -> Json:
        found: Any = self._connected().get(task_id)
        if found is None:
            raise FileNotFoundError(f"no record of {task_id}")
        return json.loads(found)["result"]

    def store(self, node_args: Json, flow_name: str, task_name: str, task_id: str, result: Json) -> str:
        record = {
            "node_args": node_args,
            "flow_name": flow_name,
            "task_name": task_name,
            "task_id": task_id,
            "result": result,
        }
        self._connected().set(task_id, jsontext.dumps(record), ex=self._settings.expires)
        return task_id

    def delete(self, flow_name: str, task_name: str, task_id: str) -> None:
        if not self._connected().delete(task_id):
            raise FileNotFoundError(f"no record of {task_id}")

    def _connected(self) -> redis.Redis:
        if self._client is None:
            raise ConnectionError("another thread has closed the connection")
        return self._client
