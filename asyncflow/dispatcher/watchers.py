"""Who wants to hear of a run: clients that wait for its end, and clients that watch it and its child runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import orjson

from asyncflow.dispatcher.headway import Progressed, Seen, progressed_json, seen_json
from asyncflow.dispatcher.outbox import Waiting
from asyncflow.dispatcher.runs import Hot
from asyncflow.model import journal, jsontext
from asyncflow.model.history import instant
from asyncflow.model.names import Json, RunId
from asyncflow.ports import Delivery, Entry

Send = Callable[[bytes], None]
"""Takes an answer, and sees to its delivery."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """`run_id` is the run whose end ends the watching; `changes` asks for every change until then."""

    run_id: RunId
    root_id: RunId
    send: Send
    changes: bool
    most: int | None = None
    """In how few words it is told, as in `requests.WatchRun`."""
    delivery: Delivery | None = None
    """The request, for a dispatcher that takes over."""


class Watchers:
    """Kept in memory only: a client asks again when its dispatcher is gone."""

    def __init__(self, ended: Callable[[Watcher], None]) -> None:
        self._ended = ended
        self._by_root: dict[RunId, list[Watcher]] = {}

    def add(self, watcher: Watcher) -> None:
        self._by_root.setdefault(watcher.root_id, []).append(watcher)

    def remove(self, watcher: Watcher) -> None:
        left = [one for one in self._by_root.get(watcher.root_id, ()) if one is not watcher]
        if left:
            self._by_root[watcher.root_id] = left
        else:
            self._by_root.pop(watcher.root_id, None)

    def take_all(self) -> list[Watcher]:
        """Forget them; others are to see to them."""
        taken = [one for watchers in self._by_root.values() for one in watchers]
        self._by_root.clear()
        return taken

    def notify(self, entries: Iterable[tuple[RunId, Entry]], runs: Mapping[RunId, Hot]) -> None:
        """Tell of committed entries."""
        if not self._by_root:
            return
        changes: dict[RunId, list[tuple[RunId, Entry]]] = {}
        for run_id, entry in entries:
            run = runs[run_id].run
            if run is not None and run.root_id in self._by_root:
                changes.setdefault(run.root_id, []).append((run_id, entry))
        for root_id, moved in changes.items():
            self._tell(root_id, moved, runs)

    def is_watched(self) -> bool:
        """Whether anybody wants to hear of changes."""
        return any(watcher.changes for watchers in self._by_root.values() for watcher in watchers)

    def notify_waiting(self, root_id: RunId, waiting: Sequence[Waiting]) -> None:
        """Tell of attempts that wait for a queue, or have found one."""
        self._send(root_id, {"waiting": [asdict(one) | {"since": instant(one.since)} for one in waiting]})

    def notify_seen(self, seen: Iterable[Seen], root_of: Callable[[RunId], RunId | None]) -> None:
        """Tell of attempts that workers have; clients that do not know of it read that nothing has changed."""
        if not self.is_watched():
            return
        by_root: dict[RunId, list[Json]] = {}
        for one in seen:
            root_id = root_of(one.run_id)
            if root_id is not None and root_id in self._by_root:
                by_root.setdefault(root_id, []).append(seen_json(one))
        for root_id, told in by_root.items():
            self._send(root_id, {"changes": [], "seen": told})

    def notify_progress(self, progressed: Iterable[Progressed]) -> None:
        """Tell of tasks that are further now."""
        by_root: dict[RunId, list[Json]] = {}
        for one in progressed:
            if one.root_id in self._by_root:
                by_root.setdefault(one.root_id, []).append(progressed_json(one))
        for root_id, told in by_root.items():
            self._send(root_id, {"progress": told})

    def _send(self, root_id: RunId, message: dict[str, Json]) -> None:
        watchers = [watcher for watcher in self._by_root.get(root_id, ()) if watcher.changes]
        if watchers:
            body = jsontext.dumps(message)
            for watcher in watchers:
                watcher.send(body)

    def _tell(self, root_id: RunId, moved: list[tuple[RunId, Entry]], runs: Mapping[RunId, Hot]) -> None:
        watchers = self._by_root[root_id]
        if any(watcher.changes for watcher in watchers):
            body = changes_as_json(moved)
            for watcher in watchers:
                if watcher.changes:
                    watcher.send(body)
        for watcher in list(watchers):
            hot = runs.get(watcher.run_id)
            if hot is not None and hot.run is not None and hot.run.status.is_terminal:
                self.remove(watcher)
                self._ended(watcher)


def changes_as_json(moved: Iterable[tuple[RunId, Entry]]) -> bytes:
    """{"changes": [{"run_id", "at", "version", "facts": as in the journal}]}."""
    return orjson.dumps(
        {
            "changes": [
                {
                    "run_id": run_id,
                    "at": entry.at,
                    "version": entry.version,
                    "facts": orjson.Fragment(journal.encode(entry.facts)),
                }
                for run_id, entry in moved
            ]
        }
    )
