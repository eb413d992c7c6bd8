"""Functions and classes that the configuration names: whether they can be imported, where that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from asyncflow.config.report import known_or_meant
from asyncflow.config.scope import Scope, Use
from asyncflow.model.condition import BuiltIns

Importer: TypeAlias = Callable[[str], object]
"""Module name -> module, as importlib.import_module."""


def redefined_by(module: str, builtins: BuiltIns, importer: Importer) -> frozenset[str]:
    """The built-in predicates that a module of the user's defines itself; those it only imports stay built in."""
    try:
        found = importer(module)
    except Exception:  # noqa: BLE001  (user code fails in any way; check_functions says so, with the place)
        return frozenset()
    own = (getattr(found, name, None) for name in (*builtins.pure, *builtins.outside))
    return frozenset(each.__name__ for each in own if callable(each) and each.__module__ == module)


def check_functions(scope: Scope, importer: Importer) -> None:
    """Reports what cannot be imported, each module once."""
    modules: dict[str, object] = {}
    for use in scope.uses:
        module = use.function.module
        if module not in modules:
            modules[module] = _imported(use, importer, scope)
        found = modules[module]
        if found is None:
            continue
        named = getattr(found, use.function.name, None)
        if named is None:
            names = [name for name in dir(found) if not name.startswith("_")]
            hint = known_or_meant(use.function.name, names)
            message = f"{use.what}: the module `{module}` has no `{use.function.name}`"
            scope.report.add("F702", message, use.place, hint=hint)
        elif not callable(named):
            scope.report.add("F703", f"{use.what}: `{use.function}` cannot be called", use.place)


def _imported(use: Use, importer: Importer, scope: Scope) -> object:
    try:
        return importer(use.function.module)
    except Exception as error:  # noqa: BLE001  (as above)
        hint = "is it installed here, and its folder on PYTHONPATH?"
        why = f"{type(error).__name__}: {error}"
        message = f"{use.what}: the module `{use.function.module}` cannot be imported: {why}"
        scope.report.add("F701", message, use.place, hint=hint)
        return None
