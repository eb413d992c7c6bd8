"""A stock Celery worker in threads of this process, on an embedded broker."""

from __future__ import annotations

import platform
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from celery import Celery
from celery.worker import WorkController

from asyncflow.adapters.embedded.app_settings import embedded_settings
from asyncflow.adapters.embedded.broker import EmbeddedBroker
from asyncflow.adapters.embedded.output import celery_logs, tasks_print_to_stderr
from asyncflow.adapters.embedded.session import Session
from asyncflow.adapters.embedded.threads import TaskThreads
from asyncflow.errors import BrokerError

START_TIMEOUT = 30.0
STOP_TIMEOUT = 5.0
"""Seconds; far more than either takes."""


@contextmanager
def embedded_worker(
    app: Celery | None,
    *,
    broker: EmbeddedBroker,
    queues: Sequence[str],
    concurrency: int,
    include: Sequence[str] = (),
) -> Iterator[Celery]:
    """Run a worker on the user's app, or on one made for it, until the context is left; give the app.

    `include` names modules to import, where tasks are registered. Celery's log tells warnings and worse, unless the
    program has given the logger "celery" a level. Leaving takes less than a second: a task that still
    runs then is left to itself, and its result is lost. Raises BrokerError when the worker cannot start; whatever
    importing a module raises comes through.
    """
    session = Session(broker.hub)
    with ExitStack() as stack:
        if app is None:
            app = Celery("asyncflow", set_as_current=False)
            stack.callback(app.close)
        stack.enter_context(embedded_settings(app, session))
        stack.enter_context(celery_logs())
        stack.enter_context(tasks_print_to_stderr())
        stack.enter_context(_running(_controller(app, queues, concurrency, include), session, broker))
        yield app


def _controller(app: Celery, queues: Sequence[str], concurrency: int, include: Sequence[str]) -> WorkController:
    return WorkController(
        app=app,
        hostname=f"embedded@{platform.node()}",
        queues=list(queues),
        include=list(include),
        concurrency=concurrency,
        pool_cls=TaskThreads,
        timer_precision=0.1,
        without_gossip=True,
        without_heartbeat=True,
        without_mingle=True,
    )


@contextmanager
def _running(worker: WorkController, session: Session, broker: EmbeddedBroker) -> Iterator[None]:
    settled = threading.Event()
    ready = threading.Event()

    def run() -> None:
        worker.app.set_current()
        try:
            worker.start()
        finally:
            if not session.ended:
                broker.fail("the embedded worker has ended by itself; its log on standard error says why")
            settled.set()

    def on_ready(consumer: object) -> None:
        ready.set()
        settled.set()

    worker.consumer.init_callback = on_ready
    broker.fail("")
    thread = threading.Thread(target=run, name="asyncflow-worker", daemon=True)
    thread.start()
    try:
        settled.wait(START_TIMEOUT)
        if not ready.is_set():
            raise BrokerError("the embedded worker did not start; its log on standard error says why")
        yield
    finally:
        session.end()
        thread.join(STOP_TIMEOUT)
