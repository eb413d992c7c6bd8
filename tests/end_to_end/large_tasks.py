"""Tasks with results of any size, in a stock Celery app with the plugin."""

from celery import Celery

from asyncflow_celery import FlowTask

app = Celery("large_tasks", include=["asyncflow_celery.worker"])


class Make(FlowTask):
    """Its result goes where the configuration says."""

    def run(self, node_args):
        return "x" * node_args["size"]


class MakeInline(Make):
    pass


class Measure(FlowTask):
    def run(self, node_args):
        return len(self.parent_task_result("Make"))


@app.task
def make(size):
    return "x" * size
