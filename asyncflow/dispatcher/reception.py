"""Signals at the front desk: from requests to events, and what senders are told became of them."""

from __future__ import annotations

from collections.abc import Iterable

from asyncflow.errors import InvalidPayloadError, SignalRefusedError
from asyncflow.model import facts as f
from asyncflow.model import jsontext
from asyncflow.model.events import SignalReceived
from asyncflow.model.names import Json, RunId, TaskId
from asyncflow.model.requests import SignalRun
from asyncflow.ports import Entry

LARGEST = 256 * 1024
"""Bytes of a payload: it may be kept in the state of its run for long."""

_LONGEST = 200


def signal_of(request: SignalRun, run_id: RunId, now: float) -> SignalReceived:
    """Raises SignalRefusedError, InvalidPayloadError."""
    for what, text in (("event", request.event), ("id", request.id)):
        if not 0 < len(text) <= _LONGEST:
            raise SignalRefusedError(f"the {what} of a signal takes 1 to {_LONGEST} characters, not {len(text)}")
    size = len(jsontext.dumps(request.payload))
    if size > LARGEST:
        raise InvalidPayloadError(
            f"the payload takes {size:,} bytes, and at most {LARGEST:,} are taken; send where to find it instead"
        )
    return SignalReceived(
        at=now,
        run_id=run_id,
        name=request.event,
        key=request.id,
        payload=request.payload,
        id=None if request.node is None else TaskId(request.node),
    )


def what_became_of(entries: Iterable[tuple[RunId, Entry]]) -> dict[str, Json]:
    """By what was decided on a signal."""
    for run_id, entry in entries:
        for fact in entry.facts:
            match fact:
                case f.NodeReleased():
                    return {"state": "taken", "node": fact.name, "id": fact.id, "run_id": run_id}
                case f.SignalKept():
                    return {"state": "kept", "run_id": run_id}
    return {"state": "repeated"}
