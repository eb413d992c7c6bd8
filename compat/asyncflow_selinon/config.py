"""Selinon's `Config`: what a process knows of the flows, and how it gets to know it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from celery import Celery

import asyncflow_celery
from asyncflow import config
from asyncflow.errors import ConfigurationError as WrongConfigurationError
from asyncflow.model.flow import Trace as TraceEntry
from asyncflow.model.names import Json
from asyncflow.predicates import BUILT_INS, SELINON_1_4
from asyncflow_celery.flow_task import FlowTask, Place
from asyncflow_celery.local import LOCAL
from asyncflow_selinon.errors import ConfigNotInitializedError, ConfigurationError
from asyncflow_selinon.tables import EMPTY, Tables
from asyncflow_selinon.trace import Trace, TraceFunction

WORKER = "asyncflow_selinon.worker"

_FUNCTIONS = TraceEntry(kind="function", options={"import": "asyncflow_selinon.trace", "name": "tell"})

_log = logging.getLogger(__name__)


class ProcessConfig:
    """What is called `Config` in Selinon. It has Selinon's tables too, as asyncflow_selinon.tables lists them."""

    def __init__(self) -> None:
        self.celery_app: Celery | None = None
        self._tables: Tables | None = None

    @property
    def initialized(self) -> bool:
        return self._tables is not None

    # --- Setting it up ------------------------------------------------------------------------------------------------

    def init(
        self,
        celery_app: Celery,
        nodes_definition_file: str,
        flow_definition_files: Sequence[str],
        config_py: str | None = None,
        keep_config_py: bool = False,
    ) -> None:
        self.set_config_yaml(nodes_definition_file, flow_definition_files, config_py, keep_config_py)
        self.set_celery_app(celery_app)

    def set_config_yaml(
        self,
        nodes_definition_file: str,
        flow_definition_files: Sequence[str],
        config_py: str | None = None,
        keep_config_py: bool = False,
    ) -> None:
        """Read YAML files. `config_py` has no effect: no code is generated. Raises ConfigurationError."""
        if config_py:
            _log.warning("no code is generated, so there will be no %s", config_py)
        paths = [nodes_definition_file, *flow_definition_files]
        self._load(lambda **rest: config.load(paths, **rest))

    def set_config_dict(
        self, nodes_definition: Mapping[str, Json], flow_definitions: Mapping[str, Json] | Sequence[Mapping[str, Json]]
    ) -> None:
        """Take what would stand in the files as dicts. The dispatcher needs the same as files. Raises ConfigurationError."""
        flows = [flow_definitions] if isinstance(flow_definitions, Mapping) else list(flow_definitions)
        self._load(lambda **rest: config.load_mapping([nodes_definition, *flows], **rest))

    def set_config_py(self, config_code: str) -> None:
        raise ConfigurationError(f"{config_code}: no code is generated or read; give the YAML files to set_config_yaml")

    def set_celery_app(self, celery_app: Celery) -> None:
        """Register what runs tasks on workers, and start flows over this app's broker."""
        self.celery_app = celery_app
        celery_app.loader.import_task_module(WORKER)

    def trace_by_func(self, trace_func: TraceFunction) -> None:
        Trace.trace_by_func(trace_func)
        self._trace()

    def trace_by_logging(self) -> None:
        Trace.trace_by_logging()
        self._trace()

    def trace_by_json(self) -> None:
        Trace.trace_by_json()
        self._trace()

    def trace_by_sentry(self, dsn: str | None = None) -> None:
        Trace.trace_by_sentry(dsn)

    def _load(self, load: Callable[..., config.Loaded]) -> None:
        try:
            loaded = load(builtins=BUILT_INS, selinon_builtins=SELINON_1_4, environ=os.environ)
        except WrongConfigurationError as exc:
            raise ConfigurationError(str(exc)) from exc
        self._tables = Tables(loaded.configuration)
        asyncflow_celery.configure(loaded.configuration)
        self._trace()

    def _trace(self) -> None:
        """Let the functions that were given in Python hear of the tasks that this process runs."""
        if self._tables is not None and Trace.functions:
            known = self._tables.configuration
            asyncflow_celery.configure(replace(known, traces=(*known.traces, _FUNCTIONS)))

    # --- Reading it ---------------------------------------------------------------------------------------------------

    @property
    def tables(self) -> Tables:
        """Raises ConfigNotInitializedError."""
        if self._tables is None:
            raise ConfigNotInitializedError("there is no configuration yet: call Config.set_config_yaml first")
        return self._tables

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.tables if self.initialized else EMPTY, name)

    def should_propagate_finished(self, node_name: str, dst_node_name: str) -> bool:
        return dst_node_name in self.tables.flow(node_name).propagate_finished

    def should_propagate_compound_finished(self, node_name: str, dst_node_name: str) -> bool:
        return dst_node_name in self.tables.flow(node_name).propagate_compound_finished

    def should_propagate_node_args(self, node_name: str, dst_node_name: str) -> bool:
        return dst_node_name in self.tables.flow(node_name).propagate_node_args

    def should_propagate_parent(self, node_name: str, dst_node_name: str) -> bool:
        return dst_node_name in self.tables.flow(node_name).propagate_parent

    def is_flow(self, node_name: str) -> bool:
        return node_name in self.tables.configuration.flows

    def is_task(self, node_name: str) -> bool:
        return node_name in self.tables.configuration.tasks

    def has_storage(self, task_name: str) -> bool:
        return self.tables.task2storage_mapping[task_name] is not None

    def has_readonly_storage(self, task_name: str) -> bool:
        return self.has_storage(task_name) and self.tables.storage_readonly[task_name]

    def has_readwrite_storage(self, task_name: str) -> bool:
        return self.has_storage(task_name) and not self.tables.storage_readonly[task_name]

    def get_starting_edges(self, flow_name: str) -> list[tuple[int, Mapping[str, Json]]]:
        return [(index, edge) for index, edge in enumerate(self.tables.edges(flow_name)) if not edge["from"]]

    def get_task_instance(
        self, task_name: str, flow_name: str, parent: Mapping[str, Json] | None, task_id: str, dispatcher_id: str
    ) -> Any:
        """The object of a task, as a worker makes it."""
        kind = self.tables.task_classes[task_name]
        made = kind(
            task_name=task_name, flow_name=flow_name, parent=parent, task_id=task_id, dispatcher_id=dispatcher_id
        )
        if isinstance(made, FlowTask):
            made._place = Place(declared=LOCAL.declared())  # noqa: SLF001  (as a worker does)
        return made


Config = ProcessConfig()
"""One to a process: users' code finds it by this name."""
