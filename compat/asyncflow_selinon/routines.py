"""Functions that Selinon brought for selective runs."""

from __future__ import annotations

from asyncflow.model.names import Json


def always_run(flow_name: str, node_name: str, node_args: Json, task_names: list[str], storage_pool: object) -> None:
    """Reuse no earlier result: None means that the node is to be run."""
