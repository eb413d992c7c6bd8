"""Runs told to clients from their journals. What was told lately is at hand, and only what came after it is read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from asyncflow.dispatcher.definitions import Definitions
from asyncflow.dispatcher.reader import ResultReader
from asyncflow.dispatcher.reports import Live
from asyncflow.errors import StorageError, UnknownNodeError, UnknownRunError
from asyncflow.model import journal, jsontext
from asyncflow.model.digest import digest_json
from asyncflow.model.history import NodeView, RunView, instant, node_json, told_on
from asyncflow.model.names import FlowName, Json, RunId, TaskId
from asyncflow.model.run import NodeKind
from asyncflow.ports import Clock, Entry, Store

_T = TypeVar("_T")

_MOST_NODES = 100_000
"""Of all views that are kept at hand."""
_LONG = 2_000
"""What goes through more than so many facts or nodes leaves the event loop to others meanwhile."""


@dataclass(slots=True)
class _Story:
    version: int = 0
    view: RunView | None = None
    lock: anyio.Lock = field(default_factory=anyio.Lock)


class Stories:
    def __init__(self, store: Store, reader: ResultReader, clock: Clock, live: Live) -> None:
        self._store = store
        self._reader = reader
        self._clock = clock
        self._live = live
        self._definitions = Definitions(store)
        self._stories: OrderedDict[RunId, _Story] = OrderedDict()

    async def digest(self, run_id: RunId, most: int) -> dict[str, Json]:
        """A run of any size in few words, with the nodes of its sub-flows. Raises UnknownRunError, StoreError."""
        run: dict[str, Json] = await self._told(run_id, lambda view: digest_json(view, most, self._clock.now()))
        await self._definitions.bring_up(run)
        for node in run["nodes"]:
            if node["kind"] == NodeKind.FLOW.value:
                node.update(await self._child(RunId(node["id"]), most))
        self._live.note(run["nodes"])
        return run

    async def node(self, run_id: RunId, id: str) -> dict[str, Json]:
        """A node with its result. Raises UnknownRunError, UnknownNodeError, StoreError."""
        found: tuple[RunView, NodeView | None] = await self._told(run_id, lambda view: (view, _node_of(view, id)))
        run, node = found
        if node is None:
            raise UnknownNodeError(id, run_id)
        node_args = node.node_args if node.own_args else run.node_args
        told = {**node_json(node, await self._result(run.flow, node)), "node_args": node_args}
        self._live.note([told])
        return told

    async def entries(self, run_id: RunId, after: int, limit: int) -> list[Json]:
        """A part of its journal. Raises StoreError."""
        return [entry_json(entry) for entry in await self._store.journal(run_id, after, limit)]

    async def _child(self, run_id: RunId, most: int) -> dict[str, Json]:
        try:
            child = await self.digest(run_id, most)
        except UnknownRunError:  # not begun yet
            return {"nodes": [], "groups": [], "edges": [], "fallbacks": []}
        return {name: child[name] for name in ("nodes", "groups", "edges", "fallbacks")}

    async def _result(self, flow: FlowName, node: NodeView) -> Json:
        if node.kind is NodeKind.FLOW or node.state not in {"succeeded", "reused"}:
            return None
        try:
            return await self._reader.read(flow, node.name, node.id)
        except StorageError as exc:
            return {"unreadable": str(exc)}

    async def _told(self, run_id: RunId, tell: Callable[[RunView], _T]) -> _T:
        """What is told of a run as it is now. Its view does not change meanwhile."""
        header = await self._store.header(run_id)
        if header is None:
            self._stories.pop(run_id, None)
            raise UnknownRunError(run_id)
        story = self._stories.get(run_id)
        if story is None or (story.view is not None and story.view.started_at != header.started_at):
            story = self._stories[run_id] = _Story()  # also where a run was removed, and began again under its id
        self._stories.move_to_end(run_id)
        async with story.lock:
            entries = await self._store.journal(run_id, story.version)
            if entries:
                story.view = await _aside(len(entries), told_on, story.view, [(one.at, one.facts) for one in entries])
                story.version = entries[-1].version
            if story.view is None:
                raise UnknownRunError(run_id)
            answer = await _aside(len(story.view.nodes), tell, story.view)
        self._forget()
        return answer

    def _forget(self) -> None:
        kept = sum(len(story.view.nodes) for story in self._stories.values() if story.view is not None)
        while kept > _MOST_NODES and len(self._stories) > 1:
            _, story = self._stories.popitem(last=False)
            kept -= 0 if story.view is None else len(story.view.nodes)


async def _aside(size: int, call: Callable[..., _T], *args: Any) -> _T:
    return await anyio.to_thread.run_sync(call, *args) if size > _LONG else call(*args)


def _node_of(view: RunView, id: str) -> NodeView | None:
    """By the id of any of its attempts."""
    found = view.nodes.get(TaskId(id))
    if found is not None:
        return found
    return next((node for node in view.nodes.values() if any(one.id == id for one in node.tries)), None)


def entry_json(entry: Entry) -> Json:
    facts = jsontext.loads(journal.encode(entry.facts))
    return {"version": entry.version, "at": instant(entry.at), "facts": facts}
