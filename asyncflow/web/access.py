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

    def require(self, request: Request, scope: Scope) -> None:
        """Raises Refused, 401 or 403. A wrong token is refused also where none is needed. Raises StoreError."""
        kind, _, text = request.headers.get("Authorization", "").partition(" ")
        if not text:
            if self.demanded:
                raise Refused(
                    HTTPStatus.UNAUTHORIZED,
                    "this needs a token, as `Authorization: Bearer TOKEN`; `asyncflow token create` makes one",
                    challenge="Bearer",
                )
            return
        found = self.tokens.scope_of(text.strip()) if self.tokens is not None and kind.lower() == "bearer" else None
        if found is None:
            raise Refused(HTTPStatus.UNAUTHORIZED, "this token is not valid here", challenge="Bearer")
        if not found.covers(scope):
            raise Refused(
                HTTPStatus.FORBIDDEN,
                f"this needs a token of scope {scope.value!r}, and yours has {found.value!r}; "
                f"`asyncflow token create --scope {scope.value}` makes one",
            )
