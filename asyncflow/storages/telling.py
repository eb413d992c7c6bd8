"""Tells trace functions what is done with one record of a storage."""

from __future__ import annotations

from dataclasses import dataclass

from asyncflow.model.flow import Task
from asyncflow.model.names import FlowName, Json, TaskId
from asyncflow.model.trace_events import Emit, TraceEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Without `emit` there is nobody to tell, and calling it does nothing."""

    emit: Emit | None
    storage: str
    task: Task
    flow: FlowName
    id: TaskId

    def __call__(self, event: TraceEvent, **more: Json) -> None:
        if self.emit is None:
            return
        record = {
            "flow_name": self.flow,
            "task_name": self.task.name,
            "task_id": self.id,
            "storage_name": self.storage,
            "storage_task_name": stored_as(self.task),
        }
        self.emit(event, {**record, **more})


def stored_as(task: Task) -> str:
    """The name under which a storage keeps a task's results."""
    return task.storage_task_name or task.name
