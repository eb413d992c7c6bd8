"""The ASGI application: the endpoints, the page, and the guard around them."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from asyncflow.drawing.stylesheet import page_stylesheet
from asyncflow.errors import AsyncflowError
from asyncflow.web.guard import Guard, Limits, TooLargeError
from asyncflow.web.openapi import document_of
from asyncflow.web.refusals import refusal, refuse_bug, refuse_error, refuse_http
from asyncflow.web.site import Site
from asyncflow.web.table import ENDPOINTS

_MEDIA = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def application(site: Site, limits: Limits | None = None) -> ASGIApp:
    """The HTTP API and the page, for any ASGI server."""
    app = Starlette(
        routes=[*(endpoint.route(site) for endpoint in ENDPOINTS), *_page()],
        exception_handlers={
            AsyncflowError: refuse_error,
            HTTPException: refuse_http,
            TooLargeError: _refuse_large,
            Exception: refuse_bug,
        },
    )
    app.state.document = document_of(ENDPOINTS, version("asyncflow-dispatcher"))
    return Guard(app, limits or Limits())


def _page() -> list[Route]:
    """The page's files, read once; nothing else of the file system can be asked for."""
    found = {
        file.name: file.read_bytes()
        for file in (files("asyncflow.web") / "static").iterdir()
        if file.name.rpartition(".")[2] in _MEDIA
    }
    found["drawing.css"] = page_stylesheet().encode()
    routes = [_file(f"/static/{name}", content, _MEDIA[name.rpartition(".")[2]]) for name, content in found.items()]
    return [*routes, *([_file("/", found["index.html"], "text/html")] if "index.html" in found else [])]


def _file(path: str, content: bytes, media_type: str) -> Route:
    async def serve(request: Request) -> Response:
        return Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})

    return Route(path, serve, methods=["GET"])


async def _refuse_large(request: Request, error: Exception) -> Response:
    return refusal(413, "RequestEntityTooLarge", str(error))
