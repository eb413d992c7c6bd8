"""Written for Selinon: the Celery app of its workers, and of the script that starts flows. Files come from BENCH_FLOWS."""

import os

from celery import Celery
from selinon import Config, SelinonTask

app = Celery("bench", broker=os.environ["BENCH_BROKER"], backend=os.environ["BENCH_BACKEND"])
app.conf.broker_connection_retry_on_startup = True


class Nothing(SelinonTask):
    def run(self, node_args):
        return None


Config.set_celery_app(app)
Config.set_config_yaml(os.environ["BENCH_NODES"], [os.environ["BENCH_FLOWS"]])
