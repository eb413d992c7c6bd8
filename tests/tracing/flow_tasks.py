"""Flow tasks whose runs are traced."""

from __future__ import annotations

from typing import Any

from asyncflow_celery import FlowTask


class Give(FlowTask):
    def run(self, node_args: Any) -> Any:
        return {"given": 1}


class Take(FlowTask):
    def run(self, node_args: Any) -> Any:
        return self.parent_task_result("Give")


class Again(FlowTask):
    def run(self, node_args: Any) -> Any:
        self.retry(countdown=7)


class Fail(FlowTask):
    def run(self, node_args: Any) -> Any:
        raise ValueError("burnt")
