"""One row of the table of endpoints: what it takes, what it answers, who may ask. Requests are checked against it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from time import perf_counter, time
from typing import Any, NoReturn, TypeAlias

import fastjsonschema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from asyncflow.errors import AsyncflowError
from asyncflow.model.durations import moment_of
from asyncflow.model.names import Json
from asyncflow.web.access import address_of
from asyncflow.web.answers import JSON
from asyncflow.web.refusals import Refused, status_of
from asyncflow.web.site import Site
from asyncflow.web.tokens import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A member of the query; `kind` is "string", "integer", "moment", or of repeatable ones "texts" and "pairs" (NAME=VALUE)."""

    name: str
    summary: str
    kind: str = "string"
    choices: tuple[str, ...] = ()
    default: str | int | None = None
    least: int = 0
    most: int = 10_000

    def read(self, texts: Sequence[str]) -> Any:
        """What was given, or the default. Raises Refused."""
        given = [text for text in texts if text]
        if self.kind == "pairs":
            return dict(self._pair(text) for text in given)
        if self.kind == "texts":
            return tuple(map(self._chosen, given))
        return self._one(given[-1]) if given else self.default

    def _chosen(self, text: str) -> str:
        if self.choices and text not in self.choices:
            raise Refused(HTTPStatus.BAD_REQUEST, f"{self.name} is one of {', '.join(self.choices)}, not {text!r}")
        return text

    def _one(self, text: str) -> str | int | float:
        self._chosen(text)
        if self.kind == "moment":
            return self._moment(text)
        if self.kind != "integer":
            return text
        number = int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else -1
        if not self.least <= number <= self.most:
            raise Refused(
                HTTPStatus.BAD_REQUEST, f"{self.name} is a number from {self.least} to {self.most}, not {text!r}"
            )
        return number

    def _moment(self, text: str) -> float:
        moment = moment_of(text, time())
        if moment is None:
            raise Refused(
                HTTPStatus.BAD_REQUEST, f"{self.name} is a time, such as 2h (ago) or 2030-01-31T18:00Z, not {text!r}"
            )
        return moment

    def _pair(self, text: str) -> tuple[str, str]:
        name, sign, value = text.partition("=")
        if not name or not sign:
            raise Refused(HTTPStatus.BAD_REQUEST, f"{self.name} is NAME=VALUE, not {text!r}")
        return name, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that has been checked."""

    request: Request
    client: str
    """Who asks: a token's id, or an address."""
    query: Mapping[str, Any]
    body: Mapping[str, Json]

    def path(self, name: str) -> str:
        found: str = self.request.path_params[name]
        return found


Handler: TypeAlias = Callable[[Site, Call], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """`scope` None asks for no token. `answer` names a schema; `media` are the types of what it answers."""

    method: str
    path: str
    summary: str
    handler: Handler
    scope: Scope | None = Scope.READ
    parameters: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    body: Mapping[str, Json] = field(default_factory=dict)
    answer: str = ""
    media: tuple[str, ...] = (JSON,)
    status: int = 200
    refusals: tuple[int, ...] = ()

    @cached_property
    def _check(self) -> Callable[[Json], Any]:
        check: Callable[[Json], Any] = fastjsonschema.compile(dict(self.body))
        return check

    def route(self, site: Site) -> Route:
        async def serve(request: Request) -> Response:
            began = perf_counter()
            status = 500
            try:
                response = await self._serve(site, request)
                status = response.status_code
            except Refused as refused:
                status = refused.status_code
                raise
            except AsyncflowError as error:
                status = status_of(error)
                raise
            finally:
                site.meters.answered(self.method, self.path, status, perf_counter() - began)
            return response

        return Route(self.path, serve, methods=[self.method], name=self.handler.__name__)

    async def _serve(self, site: Site, request: Request) -> Response:
        client = self._admit(site, request)
        body = await self._body(request) if self.body else {}
        return await self.handler(site, Call(request=request, client=client, query=self._query(request), body=body))

    def _admit(self, site: Site, request: Request) -> str:
        """Who asks. Raises Refused, StoreError."""
        address = address_of(request)
        if self.scope is None:
            site.pace.take(address)
            return address
        try:
            client = site.access.require(request, self.scope)
        except Refused:
            site.pace.take(address)  # who guesses may guess no faster
            raise
        site.pace.take(client)
        return client

    def _query(self, request: Request) -> Mapping[str, Any]:
        known = {parameter.name: parameter for parameter in self.parameters}
        given = request.query_params
        if unknown := sorted(given.keys() - known.keys()):
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise Refused(HTTPStatus.BAD_REQUEST, f"unknown query parameter {', '.join(unknown)}; {takes}")
        return {name: one.read(given.getlist(name)) for name, one in known.items()}

    async def _body(self, request: Request) -> Mapping[str, Json]:
        content = await request.body()
        if not content and not self.body.get("required"):
            return {}
        # A page of another site can send forms and plain text here without asking, but no JSON.
        if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != JSON:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send JSON, with `Content-Type: {JSON}`")
        try:
            body = json.loads(content, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as exc:
            raise Refused(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {exc}") from exc
        try:
            self._check(body)
        except fastjsonschema.JsonSchemaValueException as exc:
            raise Refused(HTTPStatus.BAD_REQUEST, exc.message.replace("data", "the body", 1)) from exc
        checked: Mapping[str, Json] = body
        return checked


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"JSON has no {name}")
