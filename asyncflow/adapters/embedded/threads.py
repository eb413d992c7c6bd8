"""The threads that run the tasks of an embedded worker.

Celery's own pool of threads keeps a process from ending while a task runs, so that Ctrl-C would have to wait for it.
These threads are daemons: whoever closes the worker waits for them briefly, and the end of the process ends them.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from billiard.einfo import ExceptionInfo
from billiard.exceptions import WorkerLostError
from celery.concurrency.base import BasePool
from celery.utils import timer2

from asyncflow.adapters.embedded.session import Session, TaskThread
from asyncflow.model import jsontext

GRACE = 0.5
"""Seconds that closing waits for tasks that run."""

_Job: TypeAlias = Callable[[], None]

logger = logging.getLogger(__name__)


class PromptTimer(timer2.Timer):  # type: ignore[misc]  # celery ships no types
    """Celery's timer thread looks up once a second only, which closing would have to wait for."""

    def stop(self) -> None:
        if self.running:
            self.call_after(0.01, _nothing)
        super().stop()


class TaskThreads(BasePool):  # type: ignore[misc]  # celery ships no types
    Timer = PromptTimer
    body_can_be_buffer = True
    signal_safe = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._session: Session = self.app.conf.broker_transport_options["session"]
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._busy = 0
        self._counting = threading.Lock()

    def on_apply(
        self, target: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], **options: Any
    ) -> None:
        with self._counting:
            self._busy += 1
            lacking = self._busy > len(self._threads) and len(self._threads) < self.limit
        if lacking:
            thread = TaskThread(self._session, self._work, f"asyncflow-task-{len(self._threads)}")
            self._threads.append(thread)
            thread.start()
        accepted = options.pop("accept_callback")

        def job() -> None:
            accepted(os.getpid(), time.monotonic())
            _tell_start(self._session, accepted.__self__)
            self._session.hub.wake()  # older Celery leaves the acknowledgement to the worker's loop
            _run(lambda: target(*args, **kwargs), **options)

        self._jobs.put(job)

    def on_stop(self) -> None:
        self._leave()
        deadline = time.monotonic() + GRACE
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._session.abandoned = True

    def on_terminate(self) -> None:
        self._leave()

    def terminate_job(self, pid: int, signal: str | None = None) -> None:
        """A thread cannot be ended: the task runs on, and its result counts for nothing."""

    def _leave(self) -> None:
        """Drop what no thread has begun, which goes back to its queue, and let the threads end."""
        try:
            while True:
                self._jobs.get_nowait()
        except queue.Empty:
            pass
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        self.app.set_current()
        while (job := self._jobs.get()) is not None:
            self._session.task_begins()
            try:
                job()
            except BaseException:  # Celery's own, reporting on the task: it must not end the thread
                logger.exception("the outcome of a task cannot be told; its attempt stays without a verdict")
            with self._counting:
                self._busy -= 1
            self._session.task_ends()

    def _get_info(self) -> dict[str, Any]:
        return {**super()._get_info(), "threads": len(self._threads)}


def _run(
    call: Callable[[], Any],
    *,
    callback: Callable[[Any], None],
    error_callback: Callable[[ExceptionInfo], None],
    **options: Any,
) -> None:
    """Run a task, and tell Celery how it ended.

    A task that exits has lost its worker, as in a pool of processes. (Celery's own pool of threads forgets the task.)
    """
    try:
        outcome = call()
    except Exception:  # noqa: BLE001  (what gets past Celery's tracing, which catches what tasks raise)
        error_callback(ExceptionInfo())
    except BaseException as exc:  # noqa: BLE001  (the task must not end this thread)
        lost = WorkerLostError(f"the task has exited: {exc!r}")
        error_callback(ExceptionInfo((WorkerLostError, lost, exc.__traceback__)))
    else:
        callback(outcome)


def _tell_start(session: Session, request: Any) -> None:
    """As Celery itself tells it over rpc of tasks whose start is tracked."""
    if not request.reply_to:
        return
    said = {"task_id": request.id, "status": "STARTED", "result": {"pid": os.getpid(), "hostname": request.hostname}}
    properties = {"correlation_id": request.id, "delivery_mode": 1}
    session.hub.put(
        request.reply_to,
        {
            "body": jsontext.dumps(said),
            "headers": {},
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "properties": properties,
        },
    )


def _nothing() -> None:
    """What a timer runs when it only has to look up."""
