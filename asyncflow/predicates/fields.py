"""Predicates on a field: that it is there, its value, its type.

A field that is not there makes every one of them false, `fieldNotEqual` included.
"""

from __future__ import annotations

import operator
from types import NoneType

from asyncflow.model.names import Json
from asyncflow.predicates.paths import Key, field_holds


def fieldExist(message: Json, key: Key) -> bool:
    """Whether there is such a field; it may be null."""
    return field_holds(message, key, isinstance, object)


def fieldEqual(message: Json, key: Key, value: Json) -> bool:
    """Whether the field equals the value; 1 equals 1.0 and true, but not "1"."""
    return field_holds(message, key, operator.eq, value)


def fieldNotEqual(message: Json, key: Key, value: Json) -> bool:
    """Whether the field is there and differs from the value."""
    return field_holds(message, key, operator.ne, value)


def fieldGreater(message: Json, key: Key, value: Json) -> bool:
    """Whether the field is greater than the value."""
    return field_holds(message, key, operator.gt, value)


def fieldGreaterEqual(message: Json, key: Key, value: Json) -> bool:
    """Whether the field is greater than the value or equals it."""
    return field_holds(message, key, operator.ge, value)


def fieldLess(message: Json, key: Key, value: Json) -> bool:
    """Whether the field is less than the value."""
    return field_holds(message, key, operator.lt, value)


def fieldLessEqual(message: Json, key: Key, value: Json) -> bool:
    """Whether the field is less than the value or equals it."""
    return field_holds(message, key, operator.le, value)


def fieldContain(message: Json, key: Key, value: Json) -> bool:
    """Whether the value is an element of the field's list, a name in its object, or a part of its string."""
    return field_holds(message, key, operator.contains, value)


def fieldNone(message: Json, key: Key) -> bool:
    """Whether the field is there and null."""
    return field_holds(message, key, isinstance, NoneType)


def fieldStr(message: Json, key: Key) -> bool:
    """Whether the field is a string."""
    return field_holds(message, key, isinstance, str)


def fieldInt(message: Json, key: Key) -> bool:
    """Whether the field is an integer; true and false count as integers."""
    return field_holds(message, key, isinstance, int)


def fieldBool(message: Json, key: Key) -> bool:
    """Whether the field is true or false."""
    return field_holds(message, key, isinstance, bool)


def fieldFloat(message: Json, key: Key) -> bool:
    """Whether the field is a number written with a fraction or an exponent; 1.0 is, 1 is not."""
    return field_holds(message, key, isinstance, float)


def fieldList(message: Json, key: Key) -> bool:
    """Whether the field is a list."""
    return field_holds(message, key, isinstance, list)


def fieldDict(message: Json, key: Key) -> bool:
    """Whether the field is an object."""
    return field_holds(message, key, isinstance, dict)


PREDICATES = (
    fieldExist,
    fieldEqual,
    fieldNotEqual,
    fieldGreater,
    fieldGreaterEqual,
    fieldLess,
    fieldLessEqual,
    fieldContain,
    fieldNone,
    fieldStr,
    fieldInt,
    fieldBool,
    fieldFloat,
    fieldList,
    fieldDict,
)
