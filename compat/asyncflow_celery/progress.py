"""Progress of flow tasks on its way to the dispatcher.

It goes from a thread of its own: no task waits for the broker because it says how far it is, and of what a tight loop
says only the newest is sent, now and then.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from threading import Condition, Thread
from types import TracebackType
from typing import Any, Self

from asyncflow.model.names import Json

PAUSE = 0.5
"""Seconds between two reports of a task."""

_LAST_WORDS = 1.0
_RETRY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5}

_log = logging.getLogger(__name__)


class Reporter:
    """Used as a context manager around a task: when it has ended, nothing is said of its progress any more."""

    def __init__(self, send: Callable[[Json], None] | None, *, pause: float = PAUSE) -> None:
        self._send = send
        self._pause = pause
        self._changed = Condition()
        self._newest: Json = None
        self._closed = False
        self._thread: Thread | None = None
        self._due = 0.0
        """When the next report may go."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(_LAST_WORDS)

    def tell(self, how_far: Mapping[str, Json]) -> None:
        if self._send is None:
            return
        with self._changed:
            self._newest = how_far
            self._changed.notify()
            if self._thread is None and not self._closed:
                self._thread = Thread(target=self._run, args=(self._send,), name="asyncflow-progress", daemon=True)
                self._thread.start()
        if time.monotonic() >= self._due:
            time.sleep(0)  # under gevent nothing else runs while a task computes

    def _run(self, send: Callable[[Json], None]) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._newest is not None)
                if self._closed:
                    return
                how_far, self._newest = self._newest, None
            self._due = time.monotonic() + self._pause
            try:
                send(how_far)
            except Exception as exc:  # noqa: BLE001  (whatever the broker's library raises: the task goes on)
                _log.warning("progress.not_sent reason=%s", exc)
            with self._changed:
                self._changed.wait_for(lambda: self._closed, self._pause)


def reporter_of(task: Any) -> Reporter:
    """For the bound task that runs just now. It reports as rpc:// does, whatever the worker's result backend is."""
    request = task.request
    return Reporter(partial(_send, task.app, request.id, request.reply_to) if request.reply_to else None)


def _send(app: Any, id: str, reply_to: str, how_far: Json) -> None:
    with app.amqp.producer_pool.acquire(block=True) as producer:
        producer.publish(
            {"task_id": id, "status": "PROGRESS", "result": how_far},
            exchange="",
            routing_key=reply_to,
            correlation_id=id,
            serializer="json",
            delivery_mode=1,
            retry=True,
            retry_policy=_RETRY,
        )
