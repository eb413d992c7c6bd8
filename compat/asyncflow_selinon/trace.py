"""Selinon's trace events, and the functions of this process that are told of them.

What the dispatcher does is traced as `global: {trace: ...}` says in the YAML. Functions given here hear of what happens in
this process: the flows that it starts, the tasks that it runs as a worker, and whatever code of yours logs.
"""

from __future__ import annotations

import json
import logging
import platform
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from asyncflow.model.trace_events import WARNINGS, TraceEvent
from asyncflow_selinon.errors import GoneError

TraceFunction: TypeAlias = Callable[[int, Mapping[str, Any]], object]

_log = logging.getLogger(__name__)


class Tracer:
    """What is called `Trace` in Selinon. It has every event by its name: Trace.TASK_START."""

    WARN_EVENTS = tuple(sorted(WARNINGS))

    def __init__(self) -> None:
        self.functions: list[TraceFunction] = []

    def __getattr__(self, name: str) -> int:
        try:
            return TraceEvent[name]
        except KeyError:
            raise AttributeError(f"no trace event is named {name!r}") from None

    def event2str(self, event: int) -> str:
        return TraceEvent(event).name

    def trace_by_func(self, func: TraceFunction) -> None:
        self.functions.append(func)

    def trace_by_logging(self, logger: logging.Logger | None = None) -> None:
        self.functions.append(_Logging(logger or _log))

    def trace_by_json(self) -> None:
        """Warnings to stderr, the rest to stdout."""
        self.functions.append(_print)

    def trace_by_sentry(self, dsn: str | None = None) -> None:
        raise GoneError("Sentry is set up by `global: {trace: [{sentry: {dsn: ...}}]}` in the YAML")

    def log(self, event: int, *details: Mapping[str, Any], **more: Any) -> None:
        """Tell every function. One that raises is logged, and disturbs nobody."""
        told: dict[str, Any] = {}
        for each in details:
            told.update(each)
        told.update(more)
        for function in self.functions:
            try:
                function(event, told)
            except Exception:  # noqa: BLE001  (users' functions raise anything)
                _log.exception("the trace function %r failed", function)


class _Logging:
    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def __call__(self, event: int, details: Mapping[str, Any]) -> None:
        level = logging.WARNING if event in Tracer.WARN_EVENTS else logging.INFO
        if event == TraceEvent.DISPATCHER_FAILURE:
            level = logging.ERROR
        self._logger.log(
            level, "SELINON %10s - %s : %s", platform.node(), TraceEvent(event).name, _json(event, details)
        )


def _print(event: int, details: Mapping[str, Any]) -> None:
    stream = sys.stderr if event in Tracer.WARN_EVENTS else sys.stdout
    stream.write(f"{_json(event, details, node=platform.node())}\n")


def _json(event: int, details: Mapping[str, Any], **more: str) -> str:
    now = datetime.now(UTC).replace(tzinfo=None)
    return json.dumps({"event": TraceEvent(event).name, "time": str(now), "details": details, **more}, sort_keys=True)


Trace = Tracer()
"""One to a process: users' code finds it by this name."""


def tell(event: int, details: Mapping[str, Any]) -> None:
    """A trace function as the YAML names them; it stands for all those that were given in Python."""
    Trace.log(event, details)
