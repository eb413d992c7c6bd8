"""The tables that Selinon generated from a configuration, and that users' code reads: Config.task_queues and the like."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from asyncflow.model.flow import Configuration, Flow, Task
from asyncflow.model.names import FlowName, Json, NodeName
from asyncflow_celery.local import LOCAL
from asyncflow_selinon.errors import UnknownFlowError


class TaskClasses(Mapping[str, Any]):
    """The classes of tasks by task name, each imported when it is asked for."""

    def __init__(self, tasks: Mapping[NodeName, Task]) -> None:
        self._tasks = tasks

    def __getitem__(self, name: str) -> Any:
        task = self._tasks[NodeName(name)]
        return getattr(importlib.import_module(task.module), task.classname or task.name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)


class StorageObjects(Mapping[str, Any]):
    """The connected storages of this process by name."""

    def __init__(self, configuration: Configuration) -> None:
        self._names = configuration.storages

    def __getitem__(self, name: str) -> Any:
        return LOCAL.declared().storages.named(name).instance()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Tables:
    """Each attribute bears Selinon's name for it."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        tasks = {str(name): task for name, task in configuration.tasks.items()}
        flows = {str(name): flow for name, flow in configuration.flows.items()}
        self.flows = list(flows)
        self.task_queues = {name: task.queue for name, task in tasks.items()}
        self.dispatcher_queues = {name: flow.queue for name, flow in flows.items()}
        """No message goes to these queues any more."""
        self.task_classes = TaskClasses(configuration.tasks)
        self.output_schemas = {name: task.output_schema for name, task in tasks.items() if task.output_schema}
        self.max_retry = {name: task.retries.most for name, task in tasks.items()}
        self.max_retry |= {name: flow.retries.most for name, flow in flows.items()}
        self.retry_countdown = {name: task.retries.countdown for name, task in tasks.items()}
        self.retry_countdown |= {name: flow.retries.countdown for name, flow in flows.items()}
        self.task2storage_mapping = {name: task.storage for name, task in tasks.items()}
        self.storage_task_name = {name: task.storage_task_name or name for name, task in tasks.items()}
        self.storage_readonly = {name: task.storage_readonly for name, task in tasks.items()}
        self.storage_mapping = StorageObjects(configuration)
        self.nowait_nodes = {name: sorted(flow.nowait) for name, flow in flows.items()}
        self.eager_failures = {name: sorted(flow.eager_failures) for name, flow in flows.items()}
        self.node_args_from_first = {name: flow.node_args_from_first for name, flow in flows.items()}
        self.propagate_node_args = {name: sorted(flow.propagate_node_args) for name, flow in flows.items()}
        self.propagate_parent = {name: sorted(flow.propagate_parent) for name, flow in flows.items()}
        self.propagate_finished = {name: sorted(flow.propagate_finished) for name, flow in flows.items()}
        self.propagate_compound_finished = {
            name: sorted(flow.propagate_compound_finished) for name, flow in flows.items()
        }
        self.throttle_tasks = {name: task.throttling for name, task in tasks.items()}
        self.throttle_flows = {name: flow.throttling for name, flow in flows.items()}
        self.migration_dir = configuration.migration_dir

    @cached_property
    def edge_table(self) -> Mapping[str, list[dict[str, Json]]]:
        return {name: self.edges(name) for name in self.configuration.flows}

    def edges(self, flow: str) -> list[dict[str, Json]]:
        """The edges of a flow as far as values can say them. Raises UnknownFlowError."""
        return [
            {
                "from": list(edge.sources),
                "to": list(edge.targets),
                "condition_str": str(edge.condition),
                **({} if edge.foreach is None else {"foreach_str": str(edge.foreach)}),
            }
            for edge in self.flow(flow).edges
        ]

    def flow(self, name: str) -> Flow:
        """Raises UnknownFlowError."""
        try:
            return self.configuration.flows[FlowName(name)]
        except KeyError:
            raise UnknownFlowError(f"no flow is named {name!r}") from None


EMPTY = Tables(Configuration(tasks={}, flows={}))
"""What there is before a configuration was read."""
