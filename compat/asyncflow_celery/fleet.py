"""What workers tell unasked (celeryev) and answer when asked (pidbox), from bytes to values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from asyncflow.errors import EnvelopeError
from asyncflow.fleet import Sign, WorkerReport
from asyncflow.model.names import Json, TaskId
from asyncflow.ports import Delivery
from asyncflow_celery.content import loads
from asyncflow_celery.failures import completion_of

EVENT_EXCHANGE = "celeryev"

_SIGNS = {
    "worker-heartbeat": Sign.ALIVE,
    "worker-online": Sign.ONLINE,
    "worker-offline": Sign.OFFLINE,
    "task-received": Sign.RECEIVED,
    "task-started": Sign.STARTED,
    "task-succeeded": Sign.ENDED,
    "task-failed": Sign.ENDED,
    "task-revoked": Sign.ENDED,
    "task-rejected": Sign.ENDED,
}


def reports(delivery: Delivery) -> list[WorkerReport]:
    """One event, or the list of them that a worker sends at a time. Raises EnvelopeError."""
    content = _content(delivery)
    events = content if isinstance(content, list) else [content]
    return list(_reports(events))


def answer(delivery: Delivery) -> tuple[str, Mapping[str, Json]]:
    """The ticket and the answer by worker. Raises EnvelopeError."""
    content = _content(delivery)
    ticket = delivery.headers.get("ticket")
    if not isinstance(content, dict) or not isinstance(ticket, str):
        raise EnvelopeError("the body is no answer of a worker")
    return ticket, content


def _reports(events: Iterable[Json]) -> Iterable[WorkerReport]:
    for event in events:
        if not isinstance(event, dict) or not isinstance(event.get("hostname"), str):
            raise EnvelopeError("the body is no event of a worker")
        sign = _SIGNS.get(str(event.get("type")))
        if sign is None:  # `task-sent` of a producer, and events of users
            continue
        id = event.get("uuid")
        yield WorkerReport(
            sign=sign,
            worker=event["hostname"],
            id=TaskId(id) if isinstance(id, str) else None,
            interval=_number(event.get("freq")),
            sent_at=_number(event.get("timestamp")),
            completion=completion_of(event),
        )


def _content(delivery: Delivery) -> Json:
    if delivery.content_type != "application/json":
        raise EnvelopeError(f"the content type is {delivery.content_type!r}, not application/json")
    try:
        return loads(delivery.body)
    except ValueError as exc:
        raise EnvelopeError(f"the body cannot be read as JSON: {exc}") from exc


def _number(value: Json) -> float | None:
    return float(value) if type(value) in (int, float) else None
