"""The Celery app of the workers under measurement. Tasks do nothing, so that what is left is the way between them."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

app = Celery("bench", broker=os.environ.get("BENCH_BROKER"), backend=os.environ.get("BENCH_BACKEND"))
app.conf.broker_connection_retry_on_startup = True


@app.task
def nothing() -> None: ...


@app.task
def total(results: list[Any]) -> int:
    return len(results)
