"""What is counted of the server itself, for Prometheus, where prometheus-client is installed."""

from __future__ import annotations

import importlib
from types import ModuleType


class Meters:
    """Without the library nothing is counted, and there is nothing to show."""

    def __init__(self) -> None:
        self._library = _library()
        if self._library is None:
            return
        self._registry = self._library.CollectorRegistry()
        self._requests = self._library.Histogram(
            "asyncflow_http_request_seconds",
            "Time until the answer of a request began",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._streams = self._library.Gauge(
            "asyncflow_http_streams", "Streams of changes that are open", registry=self._registry
        )
        self._answered = self._library.Gauge(
            "asyncflow_dispatcher_answers", "Whether a dispatcher answered, 1 or 0", registry=self._registry
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        if self._library is not None:
            self._requests.labels(method, route, str(status)).observe(seconds)

    def stream(self, change: int) -> None:
        """1 when a stream opens, -1 when it closes."""
        if self._library is not None:
            self._streams.inc(change)

    def text(self, *, dispatcher: bool) -> tuple[bytes, str] | None:
        """Everything, and its media type; None without the library."""
        if self._library is None:
            return None
        self._answered.set(int(dispatcher))
        return self._library.generate_latest(self._registry), self._library.CONTENT_TYPE_LATEST


def _library() -> ModuleType | None:
    """It is optional."""
    try:
        return importlib.import_module("prometheus_client")
    except ModuleNotFoundError:
        return None
