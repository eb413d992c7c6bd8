"""The names of what is traced. A number is an event's place in this list: trace functions get it, so none may move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from asyncflow.model.names import Json


class TraceEvent(IntEnum):
    DISPATCHER_WAKEUP = 0
    FLOW_SCHEDULE = 1
    FLOW_START = 2
    TASK_SCHEDULE = 3
    TASK_START = 4
    SUBFLOW_SCHEDULE = 5
    TASK_END = 6
    NODE_SUCCESSFUL = 7
    TASK_DISCARD_RESULT = 8
    TASK_FAILURE = 9
    TASK_RETRY = 10
    FLOW_FAILURE = 11
    DISPATCHER_FAILURE = 12
    NODE_FAILURE = 13
    FALLBACK_START = 14
    DISPATCHER_RETRY = 15
    FLOW_END = 16
    STORAGE_CONNECT = 17
    STORAGE_DISCONNECT = 18
    STORAGE_RETRIEVE = 19
    STORAGE_RETRIEVED = 20
    STORAGE_STORE = 21
    STORAGE_STORED = 22
    EDGE_COND_FALSE = 23
    FOREACH_RESULT = 24
    NODE_STATE_CACHE_GET = 25
    NODE_STATE_CACHE_ADD = 26
    NODE_STATE_CACHE_MISS = 27
    NODE_STATE_CACHE_HIT = 28
    TASK_RESULT_CACHE_GET = 29
    TASK_RESULT_CACHE_ADD = 30
    TASK_RESULT_CACHE_MISS = 31
    TASK_RESULT_CACHE_HIT = 32
    SELECTIVE_OMIT_EDGE = 33
    SELECTIVE_OMIT_NODE = 34
    SELECTIVE_RUN_FUNC = 35
    SELECTIVE_TASK_REUSE = 36
    STORAGE_STORE_ERROR = 37
    STORAGE_OMIT_STORE_ERROR = 38
    FALLBACK_COND_FALSE = 39
    FALLBACK_COND_TRUE = 40
    NODE_STATE_CACHE_ISSUE = 41
    TASK_RESULT_CACHE_ISSUE = 42
    STORAGE_ISSUE = 43
    RESULT_BACKEND_ISSUE = 44
    FLOW_RETRY = 45
    MIGRATION = 46
    MIGRATION_SKEW = 47
    MIGRATION_TAINTED_FLOW = 48
    MIGRATION_ERROR = 49
    EAGER_FAILURE = 50
    STORAGE_DELETE = 51
    STORAGE_DELETED = 52
    WAIT_START = 53
    DELAY_START = 54
    SIGNAL_KEPT = 55
    SIGNAL_PASSED = 56
    SIGNAL_TAKEN = 57


WARNINGS = frozenset(
    {
        TraceEvent.NODE_FAILURE,
        TraceEvent.TASK_DISCARD_RESULT,
        TraceEvent.TASK_RETRY,
        TraceEvent.TASK_FAILURE,
        TraceEvent.FLOW_FAILURE,
        TraceEvent.STORAGE_OMIT_STORE_ERROR,
        TraceEvent.NODE_STATE_CACHE_ISSUE,
        TraceEvent.TASK_RESULT_CACHE_ISSUE,
        TraceEvent.STORAGE_ISSUE,
        TraceEvent.RESULT_BACKEND_ISSUE,
        TraceEvent.FLOW_RETRY,
        TraceEvent.MIGRATION_SKEW,
        TraceEvent.MIGRATION_ERROR,
        TraceEvent.EAGER_FAILURE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """Something that happened, `at` seconds since the epoch."""

    event: TraceEvent
    at: float
    details: Mapping[str, Json]

    @property
    def name(self) -> str:
        return self.event.name


Emit: TypeAlias = Callable[[TraceEvent, Mapping[str, Json]], None]
"""Tells of something that happens now. Returns at once, and raises nothing."""

EmitLater: TypeAlias = Callable[[int, Callable[[], Sequence[Traced]]], None]
"""Tells of what a call will make, some other time and in some other thread; the number says how large that may be."""
