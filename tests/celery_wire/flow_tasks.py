"""A Celery app with flow tasks: classes of every kind that a worker must be able to run."""

import time
from pathlib import Path

from celery import Celery

from asyncflow_celery import FatalTaskError, FlowTask

app = Celery("flows", include=["asyncflow_celery.worker"])
app.conf.broker_connection_retry_on_startup = True


class Show(FlowTask):
    def run(self, node_args):
        return {
            "task_name": self.task_name,
            "flow_name": self.flow_name,
            "parent": self.parent,
            "task_id": self.task_id,
            "dispatcher_id": self.dispatcher_id,
            "attempt": self.attempt,
            "node_args": node_args,
        }


class Keep(FlowTask):
    """Has a storage."""

    def run(self, node_args):
        self.log.info("keeping")
        return {"kept": node_args, "in": type(self.storage).__name__}


class ReadParents(FlowTask):
    def run(self, node_args):
        return [self.parent_task_result(name) for name in node_args]


class RetryOnce(FlowTask):
    tries = 0

    def run(self, node_args):
        type(self).tries += 1
        if type(self).tries == 1:
            self.retry(countdown=0)
        return type(self).tries


class Fatal(FlowTask):
    def run(self, node_args):
        raise FatalTaskError("of no use to try again")


class NoBaseAtAll:
    async def run(self, node_args):
        return ["async", node_args]


class SelinonsArguments:
    def __init__(self, flow_name, task_name, parent, task_id, dispatcher_id):
        self.told = [flow_name, task_name, parent, task_id, dispatcher_id]

    def run(self, node_args):
        return self.told


class OwnConstructor(FlowTask):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.own = True

    def run(self, node_args):
        return [self.own, self.attempt]


class Checked(FlowTask):
    """Has an output schema."""

    def run(self, node_args):
        return node_args


class Count(FlowTask):
    """Tells of its progress as fast as it can, and is then at its last word until it is let go."""

    def run(self, node_args):
        for number in range(1, node_args["to"] + 1):
            self.progress(number, node_args["to"], "counting")
        while not Path(node_args["go"]).exists():
            time.sleep(0.01)
        self.progress(0, 1, "never told")
        return node_args["to"]
