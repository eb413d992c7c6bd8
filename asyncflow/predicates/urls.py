"""Predicates on a part of a field that is a URL: scheme://netloc/path.

A field that is not there, or is no URL, makes every one of them false.
"""

from __future__ import annotations

from urllib.parse import urlparse

from asyncflow.model.names import Json
from asyncflow.predicates.paths import Key, field_holds


def fieldUrlScheme(message: Json, key: Key, scheme: str) -> bool:
    """Whether the URL has this scheme; schemes are compared in lower case."""
    return field_holds(message, key, _part_is, "scheme", scheme)


def fieldUrlNetloc(message: Json, key: Key, netloc: str) -> bool:
    """Whether the URL has this host, together with the port and the user where it has them."""
    return field_holds(message, key, _part_is, "netloc", netloc)


def fieldUrlPath(message: Json, key: Key, path: str) -> bool:
    """Whether the URL has this path; the leading slash belongs to it."""
    return field_holds(message, key, _part_is, "path", path)


PREDICATES = (fieldUrlScheme, fieldUrlNetloc, fieldUrlPath)


def _part_is(url: Json, part: str, expected: str) -> bool:
    if not isinstance(url, str):
        return False
    try:
        return bool(getattr(urlparse(url), part) == expected)
    except ValueError:  # "http://[::1" for example
        return False
