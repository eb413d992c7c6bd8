"""Every endpoint. Routes, checks of requests and the OpenAPI document all come from this table."""

from __future__ import annotations

from asyncflow.drawing import FORMATS
from asyncflow.model.run import Status
from asyncflow.web import flows, health, overview, runs, schemas, streams, token_desk
from asyncflow.web.endpoint import Endpoint, Parameter
from asyncflow.web.streams import EVENT_STREAM
from asyncflow.web.tokens import Scope

_EXPAND = Parameter(name="expand", summary="How deep sub-flows are unfolded.", kind="integer", default=0, most=5)
_DRAWING = (Parameter(name="format", summary="The format.", choices=FORMATS, default="svg"), _EXPAND)
_DRAWING_MEDIA = tuple(flows.DRAWING_MEDIA.values())
_FILTERS = (
    Parameter(name="flow", summary="Only runs of this flow."),
    Parameter(
        name="state",
        summary="Only runs in this state; repeatable.",
        kind="texts",
        choices=tuple(status.value for status in Status),
    ),
    Parameter(name="label", summary="Only runs with this label, NAME=VALUE; repeatable.", kind="pairs"),
    Parameter(name="since", summary="Started then or later: how long ago, such as 2h, or ISO 8601.", kind="moment"),
    Parameter(name="until", summary="Started before then: how long ago, such as 2h, or ISO 8601.", kind="moment"),
    Parameter(name="search", summary="With this in the id, the flow, the error or the value of a label.", default=""),
    Parameter(name="limit", summary="At most so many.", kind="integer", default=100, least=1, most=1000),
)
_RUN = "/api/runs/{run}"
_MOST = Parameter(
    name="most",
    summary="Tell it in few words: no results, and of each name no more than so many nodes; groups tell of the rest.",
    kind="integer",
    most=500,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/flows",
        summary="List the flows.",
        handler=flows.list_flows,
        answer="FlowsAnswer",
    ),
    Endpoint(
        method="GET",
        path="/api/flows/{flow:path}/drawing",
        summary="Draw a flow.",
        handler=flows.draw_flow,
        parameters=(
            *_DRAWING,
            Parameter(
                name="counted",
                summary="1 leaves room in an SVG for counts, as in a run.",
                kind="integer",
                default=0,
                most=1,
            ),
        ),
        media=_DRAWING_MEDIA,
        refusals=(404,),
    ),
    Endpoint(
        method="GET",
        path="/api/flows/{flow:path}/statistics",
        summary="How a flow and its nodes have done in its last runs: how many succeeded, and how long they took.",
        handler=overview.show_statistics,
        parameters=(
            Parameter(
                name="last", summary="So many runs that are over.", kind="integer", default=50, least=1, most=200
            ),
        ),
        answer="StatisticsAnswer",
        refusals=(404, 503),
    ),
    Endpoint(
        method="GET",
        path="/api/flows/{flow:path}",
        summary="Show a flow, with the JSON Schema of its arguments.",
        handler=flows.show_flow,
        answer="FlowAnswer",
        refusals=(404,),
    ),
    Endpoint(
        method="GET",
        path="/api/schedules",
        summary="List the schedules, each with its last tick and its next ones.",
        handler=flows.list_schedules,
        answer="SchedulesAnswer",
        refusals=(503,),
    ),
    Endpoint(
        method="POST",
        path="/api/runs",
        summary="Start a flow; answers when the start is durable.",
        handler=runs.start_run,
        scope=Scope.RUN,
        headers=(Parameter(name="Idempotency-Key", summary="The same key again for a flow is the same run."),),
        body=schemas.START,
        answer="RunIdAnswer",
        status=201,
        refusals=(404, 422, 503),
    ),
    Endpoint(
        method="POST",
        path="/api/runs/batch",
        summary="Start a flow many times, all or none of them; answers when the starts are durable.",
        handler=runs.start_many,
        scope=Scope.RUN,
        headers=(Parameter(name="Idempotency-Key", summary="The same key again for a flow is the same runs."),),
        body=schemas.START_MANY,
        answer="RunIdsAnswer",
        status=201,
        refusals=(404, 422, 503),
    ),
    Endpoint(
        method="GET",
        path="/api/runs",
        summary="List runs, newest first, without their nodes.",
        handler=runs.list_runs,
        parameters=_FILTERS,
        answer="RunsAnswer",
        refusals=(503,),
    ),
    Endpoint(
        method="GET",
        path="/api/runs/changes",
        summary="Follow the list of runs: `runs` events, each with the whole list.",
        handler=streams.follow_runs,
        parameters=_FILTERS,
        media=(EVENT_STREAM,),
        refusals=(503,),
    ),
    Endpoint(
        method="GET",
        path=_RUN,
        summary="Show a run with its nodes. A beginning of its id is enough, if it fits no other.",
        handler=runs.show_run,
        parameters=(_MOST,),
        answer="RunAnswer",
        refusals=(404, 409, 503),
    ),
    Endpoint(
        method="GET",
        path=f"{_RUN}/nodes/{{node}}",
        summary="Show a node with its arguments, result and attempts, by the id of any of these.",
        handler=runs.show_node,
        answer="NodeAnswer",
        refusals=(404, 409, 503),
    ),
    Endpoint(
        method="GET",
        path=f"{_RUN}/facts",
        summary="The journal of a run: what was decided, and when, as it is stored.",
        handler=runs.show_facts,
        parameters=(
            Parameter(
                name="after",
                summary="From the entry after this version on.",
                kind="integer",
                default=0,
                most=999_999_999,
            ),
            Parameter(name="limit", summary="At most so many.", kind="integer", default=200, least=1, most=1000),
        ),
        answer="FactsAnswer",
        refusals=(404, 409, 503),
    ),
    Endpoint(
        method="GET",
        path=f"{_RUN}/wait",
        summary="Show a run when it is over, or when the time is up.",
        handler=runs.wait_run,
        parameters=(Parameter(name="timeout", summary="Seconds.", kind="integer", default=30, least=1, most=300),),
        answer="RunAnswer",
        refusals=(404, 409, 503),
    ),
    Endpoint(
        method="GET",
        path=f"{_RUN}/changes",
        summary=(
            "Follow a run: `run` with all of it, `changes` with what was committed since, `progress` with how far tasks "
            "say they are (as in `progress` of a node), `end` when it is over."
        ),
        handler=streams.follow_run,
        parameters=(_MOST,),
        media=(EVENT_STREAM,),
        refusals=(404, 409, 503),
    ),
    Endpoint(
        method="GET",
        path=f"{_RUN}/drawing",
        summary="Draw a run: its flow, coloured by how its nodes stand.",
        handler=runs.draw_run,
        parameters=_DRAWING,
        media=_DRAWING_MEDIA,
        refusals=(404, 409, 503),
    ),
    Endpoint(
        method="POST",
        path=f"{_RUN}/cancel",
        summary="Cancel a run with its sub-flows; answers when that is durable.",
        handler=runs.cancel_run,
        scope=Scope.RUN,
        body=schemas.CANCEL,
        answer="RunIdAnswer",
        refusals=(404, 409, 503),
    ),
    Endpoint(
        method="POST",
        path=f"{_RUN}/pause",
        summary="Pause a run: what is under way goes on, nothing new starts.",
        handler=runs.pause_run,
        scope=Scope.RUN,
        answer="RunIdAnswer",
        refusals=(404, 409, 503),
    ),
    Endpoint(
        method="POST",
        path=f"{_RUN}/resume",
        summary="Go on with a paused run.",
        handler=runs.resume_run,
        scope=Scope.RUN,
        answer="RunIdAnswer",
        refusals=(404, 409, 503),
    ),
    Endpoint(
        method="POST",
        path=f"{_RUN}/retry",
        summary="Run what has not succeeded in a run that is over again, in a new run; answers when that is durable.",
        handler=runs.retry_run,
        scope=Scope.RUN,
        body=schemas.RETRY,
        answer="RunIdAnswer",
        status=201,
        refusals=(404, 409, 503),
    ),
    Endpoint(
        method="GET",
        path=f"{_RUN}/retry",
        summary="What a retry would run again, and what it would reuse.",
        handler=runs.preview_retry,
        parameters=(Parameter(name="from", summary="A node that runs again; repeatable.", kind="texts"),),
        answer="RetryAnswer",
        refusals=(400, 404, 409, 503),
    ),
    Endpoint(
        method="GET",
        path="/api/overview",
        summary="How things stand: outcomes over time, late runs, dispatch lag, queues, dispatchers.",
        handler=overview.show_overview,
        parameters=(
            Parameter(
                name="seconds", summary="How far back.", kind="integer", default=3600, least=60, most=366 * 86400
            ),
        ),
        answer="OverviewAnswer",
        refusals=(503,),
    ),
    Endpoint(
        method="POST",
        path=f"{_RUN}/signals",
        summary="Tell a run of an external event, which releases a node that waits for it; answers when that is durable.",
        handler=runs.signal_run,
        scope=Scope.RUN,
        headers=(Parameter(name="Idempotency-Key", summary="As `id` in the body."),),
        body=schemas.SIGNAL,
        answer="SignalAnswer",
        refusals=(404, 409, 422, 503),
    ),
    Endpoint(
        method="GET",
        path="/api/tokens",
        summary="List the tokens; the tokens themselves are not kept anywhere.",
        handler=token_desk.list_tokens,
        scope=Scope.ADMIN,
        answer="TokensAnswer",
    ),
    Endpoint(
        method="DELETE",
        path="/api/tokens/{token}",
        summary="Revoke a token by its id.",
        handler=token_desk.revoke_token,
        scope=Scope.ADMIN,
        answer="TokensAnswer",
        refusals=(404,),
    ),
    Endpoint(
        method="GET",
        path="/api/openapi.json",
        summary="This document.",
        handler=health.openapi,
        scope=None,
        answer="Document",
    ),
    Endpoint(
        method="GET",
        path="/healthz",
        summary="Whether this process serves.",
        handler=health.healthz,
        scope=None,
        answer="StatusAnswer",
    ),
    Endpoint(
        method="GET",
        path="/readyz",
        summary="Whether a dispatcher answers; if not, whether it or the broker is away.",
        handler=health.readyz,
        scope=None,
        answer="StatusAnswer",
        refusals=(503,),
    ),
    Endpoint(
        method="GET",
        path="/metrics",
        summary="What was counted, for Prometheus.",
        handler=health.metrics,
        media=("text/plain",),
        refusals=(404,),
    ),
)
