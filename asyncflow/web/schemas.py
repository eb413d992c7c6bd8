"""JSON Schemas of what the HTTP API takes and answers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from asyncflow.client import TOGETHER
from asyncflow.model.names import Json
from asyncflow.model.run import NodeKind, Status
from asyncflow.model.schedule import CatchUp


def _object(properties: Mapping[str, Any], *required: str, more: bool = False) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": dict(properties)}
    if required:
        schema["required"] = list(required)
    if not more:
        schema["additionalProperties"] = False
    return schema


def _answer(**properties: Any) -> dict[str, Any]:
    """Answers may get more members in later versions."""
    return {**_object(properties, *properties, more=True)}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(items: Json) -> dict[str, Any]:
    return {"type": "array", "items": items}


_TEXT = {"type": "string"}
_NAME = {"type": "string", "minLength": 1, "maxLength": 200}
_TIME = {"type": ["string", "null"], "format": "date-time"}
_STATE = {"enum": [status.value for status in Status]}
_ERROR = {"oneOf": [{"type": "null"}, _ref("TaskError")]}
_COUNTS = {"type": "object", "additionalProperties": {"type": "integer"}}
_SPREAD = {"description": "null, or count, p50, p95, p99 and most.", "type": ["object", "null"]}
_KIND = {"enum": [kind.value for kind in NodeKind]}
_LABELS = {"type": "object", "additionalProperties": _TEXT}

START = _object(
    {
        "flow": {**_NAME, "description": "The flow to start."},
        "node_args": {"description": "The flow's arguments: any JSON that its `node_args_schema` takes."},
        "run_id": {**_NAME, "description": "The run's id; the same id again is the same run. Drawn if not given."},
        "labels": {**_LABELS, "description": "Marks of the run, by name."},
        "only": {**_list(_NAME), "description": "Run what leads to these tasks, no more."},
        "priority": {"type": "integer", "minimum": 0, "maximum": 255, "description": "Of its task messages."},
        "follow_subflows": {"type": "boolean", "description": "With `only`: look for the tasks in sub-flows too."},
        "run_subsequent": {"type": "boolean", "description": "With `only`: run what follows the tasks too."},
    },
    "flow",
)
START_MANY = _object(
    {
        "flow": {**_NAME, "description": "The flow to start."},
        "runs": {
            **_list(_object({name: START["properties"][name] for name in ("node_args", "run_id")})),
            "minItems": 1,
            "maxItems": TOGETHER,
            "description": "One for each run.",
        },
        "labels": {**_LABELS, "description": "Marks of each run, by name."},
        "priority": START["properties"]["priority"],
    },
    "flow",
    "runs",
)
RETRY = _object(
    {
        "from": {**_list(_NAME), "description": "Nodes that run again, with all that follows them."},
        "run_id": {**_NAME, "description": "The new run's id; the same id again is the same run. Drawn if not given."},
    }
)
CANCEL = _object({"reason": {**_TEXT, "maxLength": 1000, "description": "Why; kept with the run."}})

SIGNAL = _object(
    {
        "event": {**_NAME, "description": "What has happened: the event that nodes wait for."},
        "payload": {"description": "Any JSON that the node's schema takes; it becomes the node's result."},
        "id": {**_NAME, "description": "The same id again for the same event is the same signal. Drawn if not given."},
        "node": {**_NAME, "description": "The id of the one node that it is for."},
    },
    "event",
)

_HEADER = {
    "run_id": _TEXT,
    "flow": _TEXT,
    "state": _STATE,
    "root_id": _TEXT,
    "started_at": _TIME,
    "ended_at": _TIME,
    "error": _ERROR,
    "labels": _LABELS,
}

_WHERE: Mapping[str, Json] = {
    "queue": {"type": ["string", "null"], "description": "Where workers take the attempt from; null if not known."},
    "worker": {"type": ["string", "null"], "description": "Which worker has or had the attempt; null if not known."},
    "running_since": {**_TIME, "description": "Since when that worker runs or ran it; null if not known."},
}

SCHEMAS: Mapping[str, Json] = MappingProxyType(
    {
        "Error": _answer(error=_answer(type=_TEXT, message=_TEXT)),
        "TaskError": _answer(type=_TEXT, message=_TEXT, module=_TEXT, traceback=_TEXT),
        "Flow": _answer(
            name=_TEXT,
            version=_TEXT,
            nodes=_list(_object({"name": _TEXT, "kind": _KIND}, "name", "kind", more=True)),
            node_args_schema={},
        ),
        "Progress": {
            **_answer(
                done={"type": ["number", "null"]},
                total={"type": ["number", "null"]},
                text={**_TEXT, "description": "What it is at; empty where it does not say."},
            ),
            "description": "How far a running task says it is: so much of so much. Not kept; null for what is unsaid.",
        },
        "Try": _answer(id=_TEXT, attempt={"type": "integer"}, due=_TIME, ended_at=_TIME, error=_ERROR, **_WHERE),
        "Node": _object(
            {
                "id": _TEXT,
                "name": _TEXT,
                "kind": _KIND,
                "state": {"enum": ["running", "waiting", "retrying", "succeeded", "failed", "cancelled", "reused"]},
                "attempt": {"type": "integer", "minimum": 1},
                "started_at": _TIME,
                "ended_at": _TIME,
                "result": {"description": "The result, where the dispatcher keeps it."},
                "error": _ERROR,
                "parent": {},
                "handled": {"type": "boolean", "description": "A fallback took care of its failure."},
                "fallback": {"type": "boolean", "description": "A fallback started it."},
                "waiting_for": {
                    "type": ["string", "null"],
                    "description": "The queue of its task, while there is none of that name.",
                },
                "progress": {"oneOf": [{"type": "null"}, _ref("Progress")]},
                "due": {**_TIME, "description": "When the current attempt was, or is, to begin."},
                **_WHERE,
                "tries": {**_list(_ref("Try")), "description": "The attempts before the current one."},
                "event": {"type": ["string", "null"], "description": "The signal that a wait node waits for."},
                "until": {**_TIME, "description": "When a wait node gives up, or a delay is over."},
                "nodes": {**_list(_ref("Node")), "description": "Of a sub-flow."},
            },
            "id",
            "name",
            "kind",
            "state",
            more=True,
        ),
        "RunSummary": _answer(**_HEADER),
        "Run": _answer(**_HEADER, attempt={"type": "integer"}, node_args={}, nodes=_list(_ref("Node"))),
        "Overview": _answer(
            at=_TIME,
            since=_TIME,
            width={"type": "number", "description": "Seconds of a step."},
            steps=_list(_COUNTS),
            flows=_list(_answer(flow=_TEXT, states=_COUNTS)),
            open=_COUNTS,
            late=_list(_ref("RunSummary")),
            lag=_SPREAD,
            outbox={"type": "integer"},
            queues={
                "oneOf": [
                    {"type": "null"},
                    _list(
                        _answer(
                            name=_TEXT,
                            exists={"type": "boolean"},
                            messages={"type": "integer"},
                            consumers={"type": "integer"},
                        )
                    ),
                ]
            },
            dispatchers=_list(_answer(name=_TEXT, partitions=_list({"type": "integer"}))),
        ),
        "Statistics": _answer(
            flow=_TEXT,
            runs={"type": "integer"},
            states=_COUNTS,
            seconds=_SPREAD,
            nodes=_list(_answer(name=_TEXT, states=_COUNTS, attempts={"type": "integer"}, rate={}, seconds=_SPREAD)),
            edges=_list(_answer(index={"type": "integer"}, fired={"type": "integer"}, not_fired={"type": "integer"})),
            recent=_list(_answer(run_id=_TEXT, state=_STATE, started_at=_TIME, seconds={})),
        ),
        "Entry": _answer(version={"type": "integer"}, at=_TIME, facts=_list({"type": "array"})),
        "Schedule": _answer(
            name=_TEXT,
            flow=_TEXT,
            cron={"type": ["string", "null"]},
            every={"type": ["number", "null"], "description": "Seconds."},
            timezone=_TEXT,
            enabled={"type": "boolean"},
            catch_up={"enum": [policy.value for policy in CatchUp]},
            node_args={},
            labels=_LABELS,
            last={**_TIME, "description": "The last tick that was seen to."},
            next={**_list({**_TEXT, "format": "date-time"}), "description": "The next ticks."},
        ),
        "SchedulesAnswer": _answer(schedules=_list(_ref("Schedule"))),
        "FlowAnswer": _answer(flow=_ref("Flow")),
        "NodeAnswer": _answer(node=_ref("Node")),
        "FactsAnswer": _answer(entries=_list(_ref("Entry"))),
        "OverviewAnswer": _answer(overview=_ref("Overview")),
        "StatisticsAnswer": _answer(statistics=_ref("Statistics")),
        "FlowsAnswer": _answer(flows=_list(_ref("Flow"))),
        "RunAnswer": _answer(run=_ref("Run")),
        "RunsAnswer": _answer(runs=_list(_ref("RunSummary"))),
        "RetryAnswer": _answer(
            retry=_answer(run_id=_TEXT, flow=_TEXT, again=_COUNTS, reused=_COUNTS, flow_has_changed={"type": "boolean"})
        ),
        "RunIdAnswer": _answer(run_id=_TEXT),
        "RunIdsAnswer": _answer(run_ids={**_list(_TEXT), "description": "In the order of `runs`."}),
        "SignalAnswer": _answer(
            run_id=_TEXT,
            signal=_object(
                {
                    "state": {"enum": ["taken", "kept", "repeated"]},
                    "node": {**_TEXT, "description": "The name of the node that it has released."},
                    "id": {**_TEXT, "description": "That node's id."},
                    "run_id": {**_TEXT, "description": "The run that it has reached: the one named, or a sub-flow's."},
                },
                "state",
                more=True,
            ),
        ),
        "StatusAnswer": _object({"status": _TEXT, "message": _TEXT}, "status", more=True),
        "Document": {"type": "object"},
        "TokensAnswer": _answer(
            tokens=_list(_answer(id=_TEXT, name=_TEXT, scope={"enum": ["read", "run", "admin"]}, created_at=_TEXT))
        ),
    }
)
