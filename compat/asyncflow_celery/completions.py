"""What workers report, from bytes to `Completion`: results over rpc, and the callbacks `link` and `link_error`.

Nothing that came in is ever turned into an object or an exception class: JSON in, plain values out.
kombu's typed values, {"__type__": ..., "__value__": ...}, stay the objects that they are as JSON.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping

from asyncflow.errors import EnvelopeError, ResultTooLargeError
from asyncflow.model.events import Blame
from asyncflow.model.names import Json, TaskId
from asyncflow.model.run import HowFar, TaskError
from asyncflow.ports import Completion, Delivery, Progress
from asyncflow_celery.content import loads

SUCCEEDED = "asyncflow.succeeded"
FAILED = "asyncflow.failed"
ATTEMPT_HEADER = "asyncflow_attempt"

_SUCCESS = b'"status": "SUCCESS"'
_HEAD = 300
"""Bytes in which the state stands: before the result."""
_LONGEST_TEXT = 500
_LARGEST_AMOUNT = 1e15
"""NaN and the infinities are no amounts either."""

_INFRASTRUCTURE = frozenset(
    {
        ("billiard", "WorkerLostError"),
        ("billiard", "TimeLimitExceeded"),
        ("celery", "WorkerLostError"),
        ("celery", "NotRegistered"),
        ("celery", "BackendStoreError"),
        ("kombu", "OperationalError"),
    }
)
"""Failures that are not the task's own, by the package and name of the exception."""

_STATES = {
    "STARTED": Progress.STARTED,
    "RETRY": Progress.RETRYING,
    "SUCCESS": Progress.SUCCEEDED,
    "FAILURE": Progress.FAILED,
    "REVOKED": Progress.FAILED,
}


def decode(delivery: Delivery, *, largest: int) -> Completion:
    """Read a report. Raises EnvelopeError for anything else."""
    task = delivery.headers.get("task")
    if len(delivery.body) > largest and (task == SUCCEEDED or _SUCCESS in delivery.body[:_HEAD]):
        return _too_large(delivery, largest)
    content = _parse(_body_of(delivery, largest))
    if task is None:
        return _result(content, delivery.correlation_id)
    if task == SUCCEEDED:
        return Completion(id=_callback_id(delivery), progress=Progress.SUCCEEDED, result=_first_argument(content))
    if task == FAILED:
        return _failed_without_reason(_callback_id(delivery), _first_argument(content))
    raise EnvelopeError(f"a call of the task {task!r} is no report of a worker")


def _too_large(delivery: Delivery, largest: int) -> Completion:
    """A success whose result is not even looked at: which attempt it is stands beside the body."""
    id = delivery.headers.get(ATTEMPT_HEADER, delivery.correlation_id)
    if not isinstance(id, str) or id == "":
        raise EnvelopeError(f"the body has {len(delivery.body)} bytes; the most is {largest}")
    message = (
        f"the result takes {len(delivery.body)} bytes, more than the {largest} that a report may have; "
        "make it a flow task with a `storage`, which its worker fills itself"
    )
    error = TaskError(type=ResultTooLargeError.__name__, message=message, module="asyncflow.errors")
    return Completion(id=TaskId(id), progress=Progress.FAILED, error=error)


def _body_of(delivery: Delivery, largest: int) -> bytes:
    if delivery.content_type != "application/json":
        raise EnvelopeError(f"the content type is {delivery.content_type!r}, not application/json")
    if delivery.content_encoding.lower() not in ("utf-8", ""):
        raise EnvelopeError(f"the content encoding is {delivery.content_encoding!r}, not utf-8")
    if len(delivery.body) > largest:
        raise EnvelopeError(f"the body has {len(delivery.body)} bytes; the most is {largest}")
    compression = delivery.headers.get("compression")
    if compression is None:
        return delivery.body
    if compression != "application/x-gzip":
        raise EnvelopeError(f"the body is compressed as {compression!r}; only zlib is read")
    return _inflated(delivery.body, largest)


def _inflated(body: bytes, largest: int) -> bytes:
    inflate = zlib.decompressobj()
    try:
        plain = inflate.decompress(body, largest)
    except zlib.error as exc:
        raise EnvelopeError(f"the compressed body cannot be read: {exc}") from exc
    if not inflate.eof:
        raise EnvelopeError(f"the compressed body is cut short, or holds more than {largest} bytes")
    return plain


def _parse(body: bytes) -> Json:
    try:
        return loads(body)
    except ValueError as exc:
        raise EnvelopeError(f"the body cannot be read as JSON: {exc}") from exc


# --- Results over rpc -------------------------------------------------------------------------------------------------


def _result(content: Json, correlation_id: str) -> Completion:
    if not isinstance(content, dict) or not isinstance(content.get("status"), str):
        raise EnvelopeError("the body is neither a task's result nor a callback")
    id = content.get("task_id")
    if not isinstance(id, str) or id == "":
        raise EnvelopeError("the result names no task")
    if correlation_id not in ("", id):
        raise EnvelopeError(f"the result of task {id!r} came with the correlation id {correlation_id!r}")
    return _with_progress(TaskId(id), content)


def _with_progress(id: TaskId, content: Mapping[str, Json]) -> Completion:
    status, result = content["status"], content.get("result")
    worker = content["worker"] if isinstance(content.get("worker"), str) else ""
    match progress := _STATES.get(status, Progress.PROGRESSING):
        case Progress.SUCCEEDED:
            return Completion(id=id, progress=progress, result=result, worker=worker)
        case Progress.FAILED:
            error = _error(result, content.get("traceback"))
            blame = Blame.REVOKED if status == "REVOKED" else blame_of(error)
            return Completion(id=id, progress=progress, error=error, blame=blame, worker=worker)
        case Progress.RETRYING:
            error = _error(result, content.get("traceback"))
            return Completion(id=id, progress=progress, error=error, worker=worker)
        case Progress.STARTED:
            host = result.get("hostname") if isinstance(result, dict) else None
            return Completion(id=id, progress=progress, worker=host if isinstance(host, str) else worker)
    # Any other state is the task's own, from `update_state`, and goes with what the task says of itself.
    return Completion(id=id, progress=progress, worker=worker, how_far=_how_far(status, result))


def _how_far(state: str, told: Json) -> HowFar:
    """Our members are `done`, `total` and `text`; Celery's own examples have `current` and `status`."""
    meta = told if isinstance(told, dict) else {"text": told}
    texts = (meta.get(name) for name in ("text", "status", "message"))
    text = next((text for text in texts if isinstance(text, str) and text), "" if state == "PROGRESS" else state)
    return HowFar(
        done=_amount(meta.get("done", meta.get("current"))),
        total=_amount(meta.get("total")),
        text=_text(text[:_LONGEST_TEXT]),
    )


def _amount(value: Json) -> float | None:
    return value if type(value) in (int, float) and abs(value) < _LARGEST_AMOUNT else None


def _error(result: Json, traceback: Json) -> TaskError:
    """An exception as the worker described it; of no description, what there is."""
    told = _text(traceback) if isinstance(traceback, str) else ""
    if not isinstance(result, dict) or not isinstance(result.get("exc_type"), str):
        return TaskError(type="Exception", message=_text(result), traceback=told)
    result = _unwrapped(result)
    module = result.get("exc_module")
    return TaskError(
        type=_text(result["exc_type"]),
        message=_message(result.get("exc_message")),
        module=_text(module) if isinstance(module, str) else "",
        traceback=told,
    )


def _unwrapped(result: Mapping[str, Json]) -> Mapping[str, Json]:
    """The exception itself where Celery sends a stand-in, because pickle could not make it again from its arguments."""
    match result:
        case {"exc_type": "UnpickleableExceptionWrapper", "exc_message": [str(module), str(name), arguments, _]}:
            return {"exc_type": name, "exc_message": arguments, "exc_module": module}
    return result


def _message(arguments: Json) -> str:
    """An exception's arguments as one line: Celery sends a list of them, older workers a text."""
    if isinstance(arguments, list):
        return ", ".join(map(_text, arguments))
    return _text(arguments)


def _text(value: Json) -> str:
    if value is None:
        return ""
    told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return told.encode("utf-8", "backslashreplace").decode()


def blame_of(error: TaskError) -> Blame:
    """Whose doing a failure is."""
    package = error.module.partition(".")[0]
    if package == "amqp" or (package, error.type) in _INFRASTRUCTURE:
        return Blame.INFRASTRUCTURE
    return Blame.TASK


def module_of(type: str) -> str:
    """Of an exception that Celery itself makes; empty for any other."""
    return next((f"{package}.exceptions" for package, name in sorted(_INFRASTRUCTURE) if name == type), "")


# --- Callbacks --------------------------------------------------------------------------------------------------------


def _callback_id(delivery: Delivery) -> TaskId:
    id = delivery.headers.get(ATTEMPT_HEADER)
    if not isinstance(id, str) or id == "":
        raise EnvelopeError(f"the callback has no header {ATTEMPT_HEADER!r}, so it tells of no attempt")
    return TaskId(id)


def _first_argument(content: Json) -> Json:
    match content:
        case [[first, *_], dict(), *_]:
            return first
    raise EnvelopeError("the callback's body is not a call with one argument")


def _failed_without_reason(id: TaskId, told: Json) -> Completion:
    if told != id:
        raise EnvelopeError(f"the failure callback of task {id!r} tells of {told!r}")
    message = "the worker reported a failure, and neither a reply nor an event brought the reason"
    return Completion(
        id=id, progress=Progress.FAILED, error=TaskError(type="TaskFailed", message=message), conclusive=False
    )
