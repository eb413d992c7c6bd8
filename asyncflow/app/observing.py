"""Who looks on while a dispatcher works: trace functions, OpenTelemetry, Prometheus, each where it is asked for."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import anyio

from asyncflow.adapters.metered import Meter
from asyncflow.adapters.otel import open_span_sink
from asyncflow.adapters.traced_codec import TracedCodec
from asyncflow.adapters.tracing import Lane, Tracer
from asyncflow.app.settings import Settings
from asyncflow.dispatcher.dispatcher import Dispatcher, Surroundings
from asyncflow.errors import RequestError, StoreError
from asyncflow.model.figures import Metrics
from asyncflow.model.flow import Configuration
from asyncflow.model.spans import Span
from asyncflow.model.trace_events import Emit
from asyncflow.ports import Store
from asyncflow_celery.tracing import open_tracing

_log = logging.getLogger(__name__)

_LAST_WORDS = 2.0
_EVERY = 5.0
"""Seconds between two looks at how things stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observers:
    """None of them by default: then nothing is made for anyone."""

    tracer: Tracer | None = None
    spans: Lane[Span] | None = None
    is_traced_abroad: bool = False
    """Whether messages tell workers which trace they belong to."""
    metrics: Metrics | None = None

    @property
    def emit(self) -> Emit | None:
        return None if self.tracer is None else self.tracer.emit

    def around(self, surroundings: Surroundings) -> Surroundings:
        """The surroundings of a dispatcher, looked on."""
        made = replace(
            surroundings,
            trace=None if self.tracer is None else self.tracer.emit_later,
            spans=None if self.spans is None else self.spans.put,
        )
        if self.is_traced_abroad:
            made = replace(made, codec=TracedCodec(made.codec))
        if self.metrics is not None:
            meter = Meter(self.metrics)
            made = replace(
                made, store=meter.store(made.store), broker=meter.broker(made.broker), codec=meter.codec(made.codec)
            )
        return made

    async def sample(self, dispatcher: Dispatcher, store: Store) -> None:
        """Look at how things stand, for ever."""
        if self.metrics is None:
            return
        while True:
            try:
                open_runs, leases = await store.open_flows(), await store.leases()  # type: ignore[attr-defined]  # every store has Leases too
                self.metrics.sampled(open_runs=open_runs, outbox=dispatcher.outbox_size, leases=len(leases))
            except StoreError as exc:
                _log.debug("no figures: %s", exc)
            await anyio.sleep(_EVERY)


NOBODY = Observers()


@contextmanager
def observing(configuration: Configuration, settings: Settings) -> Iterator[Observers]:
    """At the end they hear of what they have not heard yet, but are not waited for long. Raises RequestError."""
    with ExitStack() as stack:
        sinks: list[Callable[[Span], Any]] = []
        otel = open_span_sink(settings.environ)
        if otel is not None:
            stack.callback(otel.close)
            sinks.append(otel)
        metrics = stack.enter_context(_metrics(settings))
        if metrics is not None:
            sinks.append(metrics.ended)
        spans = Lane("spans", _to_each(sinks)) if sinks else None
        tracer = open_tracing(configuration, settings.environ)
        for told in (tracer, spans):
            if told is not None:
                stack.callback(told.finish, _LAST_WORDS)
        yield Observers(tracer=tracer, spans=spans, is_traced_abroad=otel is not None, metrics=metrics)


def _to_each(sinks: list[Callable[[Span], Any]]) -> Callable[[Span], None]:
    def tell(span: Span) -> None:
        for sink in sinks:
            sink(span)

    return tell


@contextmanager
def _metrics(settings: Settings) -> Iterator[Metrics | None]:
    if settings.metrics_port is None:
        yield None
        return
    try:
        adapter = importlib.import_module("asyncflow.adapters.prometheus")
    except ImportError as exc:
        raise RequestError(
            "metrics need prometheus_client: pip install 'asyncflow-dispatcher[metrics]', or leave out --metrics-port"
        ) from exc
    metrics = adapter.PrometheusMetrics()
    with metrics.served(settings.metrics_port) as port:
        _log.info("metrics on http://127.0.0.1:%d/metrics", port)
        yield metrics
