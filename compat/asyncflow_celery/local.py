"""This process's own copy of the configuration, as a worker needs it: the tasks, and the storages of their results."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from asyncflow import config
from asyncflow.adapters.tracing import Tracer
from asyncflow.errors import AsyncflowError, ConfigurationError
from asyncflow.model.flow import Configuration, Task
from asyncflow.model.names import NodeName
from asyncflow.model.trace_events import Emit
from asyncflow.predicates import BUILT_INS, SELINON_1_4
from asyncflow.storages import OpenStorages
from asyncflow_celery.tracing import open_tracing

PATHS_VARIABLE = "ASYNCFLOW_CONFIG"

_LAST_WORDS = 2.0

_log = logging.getLogger(__name__)


class NotConfiguredError(AsyncflowError):
    """A worker was asked for a flow task and has no configuration that declares it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the configuration of this worker declares."""

    configuration: Configuration
    storages: OpenStorages
    tracer: Tracer | None = None

    @property
    def emit(self) -> Emit | None:
        """Whom to tell of what happens here."""
        return None if self.tracer is None else self.tracer.emit

    def task(self, name: str) -> Task:
        """Raises NotConfiguredError for a name that is not declared."""
        found = self.configuration.tasks.get(NodeName(name))
        if found is None:
            raise NotConfiguredError(
                f"the configuration of this worker declares no task {name!r}; "
                "give the worker the same configuration as the dispatcher, and restart it"
            )
        return found


class LocalConfiguration:
    """Loaded when first needed, from what was configured or from the environment. Once, also where that fails."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._declared: Declared | None = None
        self._paths: tuple[Path, ...] | None = None
        self._failure = ""

    def use(self, declared: Declared) -> None:
        with self._lock:
            self._declared, self._failure = declared, ""

    def use_paths(self, paths: tuple[Path, ...]) -> None:
        with self._lock:
            self._paths, self._declared, self._failure = paths, None, ""

    def declared(self) -> Declared:
        """Raises NotConfiguredError, and says so in the log the first time."""
        with self._lock:
            if self._declared is None and not self._failure:
                self._load()
            if self._declared is None:
                raise NotConfiguredError(self._failure)
            return self._declared

    def finish(self) -> None:
        """This process ends: let trace functions hear of what they have not heard yet, but not for long."""
        declared = self._declared
        if declared is not None and declared.tracer is not None:
            declared.tracer.finish(_LAST_WORDS)

    def _load(self) -> None:
        paths = self._paths
        if paths is None:
            paths = tuple(Path(part) for part in os.environ.get(PATHS_VARIABLE, "").split(os.pathsep) if part)
        try:
            self._declared = _load(paths)
        except NotConfiguredError as exc:
            self._failure = str(exc)
            _log.error("worker.not_configured reason=%s", exc)


def configure(
    source: Configuration | str | Path | Iterable[str | Path],
    *,
    storages: OpenStorages | None = None,
    tracer: Tracer | None = None,
) -> None:
    """Tell the flow tasks of this process what the flows are: a configuration, or paths of YAML files and folders.

    Paths are read when the first flow task comes. `storages` and `tracer` are those to share with others in this process.
    """
    if isinstance(source, Configuration):
        shared = storages and Declared(configuration=source, storages=storages, tracer=tracer)
        LOCAL.use(shared or _declared(source))
    else:
        paths = [source] if isinstance(source, str | Path) else source
        LOCAL.use_paths(tuple(map(Path, paths)))


def _load(paths: tuple[Path, ...]) -> Declared:
    if not paths:
        raise NotConfiguredError(
            f"this worker has no configuration of flows: set {PATHS_VARIABLE} to its files and folders, "
            "or call asyncflow_celery.configure(paths) in the module of the Celery app"
        )
    try:
        loaded = config.load(paths, builtins=BUILT_INS, selinon_builtins=SELINON_1_4, environ=os.environ)
    except ConfigurationError as exc:
        more = f" (and {len(exc.problems) - 1} more)" if len(exc.problems) > 1 else ""
        raise NotConfiguredError(f"the configuration of this worker is wrong: {exc.problems[0]}{more}") from exc
    return _declared(loaded.configuration)


def _declared(configuration: Configuration) -> Declared:
    tracer = open_tracing(configuration, os.environ)
    emit = None if tracer is None else tracer.emit
    storages = OpenStorages(configuration.storages, environ=os.environ, emit=emit)
    return Declared(configuration=configuration, storages=storages, tracer=tracer)


LOCAL = LocalConfiguration()
"""One to a process: Celery finds its tasks by name, and there is nobody who could hand it to them."""
