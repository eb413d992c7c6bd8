"""Selinon's Python names on asyncflow, for code that was written for Selinon.

`import asyncflow_selinon.as_selinon` makes `import selinon`, and all of its modules that such code imports, mean this.
"""

from asyncflow_selinon.cache import Cache
from asyncflow_selinon.config import Config
from asyncflow_selinon.data_storage import DataStorage, SelinonMissingDataException
from asyncflow_selinon.errors import (
    CacheMissError,
    ConfigNotInitializedError,
    ConfigurationError,
    FatalTaskError,
    FlowError,
    NoParentNodeError,
    RequestError,
    Retry,
    SelectiveNoPathError,
    StorageError,
    UnknownError,
    UnknownFlowError,
    UnknownStorageError,
)
from asyncflow_selinon.gone import Dispatcher, Storage, SystemState
from asyncflow_selinon.run import FlowResult, run_flow, run_flow_selective
from asyncflow_selinon.selinon_task import SelinonTask
from asyncflow_selinon.storage_pool import StoragePool
from asyncflow_selinon.trace import Trace
from asyncflow_selinon.version import selinon_version, selinon_version_codename

__version__ = selinon_version

__all__ = [
    "Cache",
    "CacheMissError",
    "Config",
    "ConfigNotInitializedError",
    "ConfigurationError",
    "DataStorage",
    "Dispatcher",
    "FatalTaskError",
    "FlowError",
    "FlowResult",
    "NoParentNodeError",
    "RequestError",
    "Retry",
    "SelectiveNoPathError",
    "SelinonMissingDataException",
    "SelinonTask",
    "Storage",
    "StorageError",
    "StoragePool",
    "SystemState",
    "Trace",
    "UnknownError",
    "UnknownFlowError",
    "UnknownStorageError",
    "run_flow",
    "run_flow_selective",
    "selinon_version",
    "selinon_version_codename",
]
