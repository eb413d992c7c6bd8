"""Predicates that look at the world around the dispatcher: its environment, the network. They may block."""

from __future__ import annotations

import os
from contextlib import closing
from http.client import HTTPConnection, HTTPException


def envExist(env: str) -> bool:
    """Whether the dispatcher has this environment variable; those of workers are not seen."""
    return _environment(env) is not None


def envEqual(env: str, value: str) -> bool:
    """Whether this environment variable of the dispatcher has this value, which is a string: "1", not 1."""
    found = _environment(env)
    return found is not None and found == value


def httpStatus(host: str, path: str, status: int, timeout: float = 5.0) -> bool:
    """Whether `HEAD http://host/path` is answered with this status; `host` may end in `:port`.

    False, too, when there is no answer within `timeout` seconds. Redirects are not followed.
    """
    try:
        if not timeout > 0:
            return False
        target = path if path.startswith("/") else f"/{path}"
        with closing(HTTPConnection(host, timeout=timeout)) as connection:
            connection.request("HEAD", target)
            return connection.getresponse().status == status
    except (OSError, HTTPException, ValueError, TypeError, AttributeError, OverflowError):
        # Beyond the network's errors: arguments of the wrong type, or that cannot be written into a request.
        return False


PREDICATES = (envExist, envEqual, httpStatus)


def _environment(name: str) -> str | None:
    try:
        return os.environ.get(name)
    except (TypeError, ValueError):  # a number, or characters that no name of a variable can have
        return None
