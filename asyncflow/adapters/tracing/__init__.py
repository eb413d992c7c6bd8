"""Where trace events go: functions, the log, JSON lines, storages, Sentry, as `global.trace` says."""

from asyncflow.adapters.tracing.lane import Lane
from asyncflow.adapters.tracing.opening import open_tracer
from asyncflow.adapters.tracing.tracer import Tracer

__all__ = ["Lane", "Tracer", "open_tracer"]
