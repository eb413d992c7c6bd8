"""Runs: start, list, show, wait, cancel, pause, resume, draw."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote

from starlette.responses import Response

from asyncflow import drawing
from asyncflow.model.names import Json
from asyncflow.web.answers import answer
from asyncflow.web.endpoint import Call
from asyncflow.web.flows import drawn, flow_of
from asyncflow.web.site import Site

_KEYS = uuid.UUID("5a3c9b0e-2f0b-5d8e-9f55-2f6f5e1c7a41")
"""Run ids are made of idempotency keys under this namespace; it may never change."""

_DRAWN = 40
"""Sub-flows of one name whose own nodes are looked at for a drawing."""

_FIRST = ("running", "retrying", "waiting", "failed", "cancelled", "succeeded", "reused")
"""The state of a node with several instances is the first of these that one of them is in."""


async def start_run(site: Site, call: Call) -> Response:
    body = call.body
    flow = flow_of(site, body["flow"])
    key = call.request.headers.get("Idempotency-Key", "")
    run = await site.client.start(
        flow.name,
        body.get("node_args"),
        run_id=body.get("run_id") or (run_id_of(flow.name, key) if key else None),
        labels=body.get("labels"),
        only=body.get("only", ()),
        follow_subflows=body.get("follow_subflows", False),
        run_subsequent=body.get("run_subsequent", False),
        priority=body.get("priority"),
    )
    where = {"Location": f"/api/runs/{quote(run.id, safe='')}"}
    return answer({"run_id": run.id}, status=HTTPStatus.CREATED, headers=where)


async def start_many(site: Site, call: Call) -> Response:
    body, key = call.body, call.request.headers.get("Idempotency-Key", "")
    flow = flow_of(site, body["flow"])
    runs = await site.client.start_many(
        flow.name,
        [one.get("node_args") for one in body["runs"]],
        run_ids=[
            one.get("run_id") or (run_id_of(flow.name, f"{key}\n{place}") if key else str(uuid.uuid4()))
            for place, one in enumerate(body["runs"])
        ],
        labels=body.get("labels"),
        priority=body.get("priority"),
    )
    return answer({"run_ids": [run.id for run in runs]}, status=HTTPStatus.CREATED)


def run_id_of(flow: str, key: str) -> str:
    """The same key for the same flow is the same run."""
    return str(uuid.uuid5(_KEYS, f"{flow}\n{key}"))


async def list_runs(site: Site, call: Call) -> Response:
    return answer({"runs": await listed(site, call)})


async def listed(site: Site, call: Call) -> Sequence[Mapping[str, Json]]:
    """The runs that a query asks for."""
    query = dict(call.query)
    return await site.client.list(labels=query.pop("label"), **query)


async def show_run(site: Site, call: Call) -> Response:
    run, most = site.client.run(call.path("run")), call.query["most"]
    return answer({"run": (await run.status()).report if most is None else await run.digest(most)})


async def show_node(site: Site, call: Call) -> Response:
    return answer({"node": await site.client.run(call.path("run")).node(call.path("node"))})


async def show_facts(site: Site, call: Call) -> Response:
    run = site.client.run(call.path("run"))
    return answer({"entries": await run.journal(call.query["after"], call.query["limit"])})


async def wait_run(site: Site, call: Call) -> Response:
    """The run when it is over, or as it is when the time is up."""
    run = site.client.run(await _one(site, call))
    try:
        outcome = await run.wait(call.query["timeout"])
    except TimeoutError:
        outcome = await run.status()
    return answer({"run": outcome.report})


async def cancel_run(site: Site, call: Call) -> Response:
    run = await _one(site, call)
    await site.client.run(run).cancel(call.body.get("reason", ""))
    return answer({"run_id": run})


async def pause_run(site: Site, call: Call) -> Response:
    run = await _one(site, call)
    await site.client.run(run).pause()
    return answer({"run_id": run})


async def resume_run(site: Site, call: Call) -> Response:
    run = await _one(site, call)
    await site.client.run(run).resume()
    return answer({"run_id": run})


async def signal_run(site: Site, call: Call) -> Response:
    """The header is what other endpoints take too; the body's `id` says the same."""
    body, run = call.body, await _one(site, call)
    told = await site.client.run(run).signal(
        body["event"],
        body.get("payload"),
        id=body.get("id") or call.request.headers.get("Idempotency-Key", ""),
        node=body.get("node"),
    )
    return answer({"run_id": run, "signal": told})


async def retry_run(site: Site, call: Call) -> Response:
    run = site.client.run(await _one(site, call))
    new = await run.retry(from_=call.body.get("from", ()), run_id=call.body.get("run_id"))
    where = {"Location": f"/api/runs/{quote(new.id, safe='')}"}
    return answer({"run_id": new.id}, status=HTTPStatus.CREATED, headers=where)


async def preview_retry(site: Site, call: Call) -> Response:
    found = await site.client.run(call.path("run")).preview_retry(from_=call.query["from"])
    return answer({"retry": found})


async def _one(site: Site, call: Call) -> str:
    """The whole id: what is changed must be one run. Raises UnknownRunError, AmbiguousRunError."""
    found: str = (await site.client.run(call.path("run")).digest(0))["run_id"]
    return found


async def draw_run(site: Site, call: Call) -> Response:
    run = await site.client.run(call.path("run")).digest(_DRAWN)
    flow = flow_of(site, run["flow"])
    expand, format = call.query["expand"], call.query["format"]
    states = states_of(run, deep=expand)
    if format == "svg":
        return drawn(site.gallery.svg(flow.name, expand, states), "svg")
    return drawn(
        drawing.draw(site.configuration, flow.name, format=format, expand=expand, states=states),
        format,
    )


def states_of(run: Mapping[str, Json], *, deep: int = 0) -> Mapping[str, drawing.NodeState]:
    """How the nodes of a report stand, by path; those in sub-flows too, so many sub-flows deep."""
    counts: dict[str, Counter[str]] = {}
    _count(run, "", deep, counts)
    return {
        path: drawing.NodeState(state=next((state for state in _FIRST if count[state]), "waiting"), counts=dict(count))
        for path, count in counts.items()
    }


def _count(run: Mapping[str, Json], within: str, deep: int, counts: dict[str, Counter[str]]) -> None:
    many = {group["name"]: group["states"] for group in run.get("groups", ())}
    for name, states in many.items():
        counts.setdefault(f"{within}{name}", Counter()).update(states)
    for node in run["nodes"]:
        path = f"{within}{node['name']}"
        if node["name"] not in many:
            counts.setdefault(path, Counter())[node["state"]] += 1
        if deep > 0 and node.get("nodes"):
            _count(node, f"{path}/", deep - 1, counts)
