"""A storage's cache as the storage uses it: whatever the cache does wrong, results come all the same."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from asyncflow.errors import CacheMissError
from asyncflow.model.names import FlowName, Json, TaskId
from asyncflow.model.trace_events import TraceEvent
from asyncflow.storages.telling import Telling

_log = logging.getLogger(__name__)


class QuietCache:
    """Around a cache of asyncflow.storages.caches, or one of the user's; None stands for no cache."""

    def __init__(self, storage: str, cache: Any) -> None:
        self._storage = storage
        self._cache = cache

    def get(self, id: TaskId, task_name: str, flow: FlowName, tell: Telling) -> tuple[bool, Json]:
        """Whether the cache has the result, and the result."""
        if self._cache is None:
            return False, None
        tell(TraceEvent.TASK_RESULT_CACHE_GET)
        found, result = self._tried(lambda: self._cache.get(id, task_name=task_name, flow_name=flow), tell)
        if found:
            tell(TraceEvent.TASK_RESULT_CACHE_HIT)
        return found, result

    def add(self, id: TaskId, result: Json, task_name: str, flow: FlowName, tell: Telling) -> None:
        if self._cache is None:
            return
        added, _ = self._tried(lambda: self._cache.add(id, result, task_name=task_name, flow_name=flow), tell)
        if added:
            tell(TraceEvent.TASK_RESULT_CACHE_ADD)

    def discard(self, id: TaskId, tell: Telling) -> None:
        if hasattr(self._cache, "discard"):
            self._tried(lambda: self._cache.discard(id), tell)

    def _tried(self, call: Callable[[], Any], tell: Telling) -> tuple[bool, Any]:
        try:
            return True, call()
        except Exception as exc:  # noqa: BLE001  (a cache of the user's may raise anything)
            what = f"{type(exc).__name__}: {exc}"
            if _is_miss(exc):
                tell(TraceEvent.TASK_RESULT_CACHE_MISS, what=what)
            else:
                _log.warning("cache of storage %r failed: %s", self._storage, what)
                tell(TraceEvent.TASK_RESULT_CACHE_ISSUE, what=what)
            return False, None


def _is_miss(exc: Exception) -> bool:
    """Selinon has a class of that name too."""
    return isinstance(exc, CacheMissError) or type(exc).__name__ == "CacheMissError"
