"""Who may do what: tokens, and what they are demanded for."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request

from asyncflow.web.refusals import Refused
from asyncflow.web.tokens import Scope, TokenFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Without `demanded` everyone may do everything, for only this machine is listened to."""

    tokens: TokenFile | None = None
    demanded: bool = False

    def require(self, request: Request, scope: Scope) -> str:
        """Who asks: a token's id, or an address. Raises Refused, 401 or 403, and StoreError.

        A wrong token is refused also where none is needed.
        """
        kind, _, text = request.headers.get("Authorization", "").partition(" ")
        if not text:
            if self.demanded:
                raise _unauthorized(
                    "this needs a token, as `Authorization: Bearer TOKEN`; `asyncflow token create` makes one"
                )
            return address_of(request)
        found = self.tokens.find(text.strip()) if self.tokens is not None and kind.lower() == "bearer" else None
        if found is None:
            raise _unauthorized("this token is not valid here")
        if not found.scope.covers(scope):
            raise Refused(
                HTTPStatus.FORBIDDEN,
                f"this needs a token of scope {scope.value!r}, and yours has {found.scope.value!r}; "
                f"`asyncflow token create --scope {scope.value}` makes one",
            )
        return f"token {found.id}"


def address_of(request: Request) -> str:
    return "" if request.client is None else request.client.host


def _unauthorized(message: str) -> Refused:
    return Refused(HTTPStatus.UNAUTHORIZED, message, headers={"WWW-Authenticate": "Bearer"})
