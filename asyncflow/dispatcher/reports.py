"""Runs as they are told to clients, straight from a store: looked up by a beginning of their id, listed, in full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from asyncflow.dispatcher.definitions import Definitions
from asyncflow.dispatcher.headway import how_far_json
from asyncflow.dispatcher.outbox import Waiting
from asyncflow.errors import AmbiguousRunError, RequestError, UnknownRunError
from asyncflow.model.history import error_json, instant, run_json, view_of, where_json
from asyncflow.model.names import Json, RunId, TaskId
from asyncflow.model.requests import ListRuns
from asyncflow.model.run import HowFar, NodeKind, Status, Whereabouts
from asyncflow.model.run_filter import RunFilter
from asyncflow.ports import RunHeader, Store

_WITH_RESULTS = (NodeKind.TASK, NodeKind.WAIT)
_KEEPS = ("succeeded", "reused")
"""Whoever is in such a state may have a result."""


async def find_run(store: Store, prefix: RunId) -> RunId:
    """The one run whose id begins with a prefix. Raises UnknownRunError, AmbiguousRunError, StoreError."""
    if prefix and await store.header(prefix) is not None:
        return prefix
    found = await store.headers(RunFilter(prefix=prefix, children=True, limit=4)) if prefix else []
    if not found:
        raise UnknownRunError(prefix)
    if len(found) > 1:
        raise AmbiguousRunError(prefix, [header.run_id for header in found])
    return found[0].run_id


async def run_as_json(store: Store, results_of: Any, run_id: RunId) -> dict[str, Json]:
    """A run as JSON, sub-flows unfolded: their nodes stand in the "nodes" of their node."""
    entries = await store.journal(run_id)
    if not entries:
        raise UnknownRunError(run_id)
    view = view_of((entry.at, entry.facts) for entry in entries)
    ended = [node.id for node in view.nodes.values() if node.kind in _WITH_RESULTS and node.state in _KEEPS]
    run = run_json(view, await results_of(ended))
    await Definitions(store).bring_up(run)
    for node in run["nodes"]:
        if node["kind"] == NodeKind.FLOW.value:
            node.update(await _child_as_json(store, results_of, RunId(node["id"])))
    return run


async def _child_as_json(store: Store, results_of: Any, run_id: RunId) -> dict[str, Json]:
    try:
        child = await run_as_json(store, results_of, run_id)
    except UnknownRunError:  # not begun yet
        return {"nodes": [], "edges": [], "fallbacks": []}
    return {name: child[name] for name in ("nodes", "edges", "fallbacks")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What only the dispatcher of a run knows of its attempts. All of it changes by itself."""

    waiting: Mapping[TaskId, Waiting] = field(default_factory=dict)
    """Those for which no queue exists yet."""
    progress: Mapping[TaskId, HowFar] = field(default_factory=dict)
    whereabouts: Mapping[TaskId, Whereabouts] = field(default_factory=dict)
    """Of attempts that are active."""

    def note(self, nodes: Iterable[dict[str, Json]]) -> None:
        """Write it into nodes, and those of their sub-flows."""
        if not self.waiting and not self.progress and not self.whereabouts:
            return
        for node in nodes:
            waiting = self.waiting.get(node["id"])
            if waiting is not None:
                node["waiting_for"] = waiting.queue
            node["progress"] = how_far_json(self.progress.get(node["id"]))
            where = self.whereabouts.get(node["id"])
            if where is not None:
                node.update(where_json(where))
            self.note(node.get("nodes", ()))


async def list_runs(store: Store, request: ListRuns) -> list[dict[str, Json]]:
    """Runs without their nodes, newest first. Raises RequestError, StoreError."""
    for state in request.state:
        if state not in {status.value for status in Status}:
            raise RequestError(f"no run state is {state!r}; there are {', '.join(s.value for s in Status)}")
    which = RunFilter(
        flow=request.flow,
        statuses=tuple(map(Status, request.state)),
        labels=request.labels,
        since=request.since,
        until=request.until,
        text=request.search,
        limit=request.limit,
    )
    return [header_as_json(header) for header in await store.headers(which)]


def header_as_json(header: RunHeader) -> dict[str, Json]:
    return {
        "run_id": header.run_id,
        "flow": header.flow,
        "state": header.status.value,
        "root_id": header.root_id,
        "started_at": instant(header.started_at),
        "ended_at": instant(header.ended_at),
        "error": error_json(header.error),
        "labels": dict(header.labels),
    }
