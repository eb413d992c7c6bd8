"""What clients ask of a dispatcher, and its answers, as JSON messages.

A request is one message to the slot of its run; the answer goes to `reply_to` under the same correlation id.
`watch` is answered many times: the last answer has "ended": true.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias, get_args

import orjson

from asyncflow import errors
from asyncflow.model import jsontext
from asyncflow.model.names import FlowName, Json, RunId

REQUEST_TYPE = "asyncflow.request"
REPLY_TYPE = "asyncflow.reply"
"""The AMQP `type` of the messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRun:
    """Answer: {"run_id"} once the run is committed. The same run id again is the same run."""

    verb: ClassVar[str] = "start"
    run_id: RunId
    flow: FlowName
    node_args: Json = None
    labels: Mapping[str, str] = field(default_factory=dict)
    tasks: tuple[str, ...] = ()
    """For a selective run: the requested tasks; empty for a full run."""
    follow_subflows: bool = False
    run_subsequent: bool = False
    priority: int | None = None
    """Of its task messages, 0 to 255, where the queues have priorities; None for that of each task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartMany:
    """Answer: {"run_ids"} once all of them are committed. Nothing is started where one of them is refused."""

    verb: ClassVar[str] = "start-many"
    run_id: RunId
    """The first of them: it says where the request goes."""
    flow: FlowName
    starts: tuple[tuple[RunId, Json], ...]
    """Run ids with node args."""
    labels: Mapping[str, str] = field(default_factory=dict)
    priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRun:
    """Answer: {"run": a run as JSON}. `run_id` may be a unique beginning of one.

    With `most` a run of any size is told in few words: without results, and of each name no more than so many nodes,
    the others as "groups".
    """

    verb: ClassVar[str] = "show"
    run_id: RunId
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowNode:
    """Answer: {"node": a node with its result and its arguments}, by the id of any of its attempts."""

    verb: ClassVar[str] = "node"
    run_id: RunId
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowJournal:
    """Answer: {"entries": [{"version", "at", "facts"}]}, those after a version, at most so many."""

    verb: ClassVar[str] = "journal"
    run_id: RunId
    after: int = 0
    limit: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOverview:
    """Answer: {"overview": how things stand, and the outcomes of the runs of so many seconds}."""

    verb: ClassVar[str] = "overview"
    seconds: float = 3600.0
    run_id: RunId = RunId("")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowFlow:
    """Answer: {"statistics": of a flow and its nodes, over its last runs that are over}."""

    verb: ClassVar[str] = "flow"
    flow: FlowName
    last: int = 50
    run_id: RunId = RunId("")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRuns:
    """Answer: {"runs": [run without nodes]}, newest first."""

    verb: ClassVar[str] = "list"
    flow: FlowName | None = None
    state: tuple[str, ...] = ()
    """One of these; any, where none is named."""
    labels: Mapping[str, str] = field(default_factory=dict)
    since: float | None = None
    """Seconds since the epoch: started then or later; and `until`, before then."""
    until: float | None = None
    search: str = ""
    """Stands in the id, the flow, the error or the value of a label; A-Z and a-z are the same."""
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRun:
    """Answer: {"run": a run as JSON} when it is over."""

    verb: ClassVar[str] = "wait"
    run_id: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRun:
    """Answers: {"run": as it is now}, {"changes": [...]} of it and its child runs, {"run", "ended": true}.

    Between them {"waiting": [{"run_id", "id", "task", "queue", "since"}]}: attempts for which no queue exists, and,
    with null for `since`, those that have found one after all. With `most` the run is told in few words, as ShowRun does.
    Likewise {"progress": [{"run_id", "id", "task", "progress": {"done", "total", "text"}}]}: how far tasks say they
    are, a few times a second at most; each as it stands in "progress" of a node in a report. And {"changes": [], "seen":
    [{"run_id", "id", "worker", "running_since"}]}: which worker has an attempt, and since when it runs, if that is known.
    """

    verb: ClassVar[str] = "watch"
    run_id: RunId
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRun:
    """Answer: {"run_id"} once the cancellation is committed."""

    verb: ClassVar[str] = "cancel"
    run_id: RunId
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRun:
    """Answer: {"run_id"} once it is committed. Nothing new is published until the run is resumed."""

    verb: ClassVar[str] = "pause"
    run_id: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRun:
    """Answer: {"run_id"} once it is committed."""

    verb: ClassVar[str] = "resume"
    run_id: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRun:
    """Answer: {"run_id", "signal": {"state", ...}} once it is committed.

    The state is "taken", with "node", "id" and "run_id" of the node that is released, "kept" for the next one that
    waits, or "repeated": a signal of that event and id came before. `node` is the id of the one node that it is for.
    """

    verb: ClassVar[str] = "signal"
    run_id: RunId
    event: str
    id: str
    payload: Json = None
    node: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRun:
    """Answer: {"run_id"} of the new run, which is `new_id`, once it is committed. The same id again is the same run."""

    verb: ClassVar[str] = "retry"
    run_id: RunId
    new_id: RunId
    again: tuple[str, ...] = ()
    """Nodes that run again, with what follows them, though they have succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRetry:
    """Answer: {"retry": {"run_id", "flow", "again": {path: how many}, "reused": {...}, "flow_has_changed"}}."""

    verb: ClassVar[str] = "preview-retry"
    run_id: RunId
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Answer: {"flows": [names], "version": ...}."""

    verb: ClassVar[str] = "ping"
    run_id: RunId = RunId("")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSchedules:
    """Answer: {"schedules": [each with its last tick, and the next ones]}."""

    verb: ClassVar[str] = "schedules"
    run_id: RunId = RunId("")


Look: TypeAlias = ShowRun | ShowNode | ShowJournal | ShowOverview | ShowFlow | ListSchedules
"""Changes nothing, and is answered once."""

Request: TypeAlias = (
    StartRun
    | StartMany
    | Look
    | ListRuns
    | WaitRun
    | WatchRun
    | CancelRun
    | PauseRun
    | ResumeRun
    | SignalRun
    | RetryRun
    | PreviewRetry
    | Ping
)

_REQUESTS: Mapping[str, type[Any]] = {kind.verb: kind for kind in get_args(Request)}
_REFUSALS: Mapping[str, type[errors.RequestError]] = {
    kind.__name__: kind
    for kind in (
        errors.UnknownFlowError,
        errors.UnknownRunError,
        errors.UnknownNodeError,
        errors.AmbiguousRunError,
        errors.InvalidNodeArgsError,
        errors.SelectiveNoPathError,
        errors.SignalRefusedError,
        errors.InvalidPayloadError,
    )
}


def encode_request(request: Request) -> bytes:
    return jsontext.dumps({"verb": request.verb, "with": request})


def decode_request(body: bytes) -> Request:
    """Raises RequestError for anything that `encode_request` does not write."""
    try:
        raw = jsontext.loads(body)
        members = raw["with"]
        if "starts" in members:
            members["starts"] = tuple((str(id), node_args) for id, node_args in members["starts"])
        for name in ("tasks", "again", "state"):
            if name in members:
                members[name] = _texts(members[name])
        request: Request = _REQUESTS[raw["verb"]](**members)
        _check_members(request)
    except (ValueError, KeyError, TypeError) as exc:
        raise errors.RequestError(f"not a request that this dispatcher knows: {exc!r}") from exc
    return request


def _texts(given: Json) -> tuple[str, ...]:
    """Clients of before name one state, or none."""
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


_KINDS: Mapping[str, type[Any] | tuple[type[Any], ...]] = {
    "run_id": str,
    "flow": (str, type(None)),
    "labels": Mapping,
    "tasks": tuple,
    "again": tuple,
    "new_id": str,
    "priority": (int, type(None)),
    "follow_subflows": bool,
    "run_subsequent": bool,
    "state": tuple,
    "limit": int,
    "since": (int, float, type(None)),
    "until": (int, float, type(None)),
    "search": str,
    "most": (int, type(None)),
    "id": str,
    "event": str,
    "node": (str, type(None)),
    "after": int,
    "seconds": (int, float),
    "last": int,
    "reason": str,
}


def _check_members(request: Request) -> None:
    """Raises TypeError. What a member holds is used as a key, and must be what it says."""
    for name, kind in _KINDS.items():
        member = getattr(request, name, None)
        if hasattr(request, name) and not isinstance(member, kind):
            raise TypeError(f"{name} is {member!r}")
        if isinstance(member, tuple | Mapping):
            texts = member.values() if isinstance(member, Mapping) else member
            if not all(isinstance(text, str) for text in texts):
                raise TypeError(f"{name} holds more than texts")


def encode_refusal(error: errors.AsyncflowError) -> bytes:
    return orjson.dumps({"error": {"type": type(error).__name__, "message": str(error)}})


def decode_reply(body: bytes) -> dict[str, Json]:
    """The answer. Raises the RequestError that the dispatcher refused with."""
    try:
        reply: dict[str, Json] = orjson.loads(body)
    except orjson.JSONDecodeError:  # facts may hold what orjson does not read: NaN, lone surrogates
        reply = json.loads(body)
    error = reply.get("error")
    if error is not None:
        kind = _REFUSALS.get(error["type"], errors.RequestError)
        refusal = kind.__new__(kind)  # the sentence is built already: the class only says what kind it is
        errors.RequestError.__init__(refusal, error["message"])
        raise refusal
    return reply
