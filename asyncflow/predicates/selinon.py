"""Predicates as Selinon 1.4 understood them, where its names say something else; for configurations that rely on it."""

from __future__ import annotations

from asyncflow.model.names import Json
from asyncflow.predicates.lengths import fieldLenLessEqual
from asyncflow.predicates.paths import Key


def empty(message: Json) -> bool:
    """Whether the value is NOT empty: Selinon 1.4's meaning."""
    return bool(message)


def fieldLenGreaterEqual(message: Json, key: Key, length: int) -> bool:
    """Whether the field is at MOST this long: Selinon 1.4's meaning."""
    return fieldLenLessEqual(message, key, length)


PREDICATES = (empty, fieldLenGreaterEqual)
