"""Spans to OpenTelemetry, where its own environment variables name an exporter.

OTEL_TRACES_EXPORTER (`otlp`, `console`, or the name of any exporter that is installed), OTEL_EXPORTER_OTLP_* and
OTEL_SERVICE_NAME count as everywhere. Spans have ids that follow from those of runs, so they do not go through a tracer
of the SDK, which would draw its own, nor through its samplers: every run is traced.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from importlib.metadata import entry_points
from threading import Thread
from typing import Any

from asyncflow.model.spans import Span

_log = logging.getLogger(__name__)

_LAST_WORDS = 2.0


class SpanSink:
    """Hands spans to an exporter in batches; `exporter` is one of the SDK."""

    def __init__(self, exporter: Any, environ: Mapping[str, str]) -> None:
        self._sdk = importlib.import_module("opentelemetry.sdk.trace")
        self._api = importlib.import_module("opentelemetry.trace")
        resources = importlib.import_module("opentelemetry.sdk.resources")
        name = {} if environ.get("OTEL_SERVICE_NAME") else {"service.name": "asyncflow"}
        self._resource = resources.Resource.create(name)
        export = importlib.import_module("opentelemetry.sdk.trace.export")
        self._batches = export.BatchSpanProcessor(exporter)

    def __call__(self, span: Span) -> None:
        status = self._api.Status(
            self._api.StatusCode.ERROR if span.error else self._api.StatusCode.OK, span.error or None
        )
        made = self._sdk.ReadableSpan(
            name=span.name,
            context=self._context(span.trace_id, span.span_id),
            parent=None if span.parent_id is None else self._context(span.trace_id, span.parent_id),
            resource=self._resource,
            attributes=span.attributes,
            status=status,
            start_time=int(span.start * 1e9),
            end_time=int(span.end * 1e9),
        )
        self._batches.on_end(made)

    def close(self) -> None:
        """Export what waits. A collector that does not answer is not waited for as long as the exporter would."""
        closing = Thread(target=self._batches.shutdown, name="otel", daemon=True)
        closing.start()
        closing.join(_LAST_WORDS)

    def _context(self, trace_id: int, span_id: int) -> Any:
        sampled = self._api.TraceFlags(self._api.TraceFlags.SAMPLED)
        return self._api.SpanContext(trace_id, span_id, is_remote=False, trace_flags=sampled)


def open_span_sink(environ: Mapping[str, str]) -> SpanSink | None:
    """The sink of the environment. None where it names no exporter, and, with a warning, where one is not installed."""
    name = _exporter_of(environ)
    if name is None:
        return None
    try:
        importlib.import_module("opentelemetry.sdk.trace")
    except ImportError:
        _log.warning(
            "otel: no spans, for the SDK is not installed: pip install 'asyncflow-dispatcher[otel]', "
            "or unset OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_ENDPOINT"
        )
        return None
    found = list(entry_points(group="opentelemetry_traces_exporter", name=name))
    if not found:
        _log.warning(
            "otel: no spans, for no exporter named %r is installed; "
            "for otlp: pip install opentelemetry-exporter-otlp-proto-http, or -grpc",
            name,
        )
        return None
    try:
        return SpanSink(found[0].load()(), environ)
    except Exception as exc:  # noqa: BLE001  (exporters of others; looking on must not stop a dispatcher)
        _log.warning("otel: no spans, for the exporter %r cannot be opened: %s: %s", name, type(exc).__name__, exc)
        return None


def _exporter_of(environ: Mapping[str, str]) -> str | None:
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    default = "otlp" if "OTEL_EXPORTER_OTLP_ENDPOINT" in environ else "none"
    name = environ.get("OTEL_TRACES_EXPORTER", default)
    if name in {"none", ""}:
        return None
    if name != "otlp":
        return name
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "http"
    return "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
