"""Predicates on the node args, made from those on a result: `argsFieldEqual` from `fieldEqual`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature

from asyncflow.model.names import Json


def of_node_args(predicate: Callable[..., bool]) -> Callable[..., bool]:
    """The same predicate, with the same docstring, whose first parameter is `node_args` instead of `message`."""

    @wraps(predicate)
    def about_node_args(node_args: Json, *args: Json, **kwargs: Json) -> bool:
        return predicate(node_args, *args, **kwargs)

    own = signature(predicate)
    message, *others = own.parameters.values()
    renamed = own.replace(parameters=[message.replace(name="node_args"), *others])
    name = predicate.__name__
    about_node_args.__name__ = about_node_args.__qualname__ = f"args{name[0].upper()}{name[1:]}"
    about_node_args.__signature__ = renamed  # type: ignore[attr-defined]  # inspect reads it, typeshed lacks it
    return about_node_args
