"""The worker plugin: importing this module registers the task that runs flow tasks.

`include = ["asyncflow_celery.worker"]` in the Celery app is all that a worker needs, beside the environment
variable ASYNCFLOW_CONFIG with the paths of the flows' configuration.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from celery import shared_task
from celery.signals import worker_init, worker_process_shutdown, worker_shutdown

from asyncflow.model.names import Json
from asyncflow_celery.execution import run
from asyncflow_celery.flow_task import Place, RetryRequested
from asyncflow_celery.local import LOCAL, NotConfiguredError
from asyncflow_celery.progress import reporter_of
from asyncflow_celery.wire import FLOW_TASK


# Acknowledged late, so that a worker that vanishes does not take the tasks it was at with it. Any of these
# can be set otherwise with Celery's `task_annotations`.
@shared_task(bind=True, name=FLOW_TASK, max_retries=None, ignore_result=False, acks_late=True)  # type: ignore[untyped-decorator]  # celery ships no types
def run_flow_task(self: Any, **call: Json) -> Json:
    """Run the flow task that a message of the dispatcher names. Other keys than those known are a newer dispatcher's."""
    declared = LOCAL.declared()
    try:
        with reporter_of(self) as reporter:
            place = Place(
                declared=declared,
                attempt=call.get("attempt", 1),
                results=call.get("results") or {},
                errors=call.get("errors") or {},
                report=reporter.tell,
            )
            return run(place, call, self.request.id)
    except RetryRequested as exc:
        wait = exc.countdown
    # Outside of the handler: Celery would take the exception at hand for the reason.
    raise self.retry(countdown=wait)


@worker_init.connect  # type: ignore[untyped-decorator]  # celery ships no types
def load_configuration(**_: Any) -> None:
    """Before the pool forks, so that its processes share one copy; what is wrong with it is in the log then.

    The modules of flow tasks and storages are found in the working directory, where the `celery` command finds those of
    the app, but only while it imports them.
    """
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    with suppress(NotConfiguredError):
        LOCAL.declared()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]  # celery ships no types
@worker_shutdown.connect  # type: ignore[untyped-decorator]  # celery ships no types
def finish_tracing(**_: Any) -> None:
    """In each process of a pool, and in the worker itself, which runs the tasks in other kinds of pools."""
    LOCAL.finish()
