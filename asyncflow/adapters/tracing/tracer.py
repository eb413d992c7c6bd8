"""Hands trace events to every sink."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence

from asyncflow.adapters.tracing.lane import MOST, Lane, Sink
from asyncflow.model.names import Json
from asyncflow.model.trace_events import Traced, TraceEvent


class Tracer:
    """Made once, for any thread and any process; each process has its own threads, started with its first event."""

    def __init__(self, sinks: Mapping[str, Sink[Traced]], *, most: int = MOST) -> None:
        self._sinks = sinks
        self._most = most
        self._lanes: dict[int, tuple[Lane[Traced], ...]] = {}

    def emit(self, event: TraceEvent, details: Mapping[str, Json]) -> None:
        """Fulfils `trace_events.Emit`. Details are not copied: who gives them must not change them."""
        told = (Traced(event=event, at=time.time(), details=details),)
        self.emit_later(1, lambda: told)

    def emit_later(self, size: int, make: Callable[[], Sequence[Traced]]) -> None:
        """Fulfils `trace_events.EmitLater`."""
        for lane in self._here():
            lane.put(size, make)

    def finish(self, seconds: float = 2.0) -> bool:
        """Let the sinks tell what waits; whether they were done in time. For the end of a process."""
        deadline = time.monotonic() + seconds
        done = [lane.finish(max(0.0, deadline - time.monotonic())) for lane in self._here()]
        return all(done)

    @property
    def dropped(self) -> Mapping[str, int]:
        return {lane.name: lane.dropped for lane in self._here()}

    def _here(self) -> tuple[Lane[Traced], ...]:
        process = os.getpid()
        lanes = self._lanes.get(process)
        if lanes is None:
            made = tuple(Lane(name, sink, self._most) for name, sink in self._sinks.items())
            lanes = self._lanes.setdefault(process, made)  # of two threads that come here at once, one wins
        return lanes
