"""What `asyncflow worker` has Celery include, so that its log has the lines of `asyncflow serve`.

Importing this registers it with Celery, which is what an include of a worker is for. A Celery app that sets up logging
by itself keeps its own.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from celery import current_task
from celery.signals import after_setup_logger, after_setup_task_logger

from asyncflow.cli.log_lines import STYLE, formatter_of


@after_setup_logger.connect  # type: ignore[untyped-decorator]  # celery ships no types
@after_setup_task_logger.connect  # type: ignore[untyped-decorator]  # celery ships no types
def set_formatter(logger: logging.Logger, **_: Any) -> None:
    """Take over the handlers that Celery has made."""
    formatter = formatter_of(os.environ.get(STYLE, "plain"))
    for handler in logger.handlers:
        handler.setFormatter(formatter)
        handler.addFilter(_note_task)


def _note_task(record: logging.LogRecord) -> bool:
    """Which task was running; what Celery itself says of others names them already."""
    request = getattr(current_task, "request", None)
    if request is not None and request.id and not hasattr(record, "task_id"):
        record.task, record.task_id = current_task.name, request.id
    return True
