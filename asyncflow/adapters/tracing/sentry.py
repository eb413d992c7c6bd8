"""Sentry: what a process reports by itself, and runs that fail."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from typing import Any

from asyncflow.adapters.tracing.lane import Sink
from asyncflow.model.trace_events import Traced, TraceEvent

_log = logging.getLogger(__name__)


class SentrySink:
    """A message for each run that fails for good; `sdk` is the module sentry_sdk."""

    def __init__(self, sdk: Any) -> None:
        self._sdk = sdk

    def __call__(self, traced: Traced) -> None:
        details = traced.details
        is_end = traced.event is TraceEvent.FLOW_FAILURE and not details["will_retry"]
        if not is_end and traced.event is not TraceEvent.DISPATCHER_FAILURE:
            return
        with self._sdk.new_scope() as scope:
            scope.set_tag("flow", details["flow_name"])
            scope.set_tag("run", details["dispatcher_id"])
            scope.set_context("run", {"node_args": details["node_args"], "state": details["state"]})
            scope.capture_message(f"flow {details['flow_name']} failed: {details['what']}", level="error")


def open_sentry(dsn: str) -> Sink[Traced] | None:
    """None, with a warning, where sentry_sdk is not installed: tracing must not stop a dispatcher or a worker."""
    if importlib.util.find_spec("sentry_sdk") is None:
        _log.warning(
            "trace: `sentry` has no effect, for sentry-sdk is not installed: pip install 'asyncflow-dispatcher[sentry]'"
        )
        return None
    sdk = importlib.import_module("sentry_sdk")
    sdk.init(dsn)
    return SentrySink(sdk)
