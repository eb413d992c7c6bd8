"""The JSON Schema of the YAML files, made from the same table that the loader reads by."""

from __future__ import annotations

from asyncflow.config.flow_sections import LEAF, SECTIONS
from asyncflow.config.sections import FILE, Key, Section
from asyncflow.model.names import Json


def schema() -> dict[str, Json]:
    """Draft 7, for editors (yaml-language-server) and for fastjsonschema."""
    definitions = {section.name: _section(section) for section in SECTIONS if section is not FILE}
    definitions[LEAF.name] = _condition()
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "asyncflow configuration",
        "description": "Tasks, storages and flows. All in one file, or spread over many.",
        **_section(FILE),
        # Keys for the user's own anchors.
        "patternProperties": {"^x-": {}},
        "definitions": definitions,
    }


def _section(section: Section) -> dict[str, Json]:
    made: dict[str, Json] = {
        "type": "object",
        "properties": {spelling: _key(key) for key in section.keys for spelling in (key.name, *key.aliases)},
        "additionalProperties": False,
    }
    required = [key.name for key in section.keys if key.required and not key.aliases]
    if required:
        made["required"] = required
    either = [key for key in section.keys if key.required and key.aliases]
    if either:
        made["allOf"] = [{"anyOf": [{"required": [name]} for name in (key.name, *key.aliases)]} for key in either]
    return made


def _key(key: Key) -> dict[str, Json]:
    # What stands beside `$ref` is ignored in draft 7, hence the detour.
    kind = {"allOf": [dict(key.kind.schema)]} if "$ref" in key.kind.schema else dict(key.kind.schema)
    return {"description": key.summary, **kind}


def _condition() -> dict[str, Json]:
    """A predicate's name, or a table with one of the keys that make it a condition; others are ignored."""
    table = _section(LEAF) | {"additionalProperties": True}
    table["anyOf"] = [{"required": [name]} for name in ("name", "and", "or", "not", "expr")]
    return {"anyOf": [{"type": "string", "minLength": 1}, table]}
