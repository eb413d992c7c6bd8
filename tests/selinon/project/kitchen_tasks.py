"""Flow tasks that fail, and fallbacks that look at why; the Celery app of their worker."""

import json
from pathlib import Path

from celery import Celery

from asyncflow.storages.interface import DataStorage
from asyncflow_celery import FlowTask

app = Celery("kitchen", include=["asyncflow_celery.worker"])
app.conf.broker_connection_retry_on_startup = True


class Errors(DataStorage):
    """Keeps errors only."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def retrieve(self, flow_name, task_name, task_id):
        raise FileNotFoundError(task_id)

    def store(self, node_args, flow_name, task_name, task_id, result):
        raise AssertionError("no task here has a result")

    def store_error(self, node_args, flow_name, task_name, task_id, exc_info):
        told = [flow_name, task_name, task_id, exc_info[0].__name__, str(exc_info[1]), node_args]
        (self.folder / f"error-{task_id}").write_text(json.dumps(told))


class BurntError(Exception):
    def __init__(self, what, minutes):
        super().__init__(f"{what} burnt for {minutes} minutes")


class Bake(FlowTask):
    async def run(self, node_args):
        raise BurntError("the pie", 10)


class Look(FlowTask):
    """A fallback of a task."""

    def run(self, node_args):
        raised = self.parent_task_exception("Bake")
        return [isinstance(raised, BurntError), str(raised)]


class LookInside(FlowTask):
    """A fallback of a sub-flow of a sub-flow."""

    def run(self, node_args):
        raised = self.parent_flow_exception(["house", "kitchen"], "Bake")
        return [isinstance(raised, BurntError), str(raised), self.parent]


class LookTooFar(FlowTask):
    def run(self, node_args):
        return str(self.parent_task_exception("Look"))
