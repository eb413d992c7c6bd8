"""Why attempts failed, from the events of workers: they tell it in words, where no result backend brings it.

Only failures and revocations: what an event says of a result is cut short. An exception comes as its repr, with a
traceback, whose last lines name its module and its message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from asyncflow.model.events import Blame
from asyncflow.model.names import Json, TaskId
from asyncflow.model.run import TaskError
from asyncflow.ports import Completion, Progress
from asyncflow_celery.completions import blame_of, module_of

_REPR = re.compile(r"(?P<type>\w+)\((?P<rest>.*)\)", re.DOTALL)
_RAISED = re.compile(r"(?P<module>(?:\w+\.)*)(?P<type>\w+)(?:: (?P<message>.*))?")
_WRAPPED = "ExceptionWithTraceback()"
"""The repr of billiard's wrapper, which Celery 5.7 sends for a hard time limit: it says nothing of what it wraps."""


def completion_of(event: Mapping[str, Json]) -> Completion | None:
    """How an attempt has ended, by an event; None for one that does not tell."""
    id = event.get("uuid")
    if not isinstance(id, str) or id == "":
        return None
    worker = str(event.get("hostname", ""))
    match event.get("type"):
        case "task-failed":
            error = error_of(event.get("exception"), event.get("traceback"))
            return Completion(
                id=TaskId(id), progress=Progress.FAILED, error=error, blame=blame_of(error), worker=worker
            )
        case "task-revoked":
            how = "expired" if event.get("expired") else "terminated" if event.get("terminated") else "revoked"
            error = TaskError(type="TaskRevokedError", message=how, module="celery.exceptions")
            return Completion(id=TaskId(id), progress=Progress.FAILED, error=error, blame=Blame.REVOKED, worker=worker)
    return None


def error_of(exception: Json, traceback: Json) -> TaskError:
    """An exception from its repr and its traceback; of the two, what is there."""
    told = _readable(exception)
    told = "" if told == _WRAPPED else told
    trace = _readable(traceback)
    found = _REPR.fullmatch(told)
    wanted = None if found is None else found["type"]
    raised = _raised(trace, wanted)
    if raised is not None:
        return TaskError(type=raised[1], message=raised[2], module=raised[0] or "builtins", traceback=trace)
    if found is not None:
        message = found["rest"].strip("'\"")
        return TaskError(type=found["type"], message=message, module=module_of(found["type"]), traceback=trace)
    return TaskError(type="Exception", message=told, traceback=trace)


def _raised(trace: str, wanted: str | None) -> tuple[str, str, str] | None:
    """Module, type and message by the last line that names the exception, and what follows it."""
    lines = trace.rstrip().split("\n")
    for number in range(len(lines) - 1, 0, -1):
        found = _RAISED.fullmatch(lines[number])
        # What comes after the stack, or what the repr says.
        if found is not None and (found["type"] == wanted or (wanted is None and lines[number - 1].startswith("  "))):
            message = "\n".join([found["message"] or "", *lines[number + 1 :]]).rstrip()
            return found["module"].rstrip("."), found["type"], message
    return None


def _readable(text: Json) -> str:
    return text.encode("utf-8", "backslashreplace").decode() if isinstance(text, str) else ""
