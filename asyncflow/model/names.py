"""The names and ids that tie the values together."""

from __future__ import annotations

from typing import Any, NewType, TypeAlias

FlowName = NewType("FlowName", str)
NodeName = NewType("NodeName", str)
"""The name of a task or of a flow, as edges use it."""

RunId = NewType("RunId", str)
TaskId = NewType("TaskId", str)
"""The id of one attempt at a node: a Celery task id, or, for a sub-flow, the id of the child run."""

Json: TypeAlias = Any
"""Whatever JSON can say: None, bool, int, float, str, list, dict with str keys."""
