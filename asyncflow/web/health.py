"""What machines ask: is it alive, does a dispatcher answer, what was counted."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import Response

from asyncflow.errors import AsyncflowError
from asyncflow.model.requests import Ping
from asyncflow.web.answers import answer
from asyncflow.web.endpoint import Call
from asyncflow.web.refusals import Refused
from asyncflow.web.site import Site

_PATIENCE = 2.0
"""Seconds: probes give up soon themselves."""


async def healthz(site: Site, call: Call) -> Response:
    """This process serves; nothing else is looked at."""
    return answer({"status": "ok"})


async def readyz(site: Site, call: Call) -> Response:
    """A dispatcher answers over the broker, and has its store; if not, which of the three is away."""
    why = await _why_not(site)
    if why:
        return answer({"status": "unavailable", "message": why}, status=HTTPStatus.SERVICE_UNAVAILABLE)
    return answer({"status": "ok"})


async def metrics(site: Site, call: Call) -> Response:
    told = site.meters.text(dispatcher=not await _why_not(site))
    if told is None:
        raise Refused(HTTPStatus.NOT_FOUND, "metrics need: pip install 'asyncflow-dispatcher[metrics]'")
    text, media_type = told
    return Response(text, headers={"Content-Type": media_type})


async def _why_not(site: Site) -> str:
    if trouble := site.trouble():
        return trouble
    try:
        await site.client.ask(Ping(), timeout=_PATIENCE)
    except AsyncflowError as exc:
        return str(exc)
    return ""


async def openapi(site: Site, call: Call) -> Response:
    return answer(call.request.app.state.document)
