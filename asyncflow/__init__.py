"""An asyncio dispatcher for Celery: flow graphs in YAML, run by stock Celery workers.

Importing this package opens, reads and registers nothing. Each public name is imported from its home on first use.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # What _HOMES says at run time, for type checkers and editors.
    from asyncflow.blocking import BlockingClient as BlockingClient
    from asyncflow.blocking import BlockingRun as BlockingRun
    from asyncflow.client import Client as Client
    from asyncflow.client import RunHandle as RunHandle
    from asyncflow.client import StartedRun as StartedRun
    from asyncflow.client import connect as connect
    from asyncflow.client import run_flow as run_flow
    from asyncflow.errors import AmbiguousRunError as AmbiguousRunError
    from asyncflow.errors import AsyncflowError as AsyncflowError
    from asyncflow.errors import BrokerError as BrokerError
    from asyncflow.errors import ConfigurationError as ConfigurationError
    from asyncflow.errors import ConnectionFailedError as ConnectionFailedError
    from asyncflow.errors import InvalidNodeArgsError as InvalidNodeArgsError
    from asyncflow.errors import NoDispatcherError as NoDispatcherError
    from asyncflow.errors import Place as Place
    from asyncflow.errors import Problem as Problem
    from asyncflow.errors import RequestError as RequestError
    from asyncflow.errors import RunFailedError as RunFailedError
    from asyncflow.errors import SelectiveNoPathError as SelectiveNoPathError
    from asyncflow.errors import Severity as Severity
    from asyncflow.errors import StorageError as StorageError
    from asyncflow.errors import StoreError as StoreError
    from asyncflow.errors import UnknownFlowError as UnknownFlowError
    from asyncflow.errors import UnknownRunError as UnknownRunError
    from asyncflow.model.outcome import Outcome as Outcome
    from asyncflow.model.outcome import Retry as Retry

    __version__: str

_HOMES: Mapping[str, str] = MappingProxyType(
    {
        name: module
        for module, names in {
            "asyncflow.blocking": ("BlockingClient", "BlockingRun"),
            "asyncflow.client": ("Client", "RunHandle", "StartedRun", "connect", "run_flow"),
            "asyncflow.errors": (
                "AmbiguousRunError",
                "AsyncflowError",
                "BrokerError",
                "ConfigurationError",
                "ConnectionFailedError",
                "InvalidNodeArgsError",
                "NoDispatcherError",
                "Place",
                "Problem",
                "RequestError",
                "RunFailedError",
                "SelectiveNoPathError",
                "Severity",
                "StorageError",
                "StoreError",
                "UnknownFlowError",
                "UnknownRunError",
            ),
            "asyncflow.model.outcome": ("Outcome", "Retry"),
        }.items()
        for name in names
    }
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("asyncflow-dispatcher")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, "__version__"})
