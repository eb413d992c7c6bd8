"""What a value in the YAML files must be: one table serves the loader, its messages and the JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from asyncflow.model.durations import seconds_of
from asyncflow.model.names import Json

IDENTIFIER = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
DOTTED = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*(\.[_a-zA-Z][_a-zA-Z0-9]*)*")
ENTRY_POINT = re.compile(rf"{DOTTED.pattern}:{DOTTED.pattern}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`words` completes the sentence "`key` must be ..."."""

    words: str
    accepts: Callable[[Json], bool]
    schema: Mapping[str, Json]


def is_text(value: Json) -> bool:
    return isinstance(value, str) and bool(value)


def is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_whole(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_texts(value: Json) -> bool:
    return isinstance(value, list) and all(map(is_text, value))


def _either(*kinds: Kind) -> Kind:
    tests = tuple(kind.accepts for kind in kinds)

    def accepts(value: Json) -> bool:
        for test in tests:  # noqa: SIM110  (a generator costs several times as much, for every key of every edge)
            if test(value):
                return True
        return False

    return Kind(
        words=" or ".join(kind.words for kind in kinds),
        accepts=accepts,
        schema={"anyOf": [dict(kind.schema) for kind in kinds]},
    )


def _matching(pattern: re.Pattern[str], words: str) -> Kind:
    return Kind(
        words=words,
        accepts=lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None,
        schema={"type": "string", "pattern": f"^{pattern.pattern}$"},
    )


def _number(least: float, most: float | None, words: str) -> Kind:
    bounds = {"minimum": least} if most is None else {"minimum": least, "maximum": most}
    return Kind(
        words=words,
        accepts=lambda value: is_number(value) and value >= least and (most is None or value <= most),
        schema={"type": "number", **bounds},
    )


def _whole(least: int, most: int | None, words: str) -> Kind:
    bounds = {"minimum": least} if most is None else {"minimum": least, "maximum": most}
    return Kind(
        words=words,
        accepts=lambda value: is_whole(value) and value >= least and (most is None or value <= most),
        schema={"type": "integer", **bounds},
    )


def choice(*values: str) -> Kind:
    return Kind(
        words=" or ".join(f"`{value}`" for value in values),
        accepts=lambda value: isinstance(value, str) and value in values,
        schema={"enum": list(values)},
    )


def table_of(section: str, words: str) -> Kind:
    """One table of that section; the members of the table are checked when it is read."""
    return Kind(words=words, accepts=lambda value: isinstance(value, dict), schema={"$ref": f"#/definitions/{section}"})


def list_of(section: str, words: str) -> Kind:
    items = {"$ref": f"#/definitions/{section}"}
    return Kind(words=words, accepts=lambda value: isinstance(value, list), schema={"type": "array", "items": items})


ANYTHING = Kind(words="anything", accepts=lambda _: True, schema={})
NOTHING = Kind(words="empty", accepts=lambda value: value is None, schema={"type": "null"})
TEXT = Kind(words="text", accepts=is_text, schema={"type": "string", "minLength": 1})
TEXTS = Kind(words="a list of texts", accepts=_is_texts, schema={"type": "array", "items": dict(TEXT.schema)})
BOOL = Kind(words="true or false", accepts=lambda value: isinstance(value, bool), schema={"type": "boolean"})
OBJECT = Kind(words="a table", accepts=lambda value: isinstance(value, dict), schema={"type": "object"})
LIST = Kind(words="a list", accepts=lambda value: isinstance(value, list), schema={"type": "array"})
NAME = _matching(IDENTIFIER, "a name of letters, digits and underscores that does not begin with a digit")
MODULE = _matching(DOTTED, "the dotted name of a Python module")
APP = _matching(ENTRY_POINT, "`module:attribute`")
COUNT = _whole(0, None, "a whole number, 0 or more")
PRIORITY = _whole(0, 255, "a whole number from 0 to 255")
SHARE = _number(0, 1, "a number from 0 to 1")
FACTOR = _number(1, None, "a number, 1 or more")
SECONDS = Kind(
    words="seconds or a duration such as 90, 1h30m, 3d or 250ms",
    accepts=lambda value: seconds_of(value) is not None,
    schema={"type": ["number", "string"], "minimum": 0, "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d|w))+$"},
)
EVENT = _matching(re.compile(r"[\w.:/-]{1,200}"), "a name of letters, digits and any of _.:/-")
DELAY = Kind(
    words="seconds, a duration such as 90, 1h30m, 3d or 250ms, or a template of one",
    accepts=lambda value: (
        seconds_of(value) is not None
        or isinstance(value, dict)
        or (isinstance(value, str) and re.match(r"[0-9.+-]|$", value) is None)
    ),
    schema={"anyOf": [dict(SECONDS.schema), {"type": "string", "pattern": "^[^0-9.+-]"}, {"type": "object"}]},
)
ONE_OR_MANY = _either(
    Kind(words="a name", accepts=is_text, schema=TEXT.schema),
    Kind(words="a list of names", accepts=_is_texts, schema=TEXTS.schema),
)
FLAG_OR_NAMES = _either(BOOL, ONE_OR_MANY)
NAMES_OR_NOTHING = _either(ONE_OR_MANY, NOTHING)
TARGETS = Kind(
    words="a name or a list of names, at least one",
    accepts=lambda value: is_text(value) or (_is_texts(value) and bool(value)),
    schema={"anyOf": [dict(TEXT.schema), {**TEXTS.schema, "minItems": 1}]},
)
FALLBACK = Kind(
    words="a node, a list of nodes, or true",
    accepts=lambda value: value is True or TARGETS.accepts(value),
    schema={"anyOf": [{"const": True}, dict(TARGETS.schema)]},
)
THROTTLING = _either(SECONDS, table_of("throttling", "a table of days, hours, minutes, seconds ..."))
CONDITION = Kind(
    words="a table, or the name of a predicate",
    accepts=lambda value: isinstance(value, dict) or is_text(value),
    schema={"$ref": "#/definitions/condition"},
)
CONDITION_OR_NOTHING = _either(CONDITION, NOTHING)
OBJECT_OR_NOTHING = _either(OBJECT, NOTHING)
TEMPLATE = Kind(
    words="a JMESPath, {from: task}, {value: literal}, a number, true, false, or a table of these",
    accepts=lambda value: not isinstance(value, list),
    schema={"type": ["string", "number", "boolean", "null", "object"]},
)
TEMPLATES = Kind(
    words="a list", accepts=lambda value: isinstance(value, list), schema={"type": "array", "items": TEMPLATE.schema}
)
TEMPLATE_TABLE = Kind(
    words="a table",
    accepts=lambda value: isinstance(value, dict),
    schema={"type": "object", "additionalProperties": TEMPLATE.schema},
)
JOIN = Kind(
    words="all, any, or {at_least: N}",
    accepts=lambda value: (isinstance(value, str) and value in ("all", "any")) or isinstance(value, dict),
    schema={"anyOf": [{"enum": ["all", "any"]}, {"$ref": "#/definitions/join"}]},
)
AT_LEAST = _whole(1, None, "a whole number, 1 or more")
NODE_ARGS_SCHEMA = _either(
    Kind(words="a JSON Schema", accepts=lambda value: isinstance(value, dict), schema={"type": "object"}),
    Kind(words="the path of one", accepts=is_text, schema=TEXT.schema),
)
TRACE = Kind(
    words="a list of tables, a table, or true or false",
    accepts=lambda value: value is None or isinstance(value, (bool, dict, list)),
    schema={
        "anyOf": [
            {"type": ["boolean", "null"]},
            {"$ref": "#/definitions/trace"},
            {"type": "array", "items": {"$ref": "#/definitions/trace"}},
        ]
    },
)
ENVELOPE = choice("asyncflow", "selinon")
AMOUNT = _number(0, None, "a number, 0 or more")
STORAGE_CONFIGURATION = Kind(words="a table, or the one argument", accepts=lambda value: value is not None, schema={})
TASKS = Kind(
    words="a list of tasks, waits and delays",
    accepts=lambda value: isinstance(value, list),
    schema={
        "type": "array",
        "items": {"anyOf": [{"$ref": f"#/definitions/{section}"} for section in ("task", "wait", "delay")]},
    },
)
STORAGES = _either(list_of("storage", "a list of storages"), NOTHING)
SCHEDULES = _either(list_of("schedule", "a list of schedules"), NOTHING)
LABELS = Kind(
    words="a table of texts",
    accepts=lambda value: isinstance(value, dict) and all(isinstance(text, str) for text in value.values()),
    schema={"type": "object", "additionalProperties": {"type": "string"}},
)
FLOW_NAMES = _either(Kind(words="a list of names", accepts=_is_texts, schema=TEXTS.schema), NOTHING)
FLOW_DEFINITIONS = list_of("flow", "a list of flows")
GLOBAL = _either(table_of("global", "a table"), NOTHING)
EDGES = Kind(
    words="a list of edges, at least one",
    accepts=lambda value: isinstance(value, list) and bool(value),
    schema={"type": "array", "items": {"$ref": "#/definitions/edge"}, "minItems": 1},
)
FAILURES = _either(
    list_of("failure", "a list of tables"), table_of("failure", "one table with `nodes` and `fallback`"), NOTHING
)
CONDITIONS = Kind(
    words="a list of conditions",
    accepts=lambda value: isinstance(value, list) and bool(value),
    schema={"type": "array", "items": {"$ref": "#/definitions/condition"}, "minItems": 1},
)
