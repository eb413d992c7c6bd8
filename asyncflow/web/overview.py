"""How things stand, and how a flow has done."""

from __future__ import annotations

from starlette.responses import Response

from asyncflow.web.answers import answer
from asyncflow.web.endpoint import Call
from asyncflow.web.flows import flow_of
from asyncflow.web.site import Site


async def show_overview(site: Site, call: Call) -> Response:
    return answer({"overview": await site.client.overview(call.query["seconds"])})


async def show_statistics(site: Site, call: Call) -> Response:
    flow = flow_of(site, call.path("flow"))
    return answer({"statistics": await site.client.statistics(flow.name, call.query["last"])})
