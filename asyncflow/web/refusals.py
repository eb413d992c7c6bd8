"""What is answered when a request cannot be served: {"error": {"type", "message"}}, under the right status."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from asyncflow import errors
from asyncflow.web.answers import answer

_log = logging.getLogger("asyncflow.web")

_STATUSES: tuple[tuple[type[errors.AsyncflowError], HTTPStatus], ...] = (
    (errors.UnknownFlowError, HTTPStatus.NOT_FOUND),
    (errors.UnknownRunError, HTTPStatus.NOT_FOUND),
    (errors.UnknownNodeError, HTTPStatus.NOT_FOUND),
    (errors.AmbiguousRunError, HTTPStatus.CONFLICT),
    (errors.InvalidNodeArgsError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.SelectiveNoPathError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.InvalidPayloadError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.SignalRefusedError, HTTPStatus.CONFLICT),
    (errors.RequestError, HTTPStatus.BAD_REQUEST),
    (errors.ConnectionFailedError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.NoDispatcherError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.AsyncflowError, HTTPStatus.INTERNAL_SERVER_ERROR),
)
"""The first class that fits counts."""


class Refused(HTTPException):
    """What HTTP itself has a status for: a missing token, a body that is no JSON."""

    def __init__(self, status: HTTPStatus, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, message, headers)


def status_of(error: errors.AsyncflowError) -> HTTPStatus:
    return next(status for kind, status in _STATUSES if isinstance(error, kind))


def refusal(status: int, type: str, message: str) -> Response:
    return answer({"error": {"type": type, "message": message}}, status=status)


async def refuse_error(request: Request, error: Exception) -> Response:
    """For everything that asyncflow raises on purpose."""
    assert isinstance(error, errors.AsyncflowError)
    response = refusal(status_of(error), type(error).__name__, str(error))
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "5"
    return response


async def refuse_http(request: Request, error: Exception) -> Response:
    """For what the router and the endpoints refuse: NotFound, MethodNotAllowed, Unauthorized ..."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    known = {HTTPStatus.NOT_FOUND: f"there is nothing at {request.url.path}; /api/openapi.json lists what there is"}
    message = error.detail if error.detail != status.phrase else known.get(status, status.description or status.phrase)
    response = refusal(status, _type(status), message)
    response.headers.update(error.headers or {})
    return response


async def refuse_bug(request: Request, error: Exception) -> Response:
    """Nothing of what went wrong inside is told outside."""
    return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", "this is a bug; the server's log tells more")


def _type(status: HTTPStatus) -> str:
    """NotFound, for 404."""
    return "".join(word.capitalize() for word in status.name.split("_"))
