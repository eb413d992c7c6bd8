"""The way from a document to a field in it, which every `field...` predicate takes.

A key is one step or a list of steps: a string selects a member of an object, an integer an element of a list,
counted from the end when negative. An empty list is the way to the whole document.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from asyncflow.model.names import Json

Key: TypeAlias = str | int | Sequence[str | int]


def field_holds(document: Json, key: Key, test: Callable[..., object], *operands: Json) -> bool:
    """Whether `key` leads to a field, and the test is true of the field and the operands.

    False, too, where the test cannot be applied, such as an order between a string and a number.
    """
    steps = key if isinstance(key, list | tuple) else (key,)
    field = document
    try:
        for step in steps:
            field = field[step]
        return bool(test(field, *operands))
    except (KeyError, IndexError, TypeError):
        return False
