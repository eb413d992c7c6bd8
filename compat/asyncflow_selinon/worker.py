"""What runs on workers: beside asyncflow's plugin, the tasks of Selinon's names, for as long as messages bear them.

`Config.set_celery_app` imports this. With it, a worker serves what a dispatcher publishes with `envelope: selinon`, as the
real Selinon does, and with asyncflow's own envelope: so workers can be moved one by one.
"""

from __future__ import annotations

import traceback
from typing import Any

from celery import shared_task
from celery.exceptions import Ignore

import asyncflow_celery.worker as asyncflow_plugin
from asyncflow.engine.retries import FATAL, is_retried, wait_before_retry
from asyncflow.model.flow import Task
from asyncflow.model.names import Json
from asyncflow.model.run import TaskError
from asyncflow_celery.execution import run
from asyncflow_celery.flow_task import Place, RetryRequested
from asyncflow_celery.local import LOCAL
from asyncflow_celery.tracing import TaskTelling
from asyncflow_celery.wire import SELINON_TASK
from asyncflow_selinon.errors import RequestError
from asyncflow_selinon.run import start_run

__all__ = ["asyncflow_plugin", "run_selinon_task", "start_flow"]

SELINON_DISPATCHER = "selinon.Dispatcher"


@shared_task(bind=True, name=SELINON_TASK, max_retries=None, ignore_result=False, acks_late=True)  # type: ignore[untyped-decorator]  # celery ships no types
def run_selinon_task(self: Any, **call: Json) -> None:
    """Run a task as Selinon's envelope did: retries are this worker's, results go to the storage or are dropped."""
    declared = LOCAL.declared()
    task, retried = declared.task(call["task_name"]), call.get("retried_count") or 0
    tell = TaskTelling(emit=declared.emit, task=task, call=call, id=self.request.id)
    try:
        tell.discarded(run(Place(declared=declared, attempt=retried + 1), call, self.request.id))
    except RetryRequested as exc:
        again, wait = call, exc.countdown
    except Exception as exc:
        if not _is_retried(task, retried, exc):
            raise
        again = {**call, "retried_count": retried + 1}
        wait = wait_before_retry(task.retries, retried + 1, self.request.id)
        tell.retried(what=traceback.format_exc(), countdown=wait, retried=retried, by_user=False)
    else:
        return
    # Outside of the handlers: Celery would take the exception at hand for the reason.
    raise self.retry(kwargs=again, countdown=wait)


@shared_task(bind=True, name=SELINON_DISPATCHER, max_retries=None, acks_late=True)  # type: ignore[untyped-decorator]  # celery ships no types
def start_flow(self: Any, **call: Json) -> None:
    """Start a flow that code with the real Selinon has asked for; the run bears the id that Selinon gave to that code.

    The run outlives this task, so that the task gets no result of its own.
    """
    if call.get("state"):
        raise RequestError(
            f"flow {call['flow_name']!r} was begun by Selinon's dispatcher, which must end it: "
            "let workers with the real Selinon serve its queue until it is empty"
        )
    if call.get("selective"):
        raise RequestError(
            f"flow {call['flow_name']!r}: start selective runs with run_flow_selective of asyncflow_selinon"
        )
    start_run(call["flow_name"], call.get("node_args"), run_id=self.request.id)
    raise Ignore


def _is_retried(task: Task, retried: int, exc: Exception) -> bool:
    error = TaskError(type=type(exc).__name__, module=type(exc).__module__)
    return retried < task.retries.most and error.type != FATAL and is_retried(task.retries, error)
