"""Figures for Prometheus, served by prometheus_client's own server. Importing this needs the extra `metrics`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from asyncflow.errors import RequestError
from asyncflow.model.figures import Timed
from asyncflow.model.names import FlowName
from asyncflow.model.spans import Span

_QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LONG = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 6 * 3600, 24 * 3600)
_LABELS = ("flow", "outcome")


@dataclass(frozen=True, slots=True)
class Figure:
    """What a figure tells, and of which labels; the buckets of a histogram."""

    told: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = _LONG


# By name, without the `asyncflow_` before it and the `_total` after those of counters.
COUNTERS = {
    "runs": Figure("Runs that are over, sub-flows too: succeeded, failed, cancelled.", _LABELS),
    "attempts": Figure("Attempts that are over: succeeded, failed, retried, cancelled.", ("flow", "task", "outcome")),
    "dead_letters": Figure("Messages that nobody understood."),
}
HISTOGRAMS = {
    "run_seconds": Figure("How long runs took.", _LABELS),
    "attempt_seconds": Figure("From when an attempt was due to its report.", ("flow", "task")),
    "queue_wait_seconds": Figure("From the publication of a task to its start (task_track_started)."),
    "task_seconds": Figure("From the start of a task to its report (task_track_started)."),
    "dispatch_seconds": Figure(
        "From the arrival of a message to its acknowledgement, after the commit.", buckets=_QUICK
    ),
    "commit_seconds": Figure("How long a commit takes.", buckets=_QUICK),
    "publish_seconds": Figure("How long a batch of messages takes until it is confirmed.", buckets=_QUICK),
}
GAUGES = {
    "open_runs": Figure("Runs that are not over.", ("flow",)),
    "outbox": Figure("Attempts committed and not yet published."),
    "leases": Figure("Partitions that have an owner."),
}

_TIMES = {
    Timed.COMMIT: "commit_seconds",
    Timed.PUBLISH: "publish_seconds",
    Timed.DISPATCH: "dispatch_seconds",
    Timed.QUEUE: "queue_wait_seconds",
    Timed.WORK: "task_seconds",
}


class PrometheusMetrics:
    """Fulfils `figures.Metrics`. Each has a registry of its own, so that one process may have several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._runs = self._counter("runs")
        self._attempts = self._counter("attempts")
        self._run_seconds = self._histogram("run_seconds")
        self._attempt_seconds = self._histogram("attempt_seconds")
        self._times = {what: self._histogram(name) for what, name in _TIMES.items()}
        self._parked = self._counter("dead_letters")
        self._open_runs = self._gauge("open_runs")
        self._outbox = self._gauge("outbox")
        self._leases = self._gauge("leases")
        self._flows: set[FlowName] = set()

    def ended(self, span: Span) -> None:
        flow, task = span.attributes["asyncflow.flow"], span.attributes.get("asyncflow.task")
        seconds = span.end - span.start
        if task is None:
            self._runs.labels(flow, span.outcome).inc()
            self._run_seconds.labels(flow, span.outcome).observe(seconds)
            return
        self._attempts.labels(flow, task, span.outcome).inc()
        if "asyncflow.start" not in span.attributes:  # else it is unknown
            self._attempt_seconds.labels(flow, task).observe(seconds)

    def took(self, what: Timed, seconds: float) -> None:
        self._times[what].observe(seconds)

    def parked(self) -> None:
        self._parked.inc()

    def sampled(self, *, open_runs: Mapping[FlowName, int], outbox: int, leases: int) -> None:
        self._flows.update(open_runs)
        for flow in self._flows:  # those too that had some before
            self._open_runs.labels(flow).set(open_runs.get(flow, 0))
        self._outbox.set(outbox)
        self._leases.set(leases)

    @contextmanager
    def served(self, port: int) -> Iterator[int]:
        """On the loopback interface; port 0 stands for any that is free. Raises RequestError where it is taken."""
        try:
            server, thread = start_http_server(port, addr="127.0.0.1", registry=self.registry)
        except OSError as exc:
            raise RequestError(f"metrics cannot be served on port {port}: {exc.strerror}") from exc
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _counter(self, name: str) -> Counter:
        figure = COUNTERS[name]
        return Counter(f"asyncflow_{name}", figure.told, figure.labels, registry=self.registry)

    def _histogram(self, name: str) -> Histogram:
        figure = HISTOGRAMS[name]
        return Histogram(
            f"asyncflow_{name}", figure.told, figure.labels, buckets=figure.buckets, registry=self.registry
        )

    def _gauge(self, name: str) -> Gauge:
        figure = GAUGES[name]
        return Gauge(f"asyncflow_{name}", figure.told, figure.labels, registry=self.registry)
