"""Task results in their storages."""

from __future__ import annotations

from typing import Protocol

from asyncflow.model.flow import Task
from asyncflow.model.names import FlowName, Json, TaskId


class Results(Protocol):
    """Task results in their storages. Methods raise StorageError where waiting may help."""

    async def retrieve(self, flow: FlowName, task: Task, id: TaskId) -> Json: ...

    async def store(self, flow: FlowName, task: Task, id: TaskId, node_args: Json, result: Json) -> None: ...
