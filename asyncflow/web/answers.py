"""JSON answers. What a run holds may be more than JSON can say, and browsers read strict JSON only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

import orjson
from starlette.responses import Response

from asyncflow.model.names import Json

JSON = "application/json"


def answer(value: Json, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(strict_json(value), status_code=status, headers=headers, media_type=JSON)


def strict_json(value: Json) -> bytes:
    """NaN and the infinities become null; large numbers and lone surrogates stay what they are."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(_finite(value), separators=(",", ":")).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(member) for member in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
