"""The composition root: settings in, running parts out. The only place that knows every part, and imports compat.

Each public name is imported from its home on first use: looking at a store shall not cost Celery and an AMQP client.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # What _HOMES says at run time, for type checkers and editors.
    from asyncflow.app.clients import connecting as connecting
    from asyncflow.app.configuration import load_configuration as load_configuration
    from asyncflow.app.configuration import make_importable as make_importable
    from asyncflow.app.configuration import task_queues as task_queues
    from asyncflow.app.daemon import dispatcher_settings as dispatcher_settings
    from asyncflow.app.daemon import dispatching as dispatching
    from asyncflow.app.daemon import selector as selector
    from asyncflow.app.daemon import serve as serve
    from asyncflow.app.daemon import serving as serving
    from asyncflow.app.http import Http as Http
    from asyncflow.app.http import serving_http as serving_http
    from asyncflow.app.http import token_file as token_file
    from asyncflow.app.settings import WORKER_PLUGIN as WORKER_PLUGIN
    from asyncflow.app.settings import Settings as Settings
    from asyncflow.app.settings import settings_from as settings_from
    from asyncflow.app.standalone import embedded as embedded
    from asyncflow.app.standalone import load_celery_app as load_celery_app
    from asyncflow.app.stores import open_store as open_store

_HOMES: Mapping[str, str] = MappingProxyType(
    {
        name: f"asyncflow.app.{module}"
        for module, names in {
            "clients": ("connecting",),
            "configuration": ("load_configuration", "make_importable", "task_queues"),
            "standalone": ("embedded", "load_celery_app"),
            "daemon": ("dispatcher_settings", "dispatching", "selector", "serve", "serving"),
            "http": ("Http", "serving_http", "token_file"),
            "settings": ("WORKER_PLUGIN", "Settings", "settings_from"),
            "stores": ("open_store",),
        }.items()
        for name in names
    }
)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
