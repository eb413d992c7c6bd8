"""The lines of logs, of the dispatcher's and of workers': the event first, or JSON, one object a line."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from asyncflow.model import jsontext

STYLE = "ASYNCFLOW_LOG_FORMAT"
"""The environment variable that tells a worker which."""

_OWN_PROCESS = "MainProcess"


def formatter_of(style: str) -> logging.Formatter:
    """For "json" or "plain"."""
    return JsonLines() if style == "json" else PlainLines()


class PlainLines(logging.Formatter):
    """The event, then time, level and logger; of a worker's pool, the process too, and the task that it runs."""

    def format(self, record: logging.LogRecord) -> str:
        where = [record.name, *_process(record), *_task(record).values()]
        text = f"{record.getMessage()}  [{_instant(record)} {record.levelname.lower()} {' '.join(where)}]"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {
            "event": record.getMessage(),
            "at": _instant(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            **dict(zip(("process",), _process(record), strict=False)),
            **_task(record),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return jsontext.dumps(told).decode().strip()


def _process(record: logging.LogRecord) -> list[str]:
    return [record.processName] if record.processName and record.processName != _OWN_PROCESS else []


def _task(record: logging.LogRecord) -> dict[str, str]:
    """What `worker_log` has noted of the task at hand."""
    return {name: getattr(record, name) for name in ("task", "task_id") if hasattr(record, name)}


def _instant(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
