"""Finds the class of a storage or of a cache by module and name; Selinon's names mean ours."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from asyncflow.errors import ConfigurationError, Problem

_OURS = "asyncflow.storages."

_MODULES: Mapping[str, str] = MappingProxyType(
    {
        "selinon.caches": "asyncflow.storages.caches",
        "selinon.storages.filesystem": "asyncflow.storages.filesystem",
        "selinon.storages.memory": "asyncflow.storages.memory",
        "selinon.storages.mongo": "asyncflow.storages.mongodb",
        "selinon.storages.mongodb": "asyncflow.storages.mongodb",
        "selinon.storages.postgresql": "asyncflow.storages.postgresql",
        "selinon.storages.postgresql.adapter": "asyncflow.storages.postgresql",
        "selinon.storages.redis": "asyncflow.storages.redis",
        "selinon.storages.s3": "asyncflow.storages.s3",
        "selinon.storages.sqlStorage": "asyncflow.storages.postgresql",
    }
)
"""The names of every version of Selinon."""

_CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "MemoryStorage": "InMemoryStorage",
        "MongoStorage": "MongoDB",
        "RedisStorage": "Redis",
        "S3Storage": "S3",
        "SqlStorage": "PostgreSQL",
    }
)

_EXTRAS: Mapping[str, str] = MappingProxyType(
    {"psycopg": "postgresql", "psycopg_pool": "postgresql", "redis": "redis", "pymongo": "mongodb", "boto3": "s3"}
)
"""Which extra brings the module that an adapter imports."""


def module_of(module: str) -> str:
    """Our module for one of Selinon's; any other name as it is."""
    if module.startswith("selinon.caches."):
        return _MODULES["selinon.caches"]
    return _MODULES.get(module, module)


def is_ours(module: str) -> bool:
    """Whether the class comes with asyncflow."""
    return module_of(module).startswith(_OURS)


def find_class(module: str, name: str, what: str) -> type[Any]:
    """Import a class. Raises ConfigurationError; `what` says whose class it is, for its message."""
    found = module_of(module)
    if is_ours(module):
        name = _CLASSES.get(name, name)
    try:
        loaded = importlib.import_module(found)
    except ImportError as exc:
        raise _refused("F701", f"{what}: cannot import `{module}`: {exc}", _hint(found, exc)) from exc
    except Exception as exc:
        raise _refused("F701", f"{what}: importing `{module}` raised {type(exc).__name__}: {exc}") from exc
    made = getattr(loaded, name, None)
    if not isinstance(made, type):
        raise _refused("F702", f"{what}: module `{found}` has no class `{name}`", "name it with `classname`")
    return made


def _hint(module: str, exc: ImportError) -> str:
    missing = (exc.name or "").partition(".")[0]
    if module.startswith(_OURS) and missing in _EXTRAS:
        return f"pip install 'asyncflow-dispatcher[{_EXTRAS[missing]}]'"
    return "is it installed where this process runs, and on its PYTHONPATH?"


def _refused(code: str, message: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([Problem(code=code, message=message, hint=hint)])
