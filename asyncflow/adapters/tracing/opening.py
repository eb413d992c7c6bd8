"""Opens the sinks that a configuration declares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from asyncflow.adapters.tracing.lane import Sink
from asyncflow.adapters.tracing.sentry import open_sentry
from asyncflow.adapters.tracing.sinks import FunctionSink, JsonSink, StorageSink, log_line
from asyncflow.adapters.tracing.tracer import Tracer
from asyncflow.model.flow import Trace
from asyncflow.model.trace_events import Traced


def open_tracer(traces: Sequence[Trace], call_storage: Callable[[str], Callable[..., Any]]) -> Tracer | None:
    """The tracer of `global.trace`; None where nothing is to be told to anyone.

    `call_storage` gives for a storage's name what calls a method of it: (method, *arguments).
    """
    sinks: dict[str, Sink[Traced]] = {}
    for trace in traces:
        name, sink = _opened(trace, call_storage)
        if sink is not None:
            sinks[name] = sink
    return Tracer(sinks) if sinks else None


def _opened(trace: Trace, call_storage: Callable[[str], Callable[..., Any]]) -> tuple[str, Sink[Traced] | None]:
    options = trace.options
    match trace.kind:
        case "function":
            return f"function {options['import']}.{options['name']}", FunctionSink(options["import"], options["name"])
        case "logging":
            return "logging", log_line
        case "json":
            return "json", JsonSink()
        case "storage":
            name, method = options["name"], options["method"]

            def call(*arguments: Any) -> Any:
                return call_storage(name)(*arguments)  # opened with the first event

            return f"storage {name}.{method}", StorageSink(call, method)
        case "sentry":
            return "sentry", open_sentry(options["dsn"])
    raise AssertionError(f"no way to trace is named {trace.kind!r}")
