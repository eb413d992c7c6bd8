"""Celery's remote control (pidbox): broadcasts to workers, as bytes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import orjson

from asyncflow.model.names import Json
from asyncflow.ports import Message

RUN_STAMP = "asyncflow_run"
"""The stamp that every task message bears, with the id of the root run."""


def broadcast(
    method: str, arguments: Mapping[str, Json], *, exchange: str, reply_to: str = "", ticket: str = ""
) -> Message:
    """Ask every worker. Where `reply_to` names a queue, each answers there, with the ticket."""
    content = _content(method, arguments)
    if reply_to:
        # The nameless exchange reaches any queue by its name, and needs no declaration by the worker.
        content["ticket"] = ticket
        content["reply_to"] = {"exchange": "", "routing_key": reply_to}
    return _message(content, exchange)


def order(method: str, workers: Collection[str], *, exchange: str) -> Message:
    """Tell these workers, by their host names, to do something."""
    return _message({**_content(method, {}), "destination": sorted(workers)}, exchange)


def _content(method: str, arguments: Mapping[str, Json]) -> dict[str, Json]:
    return {"method": method, "arguments": dict(arguments), "destination": None, "pattern": None, "matcher": None}


def _message(content: Mapping[str, Json], exchange: str) -> Message:
    return Message(
        exchange=f"{exchange}.pidbox",
        routing_key="",
        body=orjson.dumps(content),
        headers={"clock": 1, "expires": 0},
        persistent=False,
    )


def revoke(ids: Sequence[str], *, terminate: bool, exchange: str) -> Message:
    arguments: dict[str, Json] = {"task_id": list(ids), "terminate": terminate, "signal": "SIGTERM"}
    return broadcast("revoke", arguments, exchange=exchange)


def revoke_run(root_id: str, *, terminate: bool, exchange: str) -> Message:
    arguments: dict[str, Json] = {"headers": {RUN_STAMP: [root_id]}, "terminate": terminate, "signal": "SIGTERM"}
    return broadcast("revoke_by_stamped_headers", arguments, exchange=exchange)


def queue_of(worker: str, *, exchange: str) -> str:
    """The queue in which a worker finds broadcasts; it goes when the worker's connection does."""
    return f"{worker}.{exchange}.pidbox"
