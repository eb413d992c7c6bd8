"""Which module each of Selinon's modules is now, and the finder that tells Python so."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import MappingProxyType, ModuleType

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "selinon": "asyncflow_selinon",
        "selinon.cache": "asyncflow_selinon.cache",
        "selinon.caches": "asyncflow_selinon.caches",
        **{f"selinon.caches.{name}": "asyncflow.storages.caches" for name in ("fifo", "lifo", "lru", "mru", "rr")},
        "selinon.codename": "asyncflow_selinon.version",
        "selinon.config": "asyncflow_selinon.config",
        "selinon.data_storage": "asyncflow_selinon.data_storage",
        "selinon.errors": "asyncflow_selinon.errors",
        "selinon.predicates": "asyncflow_selinon.predicates",
        "selinon.routines": "asyncflow_selinon.routines",
        "selinon.run": "asyncflow_selinon.run",
        "selinon.selinon_task": "asyncflow_selinon.selinon_task",
        "selinon.storage_pool": "asyncflow_selinon.storage_pool",
        "selinon.storages": "asyncflow.storages",
        "selinon.storages.filesystem": "asyncflow.storages.filesystem",
        "selinon.storages.memory": "asyncflow.storages.memory",
        "selinon.storages.mongodb": "asyncflow.storages.mongodb",
        "selinon.storages.postgresql": "asyncflow.storages.postgresql",
        "selinon.storages.redis": "asyncflow.storages.redis",
        "selinon.storages.s3": "asyncflow.storages.s3",
        "selinon.strategies": "asyncflow_selinon.strategies",
        "selinon.trace": "asyncflow_selinon.trace",
        "selinon.version": "asyncflow_selinon.version",
        **{
            f"selinon.{name}": "asyncflow_selinon.gone"
            for name in ("dispatcher", "executor", "migrations", "storage", "system", "system_state", "task_envelope")
        },
    }
)


def install(*, first: bool) -> None:
    """Let `import selinon` mean asyncflow_selinon. Without `first`, only where the real Selinon is not installed.

    Raises ImportError where the real Selinon has been imported already: then its classes are in use.
    """
    there = sys.modules.get("selinon")
    if there is not None and there is not sys.modules.get("asyncflow_selinon"):
        if not first:
            return
        raise ImportError(
            f"the real selinon is imported already, from {getattr(there, '__file__', 'somewhere')}: "
            "import asyncflow_selinon.as_selinon before every module that imports selinon"
        )
    installed = [finder for finder in sys.meta_path if isinstance(finder, _Finder)]
    for finder in installed:
        sys.meta_path.remove(finder)
    if first or any(finder.first for finder in installed):
        sys.meta_path.insert(0, _Finder(first=True))
    else:
        sys.meta_path.append(_Finder(first=False))


class _Finder(MetaPathFinder, Loader):
    def __init__(self, *, first: bool) -> None:
        self.first = first

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in ALIASES:
            return ModuleSpec(fullname, self, is_package=True)
        if self.first and fullname.startswith("selinon."):
            raise ModuleNotFoundError(
                f"{fullname} is a part of Selinon that asyncflow_selinon does not have", name=fullname
            )
        return None

    def exec_module(self, module: ModuleType) -> None:
        # Python takes from here what it returns to importers, so that both names are one module, with one set of classes.
        sys.modules[module.__name__] = importlib.import_module(ALIASES[module.__name__])
