"""Results in a MongoDB collection: a document a task, with the task's id as `task_id`."""

from __future__ import annotations

from typing import Any, ClassVar

import pymongo
from pymongo.collection import Collection

from asyncflow.model.names import Json
from asyncflow.storages.interface import DataStorage

_MILLISECONDS = 1000


class MongoDB(DataStorage):
    """`host` is a name or a mongodb:// address; `timeout` bounds every call, in seconds."""

    thread_safe: ClassVar[bool] = True

    def __init__(
        self,
        db_name: str,
        collection_name: str,
        host: str = "localhost",
        port: int | str = 27017,
        timeout: float = 10.0,
    ) -> None:
        self._names = (db_name, collection_name)
        self._address = (host, int(port))
        self._wait = round(float(timeout) * _MILLISECONDS)
        self._client: pymongo.MongoClient[dict[str, Any]] | None = None

    def connect(self) -> None:
        host, port = self._address
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            host,
            port,
            serverSelectionTimeoutMS=self._wait,
            timeoutMS=self._wait,
        )
        try:
            # Not unique, for Selinon may have left two documents of one task.
            _collection(client, self._names).create_index("task_id")
        except BaseException:
            client.close()
            raise
        self._client = client

    def is_connected(self) -> bool:
        return self._client is not None

    def disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def retrieve(self, flow_name: str, task_name: str, task_id: str) -> Json:
        found = self._documents().find_one({"task_id": task_id}, {"_id": 0, "result": 1}, sort=[("_id", -1)])
        if found is None:
            raise FileNotFoundError(f"no record of {task_id}")
        return found.get("result")

    def store(self, node_args: Json, flow_name: str, task_name: str, task_id: str, result: Json) -> str:
        record = {
            "flow_name": flow_name,
            "node_args": node_args,
            "task_name": task_name,
            "task_id": task_id,
            "result": result,
        }
        self._documents().replace_one({"task_id": task_id}, record, upsert=True)
        return task_id

    def delete(self, flow_name: str, task_name: str, task_id: str) -> None:
        if not self._documents().delete_many({"task_id": task_id}).deleted_count:
            raise FileNotFoundError(f"no record of {task_id}")

    def _documents(self) -> Collection[dict[str, Any]]:
        if self._client is None:
            raise ConnectionError("another thread has closed the connection")
        return _collection(self._client, self._names)


def _collection(client: pymongo.MongoClient[dict[str, Any]], names: tuple[str, str]) -> Collection[dict[str, Any]]:
    database, collection = names
    return client[database][collection]
