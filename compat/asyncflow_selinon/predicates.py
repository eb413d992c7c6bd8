"""The built-in predicates, for modules of predicates that import or export Selinon's."""

from __future__ import annotations

from collections.abc import Callable

from asyncflow.predicates import BUILT_INS

_ALL = {**BUILT_INS.pure, **BUILT_INS.outside}

__all__ = sorted(_ALL)  # noqa: PLE0605  (a list, though a computed one)


def __getattr__(name: str) -> Callable[..., bool]:
    try:
        return _ALL[name]
    except KeyError:
        raise AttributeError(f"no predicate is named {name!r}") from None
