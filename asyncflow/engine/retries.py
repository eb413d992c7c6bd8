"""Whether and when to try again: tasks, whole flows, and attempts that the infrastructure lost."""

from __future__ import annotations

import zlib

from asyncflow.model.events import Blame
from asyncflow.model.flow import OnLost, Retries, Task, TaskKind
from asyncflow.model.run import Active, TaskError

FATAL = "FatalTaskError"
"""The exception by which a task says that trying again is of no use."""

LOST = Retries(most=3, countdown=0.5, factor=2.0, ceiling=60.0, jitter=0.2)
"""For attempts that failed through no fault of their task, apart from the task's own retries."""

LONGEST = 365 * 86400.0
"""Where no ceiling is given: growing waits would soon be more than clocks can say."""


def wait_before_retry(retries: Retries, failures: int, seed: str) -> float:
    """Seconds to wait after the given number of failures (from 1).

    The jitter is drawn from `seed`, so that a replay waits as long.
    """
    try:
        wait = retries.countdown * float(retries.factor) ** (failures - 1)
    except OverflowError:
        wait = LONGEST
    spread = zlib.crc32(seed.encode()) / 0xFFFFFFFF  # 0..1, evenly spread
    ceiling = LONGEST if retries.ceiling is None else retries.ceiling
    return min(wait * (1 + retries.jitter * (2 * spread - 1)), ceiling)


def retry_after(task: Task, node: Active, error: TaskError, blame: Blame, seed: str) -> float | None:
    """Seconds until the next attempt at a task; None when this failure is final."""
    if blame is Blame.REVOKED:
        return None
    if blame is Blame.INFRASTRUCTURE:
        lost = node.attempt - node.failures
        if task.on_lost is OnLost.FAIL or lost > LOST.most:
            return None
        return wait_before_retry(LOST, lost, seed)
    if task.kind is TaskKind.SELINON:  # its worker has done the retries already
        return None
    failures = node.failures + 1
    if failures > task.retries.most or error.type == FATAL or not is_retried(task.retries, error):
        return None
    return wait_before_retry(task.retries, failures, seed)


def is_retried(retries: Retries, error: TaskError) -> bool:
    """Whether the exception is one to retry on; names are matched in full or by class name."""
    names = {error.type, f"{error.module}.{error.type}"}
    if names.intersection(retries.never):
        return False
    return not retries.only or bool(names.intersection(retries.only))
