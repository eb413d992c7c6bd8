"""What a plain YAML scalar means: YAML 1.2 core, and where YAML 1.1 read something else, a warning.

The words yes, no, on and off stay what they were for files written for YAML 1.1: true and false.
Numbers in ways that only one of the two knows (12:30:45, 1_000, 010, 0b1) and dates stay text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from asyncflow.model.names import Json

WORDS: Mapping[str, Json] = {"": None, "~": None} | {
    spelling: value
    for word, value in (("null", None), ("true", True), ("false", False))
    for spelling in (word, word.capitalize(), word.upper())
}
OLD_WORDS: Mapping[str, bool] = {
    spelling: value
    for word, value in (("yes", True), ("on", True), ("no", False), ("off", False))
    for spelling in (word, word.capitalize(), word.upper())
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_JSON = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_OLD_NUMBER = re.compile(
    r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"  # base 60
    r"|[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?"  # 1_000
    r"|[-+]?0[0-9]+"  # octal
    r"|[-+]?0b[01_]+"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:.*)?")
_FIRST = frozenset("+-.0123456789")


def plain_value(text: str) -> tuple[Json, str]:
    """The value of an unquoted scalar, and the code of the problem with it, or an empty string."""
    if text in WORDS:
        return WORDS[text], ""
    if text in OLD_WORDS:
        return OLD_WORDS[text], "F120"
    if text[0] not in _FIRST:
        return text, ""
    if _INTEGER.fullmatch(text):
        return int(text), ""
    if _OLD_NUMBER.fullmatch(text):
        return text, "F121"
    if _FLOAT.fullmatch(text):
        number = float(text)
        return (number, "") if math.isfinite(number) else (text, "F109")
    if _BASED.fullmatch(text):
        return int(text, 0), ""
    if _DATE.fullmatch(text):
        return text, "F122"
    return text, "F109" if _NOT_JSON.fullmatch(text) else ""


def tagged_value(tag: str, text: str) -> Json:
    """The value of a scalar with an explicit tag. Raises ValueError for what the tag does not allow."""
    kind = tag.removeprefix("tag:yaml.org,2002:")
    if kind == "str":
        return text
    value, _ = plain_value(text)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    match kind:
        case "int" if is_number and isinstance(value, int):
            return value
        case "float" if is_number:
            return float(value)
        case "bool" if isinstance(value, bool):
            return value
        case "null" if value is None:
            return None
    raise ValueError(tag)
