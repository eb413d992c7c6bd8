"""One OpenTelemetry trace per run, by the SDK's own exporter in memory."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import anyio
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from asyncflow.adapters.clock import SystemClock
from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.adapters.otel import SpanSink, open_span_sink
from asyncflow.adapters.traced_codec import TracedCodec
from asyncflow.client import Client
from asyncflow.config import load_mapping
from asyncflow.dispatcher.dispatcher import Dispatcher, Surroundings
from asyncflow.engine.selective import select
from asyncflow.predicates import BUILT_INS
from asyncflow.testing.broker import MemoryBroker
from asyncflow_celery.wire import CeleryCodec
from tests.tracing.test_dispatcher_events import Worker, configuration

INNER = {"name": "inner", "edges": [{"from": None, "to": "A"}]}
OUTER = {"name": "outer", "edges": [{"from": None, "to": "inner"}, {"from": "inner", "to": "B"}]}


@contextmanager
def exporting() -> Iterator[tuple[InMemorySpanExporter, SpanSink]]:
    exporter = InMemorySpanExporter()
    yield exporter, SpanSink(exporter, {})


async def spans_of(broker: MemoryBroker, declared: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The spans of a run of the first flow, by name."""
    loaded = load_mapping(declared, builtins=BUILT_INS, environ={}).configuration
    with exporting() as (exporter, sink):
        dispatcher = Dispatcher(
            Surroundings(
                configuration=loaded,
                broker=broker,
                store=MemoryStore(),
                codec=TracedCodec(CeleryCodec()),
                results=None,  # type: ignore[arg-type]  # no task here has a storage
                clock=SystemClock(),
                select=lambda flow, wish: select(loaded.flows, flow, wish.tasks),
                spans=lambda size, make: [sink(span) for span in make()],
            )
        )
        async with anyio.create_task_group() as group:
            await group.start(dispatcher.run)
            await (await Client(dispatcher).start(declared["flows"][0])).wait(timeout=5)
            group.cancel_scope.cancel()
        sink.close()
    found: dict[str, list[Any]] = {}
    for span in exporter.get_finished_spans():
        found.setdefault(span.name, []).append(span)
    return found


async def test_a_run_with_its_sub_flows_and_attempts_is_one_trace() -> None:
    found = await spans_of(MemoryBroker({"q": Worker()}), configuration(OUTER, INNER))

    (outer,), (inner,), (a,), (b,) = (found[name] for name in ("flow outer", "flow inner", "task A", "task B"))
    assert len({span.context.trace_id for span in (outer, inner, a, b)}) == 1
    assert outer.parent is None
    assert inner.parent.span_id == outer.context.span_id
    assert a.parent.span_id == inner.context.span_id
    assert b.parent.span_id == outer.context.span_id
    assert outer.start_time <= inner.start_time <= a.start_time <= a.end_time <= inner.end_time <= outer.end_time
    assert outer.resource.attributes["service.name"] == "asyncflow"
    assert a.attributes["asyncflow.flow"] == "inner"
    assert all(span.status.is_ok for span in (outer, inner, a, b))


async def test_each_failed_attempt_has_a_span_with_its_error() -> None:
    flow = {"name": "f", "edges": [{"from": None, "to": "A"}]}
    declared = configuration(flow, A={"max_retry": 1, "retry_countdown": 0})

    found = await spans_of(MemoryBroker({"q": Worker(A=2)}), declared)

    first, second = found["task A"]
    assert [span.attributes["asyncflow.attempt"] for span in (first, second)] == [1, 2]
    assert first.context.span_id != second.context.span_id
    assert first.status.description == second.status.description == "ValueError: burnt"
    assert not found["flow f"][0].status.is_ok


async def test_messages_name_the_span_of_their_attempt_as_trace_context_has_it() -> None:
    broker = MemoryBroker({"q": Worker()})

    found = await spans_of(broker, configuration({"name": "f", "edges": [{"from": None, "to": "A"}]}))

    (message,) = broker.published
    context = TraceContextTextMapPropagator().extract(dict(message.headers))
    (told,) = context.values()
    assert told.get_span_context().trace_id == found["task A"][0].context.trace_id
    assert told.get_span_context().span_id == found["task A"][0].context.span_id


@pytest.mark.parametrize(
    "environ", [{}, {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"}]
)
def test_without_an_exporter_in_the_environment_there_are_no_spans(environ: dict[str, str]) -> None:
    assert open_span_sink(environ) is None


def test_the_exporter_of_the_environment_is_opened() -> None:
    sink = open_span_sink({"OTEL_TRACES_EXPORTER": "console"})
    assert sink is not None
    sink.close()


def test_an_exporter_that_is_not_installed_is_a_warning_that_says_what_to_install(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert open_span_sink({"OTEL_TRACES_EXPORTER": "zipkin_of_old"}) is None
    assert "no exporter named 'zipkin_of_old' is installed" in caplog.text


def test_without_the_sdk_there_is_a_warning_that_says_what_to_install(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    caplog.set_level(logging.WARNING)

    assert open_span_sink({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}) is None

    assert "pip install 'asyncflow-dispatcher[otel]'" in caplog.text
