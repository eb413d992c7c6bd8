"""The store's records as column values and back; every SQL store shares them."""

from __future__ import annotations

import string
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, TypeAlias

from asyncflow.model import journal, jsontext
from asyncflow.model.names import FlowName, Json, TaskId
from asyncflow.model.outline import Outline
from asyncflow.model.run import ParentNode, Status, TaskError
from asyncflow.model.run_filter import RunFilter
from asyncflow.model.tally import Tally
from asyncflow.ports import Attempt, Batch, CommonHeaders, Headers, Message, RunHeader

Row: TypeAlias = tuple[Any, ...]

HEADER_COLUMNS = (
    "run_id, flow, status, root_id, parent_run, parent_node, partition, started_at, ended_at, updated_at, labels, error"
)
"""In the order that `to_header` takes them."""

ATTEMPT_COLUMNS = "task_id, run_id, task, due, envelope, body"
"""In the order that `to_attempt` takes them."""

_FOLD = {ord(letter): letter.lower() for letter in string.ascii_uppercase}

_BEYOND_EVERY_ID = "\U0010ffff"

_DEFAULTS = tuple(
    (one.name, one.default) for one in fields(Message) if one.name not in ("routing_key", "body", "headers")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """How a database searches: whether a text, the braces, contains a value; and what people read of an error."""

    contains: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A batch, ready to be written. Built where it was asked for, so that what cannot be written fails there."""

    started: list[Row] = field(default_factory=list)
    moved: list[Row] = field(default_factory=list)
    facts: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    verdicts: list[Row] = field(default_factory=list)
    timers: list[Row] = field(default_factory=list)
    timers_done: list[Row] = field(default_factory=list)
    snapshots: list[Row] = field(default_factory=list)


def of_batch(batch: Batch) -> Rows:
    """TypeError where JSON cannot say a value in the batch."""
    rows = Rows(
        attempts=[_of_attempt(attempt) for attempt in batch.attempts],
        verdicts=[(one.verdict, one.at, one.result, one.id) for one in batch.verdicts],
        timers=[(one.run_id, one.kind.value, one.id or "", one.attempt, one.due) for one in batch.timers],
        timers_done=[(one.run_id, one.kind.value, one.id or "", one.attempt) for one in batch.timers_done],
        snapshots=[(one.run_id, one.version, one.state) for one in batch.snapshots],
    )
    for advance in batch.advances:
        header, entry = advance.header, advance.entry
        changing = (header.status.value, header.ended_at, header.updated_at, _labels(header), _error(header.error))
        if entry.version == 1:
            rows.started.append(
                (
                    header.run_id,
                    header.flow,
                    header.root_id,
                    *_parent(header),
                    header.started_at,
                    header.partition,
                    *changing,
                )
            )
        else:
            rows.moved.append((entry.version, *changing, header.run_id, entry.version))
        rows.facts.append((header.run_id, entry.version, entry.at, journal.encode(entry.facts)))
    return rows


def to_header(row: Row) -> RunHeader:
    run_id, flow, status, root_id, parent_run, parent_node, partition, *rest = row
    started_at, ended_at, updated_at, labels, error = rest
    return RunHeader(
        run_id=run_id,
        flow=flow,
        status=Status(status),
        root_id=root_id,
        parent_node=None if parent_run is None else ParentNode(run_id=parent_run, id=parent_node),
        partition=partition,
        started_at=started_at,
        ended_at=ended_at,
        updated_at=updated_at,
        labels={} if labels is None else jsontext.loads(labels),
        error=None if error is None else TaskError(**jsontext.loads(error)),
    )


def to_tally(row: Row) -> Tally:
    flow, status, step, count = row
    return Tally(flow=flow, status=Status(status), step=int(step), count=count)


def of_outline(outline: Outline, at: float) -> Row:
    return outline.flow, outline.version, at, jsontext.dumps(outline.as_json())


def to_outlines(flow: FlowName, rows: Iterable[Row]) -> list[Outline]:
    return [Outline.from_json(flow, version, jsontext.loads(outline)) for version, outline in rows]


def to_attempt(row: Row) -> Attempt:
    task_id, run_id, task, due, envelope, body = row
    message = Message(body=body, **jsontext.loads(envelope))
    return Attempt(id=task_id, run_id=run_id, task=task, due=due, message=message)


def of_filter(which: RunFilter, texts: Texts) -> tuple[str, list[Any]]:
    """A condition with its values, each a question mark."""
    conditions = ["TRUE"]
    values: list[Any] = []
    if not which.children:
        conditions.append("parent_run IS NULL")
    if which.root_id is not None:
        conditions.append("(run_id = ? OR root_id = ? AND parent_run IS NOT NULL)")
        values += [which.root_id, which.root_id]
    if which.flow is not None:
        conditions.append("flow = ?")
        values.append(which.flow)
    if which.statuses:
        conditions.append(f"status IN ({', '.join('?' * len(which.statuses))})")
        values += [status.value for status in which.statuses]
    if which.prefix:
        conditions.append("run_id >= ? AND run_id < ?")
        values += [which.prefix, which.prefix + _BEYOND_EVERY_ID]
    for name, value in which.labels.items():
        conditions.append("run IN (SELECT run FROM labels WHERE name = ? AND value = ?)")
        values += [name, value]
    if which.since is not None:
        conditions.append("started_at >= ?")
        values.append(float(which.since))
    if which.until is not None:
        conditions.append("started_at < ?")
        values.append(float(which.until))
    if which.text:
        searched = [texts.contains.format(text) for text in ("run_id", "flow", texts.error, "value")]
        in_label = f"EXISTS (SELECT 1 FROM labels WHERE labels.run = runs.run AND {searched.pop()})"
        conditions.append(f"({' OR '.join(searched)} OR {in_label})")
        values += [folded(which.text)] * 4
    return " AND ".join(conditions), values


def folded(text: str) -> str:
    """Without regard to case, as every database does it by itself: A-Z only."""
    return text.translate(_FOLD)


def of_partitions(partitions: Collection[int] | None) -> bytes:
    """Partitions as a JSON list; null for all of them."""
    return jsontext.dumps(None if partitions is None else list(partitions))


def of_ids(ids: object) -> bytes:
    """Ids as one JSON list, so that a statement is the same for any number of them."""
    return jsontext.dumps(ids)


def _of_attempt(attempt: Attempt) -> Row:
    return (
        attempt.id,
        attempt.run_id,
        attempt.task,
        attempt.due,
        0.0 if attempt.published else None,
        _written_envelope(attempt.message),
        attempt.message.body,
    )


def _written_envelope(message: Message) -> bytes:
    """As `envelope` says, in JSON; headers that many messages have in common are written once for all of them."""
    headers = message.headers
    if type(headers) is Headers and headers.own and headers.common.members:
        own, rest = jsontext.dumps(headers.own), jsontext.dumps(_without_headers(message))
        common = _written_once(headers.common)
        if own.startswith(b"{") and rest.startswith(b"{") and common.startswith(b"{"):  # plain JSON, all of it
            return b'%b,"headers":%b,%b}' % (rest[:-1], own[:-1], common[1:])
    return jsontext.dumps(envelope(message))


@lru_cache(maxsize=1024)
def _written_once(common: CommonHeaders) -> bytes:
    return jsontext.dumps(common.members)


def envelope(message: Message) -> dict[str, Json]:
    """A message without its body and without what has its default: most fields of most messages."""
    envelope = _without_headers(message)
    if message.headers:
        envelope["headers"] = message.headers
    return envelope


def _without_headers(message: Message) -> dict[str, Json]:
    envelope: dict[str, Json] = {"routing_key": message.routing_key}
    for name, default in _DEFAULTS:
        value = getattr(message, name)
        if value != default:
            envelope[name] = value
    return envelope


def _parent(header: RunHeader) -> tuple[str | None, TaskId | None]:
    return (None, None) if header.parent_node is None else (header.parent_node.run_id, header.parent_node.id)


def _labels(header: RunHeader) -> bytes | None:
    return jsontext.dumps(header.labels) if header.labels else None


def _error(error: TaskError | None) -> bytes | None:
    return None if error is None else jsontext.dumps(error)
