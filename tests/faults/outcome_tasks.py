"""The tasks of a stock Celery app that end in every way that Celery knows. ASYNCFLOW_TEST_* say how it is set up."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from celery import Celery
from celery.exceptions import Ignore, Reject

app = Celery("outcome_tasks", backend=os.environ.get("ASYNCFLOW_TEST_BACKEND") or None)
app.conf.worker_hijack_root_logger = False
app.conf.task_acks_late = app.conf.task_reject_on_worker_lost = bool(os.environ.get("ASYNCFLOW_TEST_LATE"))
app.conf.result_backend_transport_options = {"global_keyprefix": os.environ.get("ASYNCFLOW_TEST_PREFIX", "")}


@app.task
def add(x, y):
    return x + y


@app.task
def fail(why="because"):
    raise ValueError(why)


@app.task(ignore_result=True)
def ignored():
    return "kept anyway"


@app.task(bind=True, max_retries=3)
def retry_itself(self, countdown=0):
    if self.request.retries < 2:
        raise self.retry(countdown=countdown)
    return self.request.retries


@app.task(bind=True)
def replace_itself(self, x, y):
    raise self.replace(add.s(x, y))


@app.task
def ignore_itself():
    raise Ignore


@app.task
def reject_itself():
    raise Reject("no", requeue=False)


@app.task
def sleep(seconds):
    time.sleep(seconds)
    return seconds


@app.task
def kill_its_process():
    os.kill(os.getpid(), signal.SIGKILL)


@app.task
def hold(ledger, name, release):
    """Write down that it runs, and go on when a file is there."""
    with Path(ledger).open("a") as lines:
        lines.write(f"{name}\n")
    deadline = time.monotonic() + 90
    while not Path(release).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return name
