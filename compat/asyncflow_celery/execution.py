"""Runs one flow task on a worker: finds its class, makes it, runs it, stores what it returns."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
import orjson

from asyncflow.errors import INLINE_LIMIT, ResultTooLargeError
from asyncflow.model import jsontext
from asyncflow.model.flow import Task
from asyncflow.model.names import FlowName, Json, TaskId
from asyncflow.model.trace_events import TraceEvent
from asyncflow.storages.opening import error_details
from asyncflow_celery.flow_task import FlowTask, Place, RetryRequested
from asyncflow_celery.tracing import TaskTelling

_log = logging.getLogger(__name__)


class ValidationError(Exception):
    """A task returned what its `output_schema` does not allow."""


def run(place: Place, call: Mapping[str, Json], id: str) -> Json:
    """Run the task that a message calls for, and return what the dispatcher is to keep of its result.

    Raises whatever the task raises.
    """
    task = place.declared.task(call["task_name"])
    tell = TaskTelling(emit=place.declared.emit, task=task, call=call, id=id)
    tell(TraceEvent.TASK_START)
    try:
        result = _result(task, place, call, id)
        if task.storage is not None:
            storage = place.declared.storages.of(task)
            storage.store(task, FlowName(call["flow_name"]), TaskId(id), call["node_args"], result)
            if task.storage_readonly:
                tell.discarded(result)
            result = None
        else:
            _refuse_large(result)
    except RetryRequested as exc:
        what = traceback.format_exc()
        tell.retried(what=what, countdown=exc.countdown, retried=place.attempt - 1, by_user=True)
        raise
    except Exception:
        _keep_error(task, place, call, id)
        raise
    tell(TraceEvent.TASK_END, storage=task.storage)
    return result


def _result(task: Task, place: Place, call: Mapping[str, Json], id: str) -> Json:
    made = _make(_class_of(task), call, id)
    if isinstance(made, FlowTask):
        made._place = place  # noqa: SLF001  (beside the constructor, which subclasses may have overridden)
    result = made.run(call["node_args"])
    if inspect.iscoroutine(result):
        result = asyncio.run(result)
    _validate(task, result)
    return result


def _keep_error(task: Task, place: Place, call: Mapping[str, Json], id: str) -> None:
    """Let the task's storage keep why this attempt failed, if it can: whether it does changes nothing."""
    if task.storage is None or task.storage_readonly:
        return
    kind, raised, trace = sys.exc_info()
    assert kind is not None
    assert raised is not None
    try:
        storage = place.declared.storages.of(task)
        storage.store_error(task, FlowName(call["flow_name"]), TaskId(id), call["node_args"], (kind, raised, trace))
    except NotImplementedError:
        if place.declared.emit is not None:
            told = {name: call[name] for name in ("flow_name", "node_args", "task_name")}
            details = {**told, "task_id": id, **error_details((kind, raised, trace))}
            place.declared.emit(TraceEvent.STORAGE_OMIT_STORE_ERROR, details)
    except Exception as exc:  # noqa: BLE001  (what the task raised is what counts)
        _log.warning("storage.store_error_failed storage=%s task=%s reason=%s", task.storage, task.name, exc)


def _refuse_large(result: Json) -> None:
    """Here, so that it never travels. Results that are more than JSON are left to Celery."""
    with suppress(TypeError):
        size = len(jsontext.dumps(result))
        if size > INLINE_LIMIT:
            raise ResultTooLargeError(size)


def _class_of(task: Task) -> Any:
    return getattr(importlib.import_module(task.module), task.classname or task.name)


def _make(kind: Any, call: Mapping[str, Json], id: str) -> Any:
    """Make the object with Selinon's arguments where its constructor takes them, else with none."""
    arguments = {name: call[name] for name in ("flow_name", "task_name", "parent", "dispatcher_id")}
    arguments["task_id"] = id
    try:
        inspect.signature(kind).bind(**arguments)
    except (TypeError, ValueError):
        return kind()
    return kind(**arguments)


def _validate(task: Task, result: Json) -> None:
    if task.output_schema is None:
        return
    try:
        _validator(task.output_schema)(result)
    except fastjsonschema.JsonSchemaValueException as exc:
        raise ValidationError(f"the result does not fit {task.output_schema}: {exc.message}") from exc


@cache
def _validator(path: str) -> Callable[[Json], Any]:
    """Relative to the worker's working directory, as under Selinon."""
    validate: Callable[[Json], Any] = fastjsonschema.compile(orjson.loads(Path(path).read_bytes()))
    return validate
