"""How workers report: the channels they use, and the result backend where the dispatcher can read what they left."""

from __future__ import annotations

import importlib

from asyncflow.app.settings import Settings
from asyncflow.errors import RequestError
from asyncflow.fleet import ResultBackend
from asyncflow_celery.channels import Channels, Wish


def open_backend(url: str) -> ResultBackend | None:
    """redis://, rediss:// or unix://; None for no URL. Raises RequestError, StorageError."""
    if not url:
        return None
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise RequestError("results can be read from Redis only: give its redis:// URL as result backend, or none")
    try:
        # The driver is optional, and slow to import.
        adapter = importlib.import_module("asyncflow.adapters.redis_results")
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("asyncflow"):
            raise
        raise RequestError("reading results from Redis takes: pip install 'asyncflow-dispatcher[redis]'") from missing
    opened: ResultBackend = adapter.RedisResults(url)
    return opened


def channels_of(settings: Settings) -> Channels:
    """The channels of the setting `completion`. Raises RequestError."""
    try:
        wish = Wish(settings.completion)
    except ValueError as exc:
        wishes = ", ".join(wish.value for wish in Wish)
        raise RequestError(f"completion is {settings.completion!r}; it can be one of {wishes}") from exc
    if settings.worker_events not in ("auto", "off"):
        raise RequestError(f"worker events are {settings.worker_events!r}; they can be auto or off")
    return Channels(wish, asks_for_events=settings.worker_events == "auto", reads_redis=bool(settings.result_backend))
