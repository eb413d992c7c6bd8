"""Predicates on the length of a field: characters of a string, elements of a list, members of an object.

A field that is not there, or has no length, makes every one of them false.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

from asyncflow.model.names import Json
from asyncflow.predicates.paths import Key, field_holds


def fieldLenEqual(message: Json, key: Key, length: int) -> bool:
    """Whether the field has this length."""
    return field_holds(message, key, _length_is, operator.eq, length)


def fieldLenNotEqual(message: Json, key: Key, length: int) -> bool:
    """Whether the field has a length, and not this one."""
    return field_holds(message, key, _length_is, operator.ne, length)


def fieldLenGreater(message: Json, key: Key, length: int) -> bool:
    """Whether the field is longer than this."""
    return field_holds(message, key, _length_is, operator.gt, length)


def fieldLenGreaterEqual(message: Json, key: Key, length: int) -> bool:
    """Whether the field is at least this long."""
    return field_holds(message, key, _length_is, operator.ge, length)


def fieldLenLess(message: Json, key: Key, length: int) -> bool:
    """Whether the field is shorter than this."""
    return field_holds(message, key, _length_is, operator.lt, length)


def fieldLenLessEqual(message: Json, key: Key, length: int) -> bool:
    """Whether the field is at most this long."""
    return field_holds(message, key, _length_is, operator.le, length)


PREDICATES = (
    fieldLenEqual,
    fieldLenNotEqual,
    fieldLenGreater,
    fieldLenGreaterEqual,
    fieldLenLess,
    fieldLenLessEqual,
)


def _length_is(field: Json, compare: Callable[[int, int], bool], length: int) -> bool:
    return compare(len(field), length)
