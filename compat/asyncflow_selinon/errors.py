"""Selinon's exceptions. Those that asyncflow raises too are its own, so that both names catch them."""

from __future__ import annotations

import json

from asyncflow.errors import AsyncflowError, CacheMissError, StorageError
from asyncflow.model.names import Json
from asyncflow_celery.flow_task import FatalTaskError, NoParentNodeError, RetryRequested

__all__ = [
    "CacheMissError",
    "ConfigNotInitializedError",
    "ConfigurationError",
    "DispatcherRetry",
    "FatalTaskError",
    "FlowError",
    "GoneError",
    "MigrationException",
    "MigrationFlowFail",
    "MigrationFlowRetry",
    "MigrationNotNeeded",
    "MigrationSkew",
    "NoParentNodeError",
    "RequestError",
    "Retry",
    "SelectiveNoPathError",
    "SelinonException",
    "StorageError",
    "UnknownError",
    "UnknownFlowError",
    "UnknownStorageError",
    "UnsupportedCeleryError",
]

SelinonException = AsyncflowError
"""The root of them all."""


class ConfigNotInitializedError(SelinonException):
    """Something of the configuration was asked for before there was one."""


class DispatcherRetry(SelinonException):
    """Raised by nothing here; for code that catches it."""


class MigrationException(SelinonException):
    """Raised by nothing here; for code that catches it."""


class MigrationFlowFail(MigrationException):
    """Raised by nothing here; for code that catches it."""


class MigrationFlowRetry(MigrationException):
    """Raised by nothing here; for code that catches it."""


class MigrationNotNeeded(SelinonException):
    """Raised by nothing here; for code that catches it."""


class MigrationSkew(SelinonException):
    """Raised by nothing here; for code that catches it."""


class ConfigurationError(SelinonException):
    """The configuration files are wrong; the message has every problem."""


class FlowError(SelinonException):
    """A flow has failed. `state` says which nodes finished, failed and were active."""

    def __init__(self, state: Json) -> None:
        super().__init__(json.dumps(state))

    @property
    def state(self) -> Json:
        return json.loads(str(self))


class GoneError(SelinonException, AttributeError):
    """Something of Selinon was used that asyncflow does not have."""


class RequestError(SelinonException):
    """Something was asked for that cannot be done."""


class Retry(RetryRequested):
    """Raised by a task to be run again after `countdown` seconds."""


class SelectiveNoPathError(SelinonException):
    """No path of edges leads to a requested task."""


class UnknownError(SelinonException):
    """Raised by nothing here; for code that catches it."""


class UnknownFlowError(SelinonException):
    """No flow has that name."""


class UnknownStorageError(SelinonException):
    """A task has no storage, or no storage has that name."""


class UnsupportedCeleryError(Exception):
    """Raised by nothing here; for code that catches it."""
