"""A sink that keeps what it is told, and the details that each event must have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from asyncflow.model.trace_events import Traced, TraceEvent

FLOW = {"flow_name", "dispatcher_id", "selective"}
FLOW_INFO = FLOW | {"node_args", "retry", "queue", "state", "retried_count", "parent", "migration_version"}
TASK = {"flow_name", "task_name", "task_id", "parent", "queue", "dispatcher_id", "node_args"}
NODE = FLOW | {"node_name", "node_id"}
EDGE = FLOW | {"nodes_to", "nodes_from", "parent", "node_args"}
FULL_EDGE = EDGE | {"foreach_str", "condition_str"}
FALLBACK = FLOW | {"nodes", "fallback", "condition_strs"}
RECORD = {"task_name", "storage_task_name", "storage_name", "flow_name", "task_id"}

DETAILS: Mapping[str, set[str]] = {
    "FLOW_SCHEDULE": FLOW | {"node_args", "queue"},
    "FLOW_START": FLOW | {"node_args", "queue"},
    "TASK_SCHEDULE": FLOW
    | {"task_name", "parent", "node_args", "task_id", "queue"}
    | {"condition_str", "foreach_str", "selective_edge", "countdown"},
    "SUBFLOW_SCHEDULE": FLOW
    | {"condition_str", "foreach_str", "selective_edge_conf", "child_flow_name", "child_dispatcher_id"}
    | {"queue", "countdown", "child_selective", "node_args"},
    "WAIT_START": NODE | {"parent", "node_args", "condition_str", "event", "until"},
    "DELAY_START": NODE | {"parent", "node_args", "condition_str", "event", "until"},
    "SIGNAL_KEPT": FLOW | {"event", "signal_id"},
    "SIGNAL_PASSED": FLOW | {"event", "signal_id", "child_dispatcher_id"},
    "SIGNAL_TAKEN": NODE | {"event", "signal_id"},
    "TASK_START": TASK,
    "TASK_END": TASK | {"storage"},
    "TASK_DISCARD_RESULT": TASK | {"result"},
    "TASK_FAILURE": TASK | {"what", "retried_count"},
    "TASK_RETRY": TASK | {"what", "retry_countdown", "retried_count", "user_retry", "max_retry"},
    "NODE_SUCCESSFUL": NODE,
    "NODE_FAILURE": NODE | {"what"},
    "EAGER_FAILURE": NODE | {"what"},
    "EDGE_COND_FALSE": EDGE | {"condition"},
    "FOREACH_RESULT": FULL_EDGE | {"result"},
    "SELECTIVE_OMIT_EDGE": FULL_EDGE,
    "SELECTIVE_OMIT_NODE": FULL_EDGE | {"omitted_node"},
    "SELECTIVE_TASK_REUSE": FULL_EDGE | {"task_name", "task_id"},
    "SELECTIVE_RUN_FUNC": FLOW | {"node_name", "node_args", "parent", "result"},
    "FALLBACK_COND_FALSE": FALLBACK,
    "FALLBACK_COND_TRUE": FALLBACK,
    "FALLBACK_START": FALLBACK,
    "FLOW_END": FLOW_INFO,
    "MIGRATION": FLOW_INFO | {"old_migration_version", "new_migration_version", "tainted"},
    "FLOW_FAILURE": FLOW_INFO | {"what", "will_retry"},
    "FLOW_RETRY": FLOW | {"node_args", "parent", "retried_count", "retry", "state", "countdown", "queue"},
    "DISPATCHER_FAILURE": FLOW_INFO | {"what"},
    "TASK_RESULT_CACHE_GET": RECORD,
    "TASK_RESULT_CACHE_HIT": RECORD,
    "TASK_RESULT_CACHE_MISS": RECORD | {"what"},
    "TASK_RESULT_CACHE_ADD": RECORD,
    "TASK_RESULT_CACHE_ISSUE": RECORD | {"what"},
    "STORAGE_CONNECT": {"storage_name"},
    "STORAGE_RETRIEVE": RECORD,
    "STORAGE_STORE": RECORD | {"node_args", "record_id"},
    "STORAGE_STORE_ERROR": RECORD | {"node_args", "record_id", "error_type", "error_value", "error_traceback"},
    "STORAGE_OMIT_STORE_ERROR": {"flow_name", "node_args", "task_name", "task_id"}
    | {"error_type", "error_value", "error_traceback"},
    "STORAGE_ISSUE": RECORD | {"what"},
    "STORAGE_DELETE": RECORD,
    "STORAGE_DELETED": RECORD,
}
"""Of every event that is traced."""


@dataclass
class Recorder:
    """Fulfils `Emit`, `EmitLater` and what a sink is. Checks the names of details at once."""

    events: list[Traced] = field(default_factory=list)

    def __call__(self, traced: Traced) -> None:
        assert set(traced.details) == DETAILS[traced.event.name], traced.event.name
        self.events.append(traced)

    def emit(self, event: TraceEvent, details: Mapping[str, Any]) -> None:
        self(Traced(event=event, at=0.0, details=details))

    def emit_later(self, size: int, make: Any) -> None:
        for traced in make():
            self(traced)

    @property
    def names(self) -> list[str]:
        return [one.event.name for one in self.events]

    def of(self, name: str) -> list[Mapping[str, Any]]:
        return [one.details for one in self.events if one.event.name == name]

    def one(self, name: str) -> Mapping[str, Any]:
        (found,) = self.of(name)
        return found
