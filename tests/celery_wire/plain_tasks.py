"""A Celery app as users have them: nothing in it knows of asyncflow."""

import time
from pathlib import Path

from celery import Celery

app = Celery("plain")
app.conf.broker_connection_retry_on_startup = True


class OwnError(Exception):
    pass


@app.task
def add(x, y):
    return x + y


@app.task
def fail():
    raise OwnError("bad", {"k": 1})


@app.task
def give_a_set():
    return {1, 2}


@app.task
def give_back(value):
    return value


@app.task(bind=True, max_retries=3)
def succeed_at_second_try(self):
    if self.request.retries == 0:
        raise self.retry(exc=OwnError("not yet"), countdown=0)
    return self.request.retries


@app.task(ignore_result=True)
def ignore_the_result():
    return "said all the same"


@app.task(track_started=True)
def tell_of_the_start():
    return None


@app.task(bind=True)
def tell_of_progress(self):
    self.update_state(state="PROGRESS", meta={"done": 1, "total": 2})
    return "done"


@app.task
def name_the_type(value):
    return type(value).__name__


@app.task
def sleep(seconds):
    time.sleep(seconds)


@app.task
def wait_for(file):
    """Hold this worker's only process until a file is there."""
    deadline = time.monotonic() + 30
    while not Path(file).exists() and time.monotonic() < deadline:
        time.sleep(0.01)


@app.task(bind=True)
def replace_by_add(self, x, y):
    return self.replace(add.s(x, y))


@app.task(bind=True)
def show_request(self):
    request = self.request
    return {
        "id": request.id,
        "root_id": request.root_id,
        "parent_id": request.parent_id,
        "reply_to": request.reply_to,
        "correlation_id": request.correlation_id,
        "timelimit": request.timelimit,
        "retries": request.retries,
        "shadow": request.shadow,
        "stamps": request.stamps,
        "priority": request.delivery_info["priority"],
    }
