"""What can be done with a trace event. Each sink is called in a thread of its own, one event after the other."""

from __future__ import annotations

import importlib
import json
import logging
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TextIO

from asyncflow.model.names import Json
from asyncflow.model.trace_events import WARNINGS, Traced, TraceEvent

_log = logging.getLogger("asyncflow.trace")


class FunctionSink:
    """Calls f(event, details), imported with the first event."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def __call__(self, traced: Traced) -> None:
        self._function(int(traced.event), dict(traced.details))

    @cached_property
    def _function(self) -> Callable[[int, dict[str, Json]], Any]:
        found: Callable[[int, dict[str, Json]], Any] = getattr(importlib.import_module(self._module), self._name)
        return found


class StorageSink:
    """Calls a method of a storage's class with (event, details); `call` knows the storage, and connects it."""

    def __init__(self, call: Callable[..., Any], method: str) -> None:
        self._call = call
        self._method = method

    def __call__(self, traced: Traced) -> None:
        self._call(self._method, int(traced.event), dict(traced.details))


def log_line(traced: Traced) -> None:
    """Selinon's line word for word, so that what reads its logs goes on to work."""
    level = logging.WARNING if traced.event in WARNINGS else logging.INFO
    if traced.event is TraceEvent.DISPATCHER_FAILURE:
        level = logging.ERROR
    if _log.isEnabledFor(level):
        _log.log(level, "SELINON %10s - %s : %s", platform.node(), traced.event.name, _as_json(traced))


class JsonSink:
    """One line of JSON an event: warnings to `errors`, the rest to `output`.

    By default those that the process was started with: a Celery worker puts its log in the place of sys.stdout.
    """

    def __init__(self, output: TextIO | None = None, errors: TextIO | None = None) -> None:
        self._output = output
        self._errors = errors

    def __call__(self, traced: Traced) -> None:
        is_warning = traced.event in WARNINGS or traced.event is TraceEvent.DISPATCHER_FAILURE
        given, own = (self._errors, sys.__stderr__) if is_warning else (self._output, sys.__stdout__)
        stream = given or own
        if stream is not None:
            stream.write(f"{_as_json(traced, node=platform.node())}\n")
            stream.flush()


def _as_json(traced: Traced, **more: str) -> str:
    when = datetime.fromtimestamp(traced.at, UTC).replace(tzinfo=None)
    told = {"event": traced.event.name, "time": str(when), "details": traced.details, **more}
    return json.dumps(told, sort_keys=True, default=repr)
