"""The OpenAPI document, from the table of endpoints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from asyncflow.model.names import Json
from asyncflow.web.answers import JSON
from asyncflow.web.endpoint import Endpoint, Parameter
from asyncflow.web.schemas import SCHEMAS

_IN_PATH = re.compile(r"\{(\w+)(?::\w+)?\}")


def document_of(endpoints: Sequence[Endpoint], version: str) -> Json:
    paths: dict[str, dict[str, Json]] = {}
    for endpoint in endpoints:
        paths.setdefault(_IN_PATH.sub(r"{\1}", endpoint.path), {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "asyncflow",
            "version": version,
            "description": "Start flows of Celery tasks, watch them, stop them. Tokens are demanded off loopback.",
        },
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: Endpoint) -> Json:
    operation: dict[str, Any] = {
        "operationId": endpoint.handler.__name__,
        "summary": endpoint.summary,
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in _names(endpoint)
            ),
            *(_parameter(one, "query") for one in endpoint.parameters),
            *(_parameter(one, "header") for one in endpoint.headers),
        ],
        "responses": {
            str(endpoint.status): {
                "description": HTTPStatus(endpoint.status).phrase,
                "content": {media: {"schema": _answer(endpoint)} for media in endpoint.media},
            },
            **{str(status): _refusal(status) for status in _refusals(endpoint)},
        },
    }
    if endpoint.body:
        content = {JSON: {"schema": endpoint.body}}
        operation["requestBody"] = {"required": bool(endpoint.body.get("required")), "content": content}
    if endpoint.scope is not None:
        operation["security"] = [{"token": []}]
        operation["description"] = f"Needs a token of scope `{endpoint.scope.value}` where tokens are demanded."
    return operation


def _names(endpoint: Endpoint) -> list[str]:
    return _IN_PATH.findall(endpoint.path)


def _parameter(parameter: Parameter, place: str) -> Json:
    if parameter.kind in ("pairs", "texts"):
        one = {"type": "string", "pattern": "^[^=]+="} if parameter.kind == "pairs" else {"type": "string"}
        many = {"type": "array", "items": one}
        return {"name": parameter.name, "in": place, "description": parameter.summary, "schema": many}
    schema: dict[str, Any] = {"type": "integer" if parameter.kind == "integer" else "string"}
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    if parameter.kind == "integer":
        schema |= {"minimum": parameter.least, "maximum": parameter.most}
    if parameter.default is not None:
        schema["default"] = parameter.default
    return {"name": parameter.name, "in": place, "description": parameter.summary, "schema": schema}


def _answer(endpoint: Endpoint) -> Json:
    return {"$ref": f"#/components/schemas/{endpoint.answer}"} if endpoint.answer else {"type": "string"}


def _refusals(endpoint: Endpoint) -> list[int]:
    """Wrong requests and missing tokens are refused everywhere."""
    usual = {400} if endpoint.parameters or endpoint.body else set()
    return sorted({*endpoint.refusals, *usual, *({401, 403} if endpoint.scope is not None else ())})


def _refusal(status: int) -> Json:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
