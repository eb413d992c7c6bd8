"""A run as bytes and back, exactly: what loading a long run starts from, instead of replaying all of its facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from immutables import Map

from asyncflow.model import jsontext
from asyncflow.model.names import RunId
from asyncflow.model.run import Active, Ids, NodeKind, ParentNode, Run, Selection, Signal, Status, TaskError

_FORM = 2
"""To be raised when `evolve` or `Run` change such that the same facts give another run."""

_EVERY = 200
"""Entries that are quick to replay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A run as it was at a version; `state` is what `encode` writes."""

    run_id: RunId
    version: int
    state: bytes


def is_due(run: Run, entries: int) -> bool:
    """Whether to take a snapshot of a run that has so many entries after its last one.

    Longer runs have larger snapshots, and take fewer: what they write stays in proportion to their journals.
    """
    return entries >= max(_EVERY, run.number // 10)


def encode(run: Run) -> bytes:
    """TypeError where JSON cannot say a value in the run."""
    members = {field.name: getattr(run, field.name) for field in fields(Run)}
    for name in ("finished", "failed"):
        members[name] = {node: list(ids) for node, ids in members[name].items()}
    members["held"] = list(members["held"])
    return jsontext.dumps({"form": _FORM, "run": members})


def decode(state: bytes) -> Run | None:
    """None when another version of asyncflow has written it otherwise: then the whole journal must be replayed."""
    document = jsontext.loads(state)
    if document["form"] != _FORM:
        return None
    members = document["run"]
    for name, read in _READERS.items():
        if members.get(name) is not None:
            members[name] = read(members[name])
    return Run(**members)


def _map_of(key: Callable[[str], Any], value: Callable[[Any], Any]) -> Callable[[Mapping[str, Any]], Map[Any, Any]]:
    return lambda members: Map({key(name): value(member) for name, member in members.items()})


def _as_it_is(value: Any) -> Any:
    return value


def _active(members: dict[str, Any]) -> Active:
    members["kind"] = NodeKind(members["kind"])
    return Active(**members)


def _error(members: dict[str, Any]) -> TaskError:
    return TaskError(**members)


def _selection(members: dict[str, Any]) -> Selection:
    edges = {
        flow: {int(edge): tuple(targets) for edge, targets in taken.items()} for flow, taken in members["edges"].items()
    }
    return Selection(tasks=tuple(members["tasks"]), edges=edges, versions=members.get("versions", {}))


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "parent_node": lambda members: ParentNode(**members),
    "status": Status,
    "selection": _selection,
    "active": _map_of(str, _active),
    "finished": _map_of(str, Ids.of),
    "failed": _map_of(str, Ids.of),
    "reports_of": _map_of(str, _as_it_is),
    "errors": _map_of(str, _error),
    "met": _map_of(int, int),
    "triggered": _map_of(int, int),
    "held": Ids.of,
    "error": _error,
    "signals": lambda kept: tuple(Signal(**members) for members in kept),
    "signal_marks": tuple,
}
"""Of the fields that JSON does not bring back as they were."""
