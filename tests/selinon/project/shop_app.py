"""Written for Selinon: the Celery app of its workers, and of the programs that start flows."""

import os
from pathlib import Path

from celery import Celery
from selinon import Config, Trace

HERE = Path(__file__).parent

app = Celery("shop", broker=os.environ["SHOP_BROKER"])
app.conf.broker_connection_retry_on_startup = True

Config.set_celery_app(app)
Config.set_config_yaml(str(HERE / "nodes.yaml"), [str(HERE / "flows.yaml")])


def write_down(event, details):
    """A trace function."""
    with Path(os.environ["SHOP_TRACE"]).open("a") as trace:
        trace.write(f"{Trace.event2str(event)} {details.get('task_name')}\n")


Config.trace_by_func(write_down)
