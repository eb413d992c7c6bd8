"""JSON Schemas that results and node args must fit: found, read and tried when the configuration is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import fastjsonschema
import orjson

from asyncflow.config.report import Report
from asyncflow.errors import Place
from asyncflow.model.names import Json


def find_schema(path: str, beside: str) -> Path | None:
    """Relative to the YAML file first, then to the working directory."""
    return next((found for found in (Path(beside).parent / path, Path(path)) if found.is_file()), None)


def read_schema(path: str, place: Place, report: Report) -> Json:
    """The schema in that file; None when there is none or it is wrong, which is reported."""
    found = find_schema(path, place.file)
    if found is None:
        hint = "paths are relative to this file, or to the working directory"
        report.add("F213", f"there is no file `{path}`", place, hint=hint)
        return None
    try:
        schema = orjson.loads(found.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        report.add("F213", f"`{path}` cannot be read as JSON: {error}", place)
        return None
    return check_schema(schema, place, report)


def check_schema(schema: Json, place: Place, report: Report) -> Json:
    """The schema itself when it compiles; None when it does not, which is reported."""
    try:
        fastjsonschema.compile(schema, handlers=_NO_FETCHING)
    except Exception as error:  # noqa: BLE001  (a wrong schema makes the compiler raise anything: KeyError ...)
        report.add("F213", f"this is not a JSON Schema: {error}", place)
        return None
    return schema


def _refuse(uri: str) -> Mapping[str, Json]:
    raise ValueError(f"`$ref` to {uri}: schemas are not fetched; put it into the same file")


_NO_FETCHING = dict.fromkeys(("http", "https", "ftp", "file"), _refuse)
