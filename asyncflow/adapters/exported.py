"""The lines of an export: JSON that any program can read, the same from every store.

The first line is {"kind": "export", "form": 1}. Then, for each run, one line of kind "run", its lines of kind "entry"
(the journal) and its lines of kind "attempt". Times are seconds since the epoch.
"""

from __future__ import annotations

import base64
from typing import Any

from asyncflow.adapters.rows import Row, to_header
from asyncflow.model import jsontext
from asyncflow.model.names import Json, RunId
from asyncflow.ports import RunHeader

EXPORTED_ATTEMPT = "run_id, task_id, task, due, published, verdict, ended_at, envelope, body, result"
"""The columns that `attempt_line` takes, in order."""


def first_line() -> bytes:
    return _line("export", form=1)


def run_line(row: Row) -> bytes:
    """From `HEADER_COLUMNS` and the version."""
    *header, version = row
    return header_line(to_header(tuple(header)), version)


def header_line(header: RunHeader, version: int) -> bytes:
    return _line("run", **{name: getattr(header, name) for name in RunHeader.__slots__}, version=version)


def entry_line(run_id: RunId, version: int, at: float, facts: bytes) -> bytes:
    return _line("entry", run_id=run_id, version=version, at=at, facts=jsontext.loads(facts))


def attempt_line(row: Row) -> bytes:
    run_id, task_id, task, due, published, verdict, ended_at, envelope, body, result = row
    members: dict[str, Json] = {"run_id": run_id, "id": task_id, "task": task, "due": due, "published_at": published}
    if verdict is not None:
        members |= {"verdict": verdict, "ended_at": ended_at}
    if envelope is not None:
        members["message"] = {**jsontext.loads(envelope), **_body(bytes(body))}
    if result is not None:
        members["result"] = jsontext.loads(bytes(result))
    return _line("attempt", **members)


def _body(body: bytes) -> dict[str, str]:
    """As text where it is text, as that of every task is."""
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


def _line(kind: str, **members: Any) -> bytes:
    return jsontext.dumps({"kind": kind, **members}).strip() + b"\n"
