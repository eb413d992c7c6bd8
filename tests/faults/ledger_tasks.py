"""Tasks of a stock Celery app whose bodies append to a ledger outside the system: "id name" before they end."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery

app = Celery("ledger_tasks", backend=os.environ.get("ASYNCFLOW_TEST_BACKEND", "rpc://"))
app.conf.worker_hijack_root_logger = False

LEDGER = os.environ.get("ASYNCFLOW_TEST_LEDGER", "")


def _append(id, name):
    with Path(LEDGER).open("a") as ledger:
        ledger.write(f"{id} {name}\n")


@app.task(bind=True)
def mark(self, name):
    _append(self.request.id, name)
    return name


@app.task(bind=True)
def fail(self, name):
    _append(self.request.id, name)
    raise ValueError(name)
