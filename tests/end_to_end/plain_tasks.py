"""The tasks of a stock Celery app that knows nothing of asyncflow. ASYNCFLOW_TEST_BACKEND names its result backend."""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import Celery

app = Celery("plain_tasks", backend=os.environ.get("ASYNCFLOW_TEST_BACKEND") or None)
app.conf.worker_hijack_root_logger = False


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def greet(name="nobody"):
    return f"hello {name}"


@app.task
def fail(why="because"):
    raise ValueError(why)


@app.task(bind=True)
def fail_at_first(self, path):
    """Fails until its third call; calls are counted in a file."""
    with Path(path).open("a+") as calls:
        calls.write("x")
        calls.seek(0)
        count = len(calls.read())
    if count < 3:
        raise ConnectionError(f"call {count}")
    return count


@app.task(bind=True, max_retries=3)
def retry_itself(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    return self.request.retries


@app.task
def not_json():
    return object()


@app.task(ignore_result=True)
def ignored():
    return "kept anyway"


@app.task
def sleep(seconds, value=None):
    time.sleep(seconds)
    return value


@app.task
def mark(path, text):
    with Path(path).open("a") as ledger:
        ledger.write(f"{text}\n")
    return text
