"""The Celery app of the examples, with the real Selinon."""

import os

from celery import Celery
from selinon import Config

app = Celery("myapp", broker=os.environ["MYAPP_BROKER"])
app.conf.broker_connection_retry_on_startup = True

Config.init(app, os.environ["MYAPP_CONFIG"], [os.environ["MYAPP_CONFIG"]])
