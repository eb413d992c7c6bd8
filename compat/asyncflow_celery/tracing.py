"""Trace events of workers: what is told of a task while it runs, and to whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from asyncflow.adapters.tracing import Tracer, open_tracer
from asyncflow.model.flow import Configuration, Task
from asyncflow.model.names import Json
from asyncflow.model.trace_events import Emit, TraceEvent
from asyncflow.storages import OpenStorages


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTelling:
    """Tells of one attempt at a task. Without `emit` there is nobody to tell, and calling it does nothing."""

    emit: Emit | None
    task: Task
    call: Mapping[str, Json]
    """The arguments of the envelope."""
    id: str

    def __call__(self, event: TraceEvent, **more: Json) -> None:
        if self.emit is None:
            return
        attempt = {name: self.call.get(name) for name in ("flow_name", "parent", "dispatcher_id", "node_args")}
        self.emit(event, {**attempt, "task_name": self.task.name, "task_id": self.id, "queue": self.task.queue, **more})

    def retried(self, *, what: str, countdown: float, retried: int, by_user: bool) -> None:
        """This worker, and not the dispatcher, has decided that the task runs again."""
        self(
            TraceEvent.TASK_RETRY,
            what=what,
            retry_countdown=countdown,
            retried_count=retried,
            user_retry=by_user,
            max_retry=self.task.retries.most,
        )

    def discarded(self, result: Json) -> None:
        """Nothing keeps what the task returned."""
        if result is not None:
            self(TraceEvent.TASK_DISCARD_RESULT, result=result)


def open_tracing(configuration: Configuration, environ: Mapping[str, str]) -> Tracer | None:
    """The tracer of a configuration. Its storages are opened apart: what tracing does to them is not traced."""
    storages = OpenStorages(configuration.storages, environ=environ)

    def caller(storage: str) -> Callable[..., Any]:
        return storages.named(storage).call

    return open_tracer(configuration.traces, caller)
