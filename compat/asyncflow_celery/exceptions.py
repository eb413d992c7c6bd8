"""Exceptions of failed tasks, made anew for the fallbacks that ask for them."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping

from asyncflow.model.names import Json


class ParentTaskError(Exception):
    """Stands for an exception that this worker cannot make, for it does not know the class mostly. `type` and `module` name the class."""

    def __init__(self, type: str, message: str, module: str = "") -> None:
        super().__init__(f"{type}: {message}" if message else type)
        self.type = type
        self.module = module


def exception_of(error: Mapping[str, Json]) -> Exception:
    """An exception of the class that was raised, with its message.

    Only classes of modules that are imported already count: a message must not make a worker import anything. The
    constructor is not called, for nobody knows its arguments: there are the message and `args`, and no other attributes.
    """
    type_name, message, module = error["type"], error.get("message", ""), error.get("module", "")
    kind = getattr(sys.modules.get(module, builtins), type_name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return ParentTaskError(type_name, message, module)
    try:
        made = kind.__new__(kind, message)
        made.args = (message,)
        str(made)  # which may want what only the constructor sets
    except Exception:  # noqa: BLE001  (code of users)
        return ParentTaskError(type_name, message, module)
    return made
