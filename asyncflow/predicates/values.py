"""Predicates on a whole value: its type, and whether there is anything in it."""

from __future__ import annotations

from asyncflow.model.names import Json


def isNone(message: Json) -> bool:
    """Whether the value is null."""
    return message is None


def isStr(message: Json) -> bool:
    """Whether the value is a string."""
    return isinstance(message, str)


def isInt(message: Json) -> bool:
    """Whether the value is an integer; true and false count as integers."""
    return isinstance(message, int)


def isBool(message: Json) -> bool:
    """Whether the value is true or false."""
    return isinstance(message, bool)


def isFloat(message: Json) -> bool:
    """Whether the value is a number written with a fraction or an exponent; 1.0 is, 1 is not."""
    return isinstance(message, float)


def isList(message: Json) -> bool:
    """Whether the value is a list."""
    return isinstance(message, list)


def isDict(message: Json) -> bool:
    """Whether the value is an object."""
    return isinstance(message, dict)


def empty(message: Json) -> bool:
    """Whether the value is null, false, zero, or a string, list or object with nothing in it."""
    return not message


PREDICATES = (isNone, isStr, isInt, isBool, isFloat, isList, isDict, empty)
