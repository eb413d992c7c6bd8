"""Tokens over HTTP, for those who administer: seen and revoked here, made only on the server's own machine."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from starlette.responses import Response

from asyncflow.model.names import Json
from asyncflow.web.answers import answer
from asyncflow.web.endpoint import Call
from asyncflow.web.refusals import Refused
from asyncflow.web.site import Site
from asyncflow.web.tokens import Token


async def list_tokens(site: Site, call: Call) -> Response:
    tokens = site.access.tokens
    return answer({"tokens": told(tokens.tokens() if tokens is not None else ())})


async def revoke_token(site: Site, call: Call) -> Response:
    tokens, id = site.access.tokens, call.path("token")
    if tokens is None or id not in {token.id for token in tokens.tokens()}:
        raise Refused(HTTPStatus.NOT_FOUND, f"no token has the id {id!r}; /api/tokens lists them")
    tokens.revoke(id)
    return answer({"tokens": told(tokens.tokens())})


def told(tokens: Sequence[Token]) -> Json:
    return [
        {"id": token.id, "name": token.name, "scope": token.scope.value, "created_at": token.created_at}
        for token in tokens
    ]
