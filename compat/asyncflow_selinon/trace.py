"""Selinon's trace events, and the functions of this process that are told of them.

What the dispatcher and the workers do is traced as `global: {trace: ...}` says in the YAML. Functions given here hear of
what this process logs through `Trace.log`: the flows that it starts, and whatever code of yours logs.
"""

from __future__ import annotations

import json
import logging
import platform
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, TypeAlias

from asyncflow_selinon.errors import GoneError

TraceFunction: TypeAlias = Callable[[int, Mapping[str, Any]], object]

Event = IntEnum(  # their order is their value
    "Event",
    """
    DISPATCHER_WAKEUP FLOW_SCHEDULE FLOW_START TASK_SCHEDULE TASK_START SUBFLOW_SCHEDULE TASK_END NODE_SUCCESSFUL
    TASK_DISCARD_RESULT TASK_FAILURE TASK_RETRY FLOW_FAILURE DISPATCHER_FAILURE NODE_FAILURE FALLBACK_START
    DISPATCHER_RETRY FLOW_END STORAGE_CONNECT STORAGE_DISCONNECT STORAGE_RETRIEVE STORAGE_RETRIEVED STORAGE_STORE
    STORAGE_STORED EDGE_COND_FALSE FOREACH_RESULT NODE_STATE_CACHE_GET NODE_STATE_CACHE_ADD NODE_STATE_CACHE_MISS
    NODE_STATE_CACHE_HIT TASK_RESULT_CACHE_GET TASK_RESULT_CACHE_ADD TASK_RESULT_CACHE_MISS TASK_RESULT_CACHE_HIT
    SELECTIVE_OMIT_EDGE SELECTIVE_OMIT_NODE SELECTIVE_RUN_FUNC SELECTIVE_TASK_REUSE STORAGE_STORE_ERROR
    STORAGE_OMIT_STORE_ERROR FALLBACK_COND_FALSE FALLBACK_COND_TRUE NODE_STATE_CACHE_ISSUE TASK_RESULT_CACHE_ISSUE
    STORAGE_ISSUE RESULT_BACKEND_ISSUE FLOW_RETRY MIGRATION MIGRATION_SKEW MIGRATION_TAINTED_FLOW MIGRATION_ERROR
    EAGER_FAILURE STORAGE_DELETE STORAGE_DELETED
    """,
    start=0,
)

_WARNINGS = (
    "NODE_FAILURE",
    "TASK_DISCARD_RESULT",
    "TASK_RETRY",
    "TASK_FAILURE",
    "FLOW_FAILURE",
    "STORAGE_OMIT_STORE_ERROR",
    "NODE_STATE_CACHE_ISSUE",
    "TASK_RESULT_CACHE_ISSUE",
    "STORAGE_ISSUE",
    "RESULT_BACKEND_ISSUE",
    "FLOW_RETRY",
    "MIGRATION_SKEW",
    "MIGRATION_ERROR",
    "EAGER_FAILURE",
)

_log = logging.getLogger(__name__)


class Tracer:
    """What is called `Trace` in Selinon. It has every event by its name: Trace.TASK_START."""

    WARN_EVENTS = tuple(Event[name] for name in _WARNINGS)

    def __init__(self) -> None:
        self.functions: list[TraceFunction] = []

    def __getattr__(self, name: str) -> int:
        try:
            return Event[name]
        except KeyError:
            raise AttributeError(f"no trace event is named {name!r}") from None

    def event2str(self, event: int) -> str:
        return Event(event).name

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
        if Event(event).name == "DISPATCHER_FAILURE":
            level = logging.ERROR
        self._logger.log(level, "SELINON %10s - %s : %s", platform.node(), Event(event).name, _json(event, details))


def _print(event: int, details: Mapping[str, Any]) -> None:
    stream = sys.stderr if event in Tracer.WARN_EVENTS else sys.stdout
    stream.write(f"{_json(event, details, node=platform.node())}\n")


def _json(event: int, details: Mapping[str, Any], **more: str) -> str:
    now = datetime.now(UTC).replace(tzinfo=None)
    return json.dumps({"event": Event(event).name, "time": str(now), "details": details, **more}, sort_keys=True)


Trace = Tracer()
"""One to a process: users' code finds it by this name."""
