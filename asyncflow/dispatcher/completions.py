"""What a worker's report means for the run: the event it becomes, and what must happen to its result first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import fastjsonschema

from asyncflow.errors import ResultTooLargeError
from asyncflow.model import jsontext
from asyncflow.model.events import AttemptFailed, AttemptSucceeded, Blame
from asyncflow.model.flow import Task, TaskKind
from asyncflow.model.names import Json, NodeName, RunId
from asyncflow.model.run import TaskError, Whereabouts
from asyncflow.ports import Completion, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The event, and the result to be kept: inline as JSON, or `to_store` in the task's storage."""

    event: AttemptSucceeded | AttemptFailed
    inline: bytes | None = None
    to_store: bool = False


class Judge:
    """Validates results against schemas and limits, and says what the dispatcher keeps of them."""

    def __init__(self, *, inline_limit: int) -> None:
        self._inline_limit = inline_limit
        self._validators: dict[NodeName, Callable[[Json], Any]] = {}

    def judge(
        self, completion: Completion, task: Task, run_id: RunId, at: float, where: Whereabouts | None = None
    ) -> Judged:
        """The meaning of a final report of an attempt at `task`, which was there when it ended."""

        def failed(error: TaskError, blame: Blame = Blame.TASK) -> Judged:
            event = AttemptFailed(at=at, run_id=run_id, id=completion.id, error=error, blame=blame, where=where)
            return Judged(event=event)

        if completion.progress is Progress.FAILED:
            error = completion.error or TaskError(type="UnknownError", message="the worker gave no reason")
            return failed(error, completion.blame)
        error_found = self._fault(completion.result, task)
        if error_found is not None:
            return failed(error_found)
        succeeded = AttemptSucceeded(at=at, run_id=run_id, id=completion.id, where=where)
        if task.storage is not None:
            # A flow task has stored its result on the worker, and returned nothing.
            to_store = task.kind is TaskKind.CELERY and not task.storage_readonly
            return Judged(event=succeeded, to_store=to_store)
        inline = jsontext.dumps(completion.result)
        if len(inline) > self._inline_limit:
            return failed(self._too_large(inline))
        return Judged(event=succeeded, inline=inline)

    def _fault(self, result: Json, task: Task) -> TaskError | None:
        if task.schema is None or task.kind is not TaskKind.CELERY:
            return None
        validate = self._validators.get(task.name)
        if validate is None:
            validate = self._validators[task.name] = fastjsonschema.compile(task.schema)
        try:
            validate(result)
        except fastjsonschema.JsonSchemaValueException as exc:
            message = f"the result does not fit {task.output_schema}: {exc.message}"
            return TaskError(type="ValidationError", message=message, module="asyncflow")
        return None

    def _too_large(self, inline: bytes) -> TaskError:
        error = ResultTooLargeError(len(inline), self._inline_limit)
        return TaskError(type=type(error).__name__, message=str(error), module="asyncflow.errors")


def is_final(completion: Completion) -> bool:
    return completion.progress in (Progress.SUCCEEDED, Progress.FAILED)


def failed_to_keep(judged: Judged, at: float, why: str) -> AttemptFailed:
    """The task ran, but its result could not be kept."""
    ended = judged.event
    error = TaskError(type="StorageError", message=why, module="asyncflow.errors")
    return AttemptFailed(
        at=at, run_id=ended.run_id, id=ended.id, error=error, blame=Blame.INFRASTRUCTURE, where=ended.where
    )
