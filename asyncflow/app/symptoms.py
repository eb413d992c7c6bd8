"""What workers answer about themselves, turned into checks. Pure: answers in, checks out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from asyncflow.app.diagnosis import Check, State
from asyncflow.fleet import QueueState
from asyncflow.model.flow import Configuration, TaskKind
from asyncflow.model.names import Json
from asyncflow.model.phrases import counted

_CELERY = re.compile(r"celery:(\S+)")
_FLOW_TASK = "asyncflow.FlowTask"
_SELINON_TASK = "selinon.SelinonTaskEnvelope"

By = Mapping[str, Json]
"""Answers by worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What all workers have answered, question by question."""

    conf: By
    registered: By
    active_queues: By
    stats: By
    report: By


@dataclass(frozen=True, slots=True, kw_only=True)
class _Advised:
    """A setting of workers that gives more than its default."""

    key: str
    holds: Callable[[Mapping[str, Json]], bool]
    without: str
    advice: str


_ADVISED = (
    _Advised(
        key="task_acks_late",
        holds=lambda conf: bool(conf.get("task_acks_late")),
        without="a task whose worker dies is not delivered again, and waits for the watchdog",
        advice="app.conf.task_acks_late = True",
    ),
    _Advised(
        key="task_reject_on_worker_lost",
        holds=lambda conf: bool(conf.get("task_reject_on_worker_lost")),
        without="a task whose process is killed is not delivered again",
        advice="app.conf.task_reject_on_worker_lost = True",
    ),
    _Advised(
        key="result_persistent",
        holds=lambda conf: not _is_rpc(conf) or bool(conf.get("result_persistent")),
        without="replies are transient, and survive a restart of the broker in a quorum queue only",
        advice="app.conf.result_persistent = True",
    ),
    _Advised(
        key="confirm_publish",
        holds=lambda conf: _has(conf.get("broker_transport_options"), "confirm_publish"),
        without="a worker does not notice when the broker does not get its reply",
        advice="app.conf.broker_transport_options = {'confirm_publish': True}",
    ),
    _Advised(
        key="worker_prefetch_multiplier",
        holds=lambda conf: conf.get("worker_prefetch_multiplier") == 1,
        without="a worker takes tasks early that another could start at once",
        advice="app.conf.worker_prefetch_multiplier = 1",
    ),
    _Advised(
        key="task_track_started",
        holds=lambda conf: bool(conf.get("task_track_started")),
        without="nobody hears which worker has a task",
        advice="app.conf.task_track_started = True",
    ),
)


def of_workers(told: Told, configuration: Configuration | None) -> list[Check]:
    """Everything about the workers that have answered."""
    if not told.conf:
        advice = "start one: asyncflow worker -c CONFIG; or set app.conf.worker_enable_remote_control = True"
        nobody = "no worker answers"
        return [
            Check(name="workers", state=State.BAD, told=nobody, advice=advice),
            Check(name="remote control", state=State.UNKNOWN, told=nobody),
            Check(name="durable task queues", state=State.UNKNOWN, told=nobody),
            Check(name="result channel", state=State.UNKNOWN, told=nobody),
        ]
    return [
        Check(name="workers", state=State.OK, told=_roll(told)),
        Check(name="remote control", state=State.OK, told="workers answer questions"),
        _result_channel(told.conf),
        _durability(told.active_queues),
        *(_setting(advised, told.conf) for advised in _ADVISED),
        _limits(told.conf),
        _pool(told.stats),
        *(_tasks(told.registered, configuration) if configuration else ()),
    ]


def of_queue(name: str, state: QueueState | None) -> Check:
    """A queue that tasks of the configuration go to."""
    if state is None:
        told = f"queue {name!r} does not exist: no worker has ever served it"
        return Check(name="task queue", state=State.BAD, told=told, advice=f"start a worker with -Q {name}")
    counts = f"queue {name!r} has {counted(state.messages, 'message')} and {counted(state.consumers, 'consumer')}"
    if state.consumers == 0:
        return Check(name="task queue", state=State.BAD, told=counts, advice=f"start a worker with -Q {name}")
    return Check(name="task queue", state=State.OK, told=counts)


def _roll(told: Told) -> str:
    return "; ".join(f"{worker} ({_version(told.report.get(worker))})" for worker in sorted(told.conf))


def _version(report: Json) -> str:
    text = report.get("ok") if isinstance(report, Mapping) else ""
    found = _CELERY.search(str(text))
    return f"Celery {found[1]}" if found else "Celery of unknown version"


def _result_channel(conf: By) -> Check:
    backends = {worker: _backend(settings) for worker, settings in conf.items()}
    kinds = sorted(set(backends.values()))
    told = f"workers use {', '.join(kinds)}"
    if kinds == ["rpc"]:
        return Check(name="result channel", state=State.OK, told=told)
    advice = "app.conf.result_backend = 'rpc://'"
    if "redis" in kinds:
        advice += "; or give the dispatcher theirs: --result-backend redis://HOST/0"
    told += "; callbacks tell of success, but not why a task failed, nor of revoked and unknown ones: only events do"
    return Check(name="result channel", state=State.WEAK, told=told, advice=advice)


def _backend(settings: Json) -> str:
    found = settings.get("result_backend") if isinstance(settings, Mapping) else None
    return str(found).partition(":")[0] if found else "no result backend"


def _durability(active_queues: By) -> Check:
    queues = [
        queue
        for answer in active_queues.values()
        for queue in (answer if isinstance(answer, list) else ())
        if isinstance(queue, Mapping)
    ]
    fragile = sorted({str(queue.get("name")) for queue in queues if not queue.get("durable")})
    if fragile:
        told = f"not durable: {', '.join(fragile)}; a restart of the broker loses their messages"
        advice = "declare them durable: kombu.Queue(NAME, durable=True) in app.conf.task_queues"
        return Check(name="durable task queues", state=State.WEAK, told=told, advice=advice)
    kinds = sorted({f"{queue.get('name')} ({_kind(queue)})" for queue in queues})
    return Check(name="durable task queues", state=State.OK, told=", ".join(kinds) or "no queue is consumed")


def _kind(queue: Mapping[str, Json]) -> str:
    arguments = queue.get("queue_arguments")
    return str(arguments.get("x-queue-type", "classic")) if isinstance(arguments, Mapping) else "classic"


def _setting(advised: _Advised, conf: By) -> Check:
    without = [
        worker
        for worker, settings in sorted(conf.items())
        if not (isinstance(settings, Mapping) and advised.holds(settings))
    ]
    if not without:
        return Check(name=advised.key, state=State.OK, told="set on all workers")
    told = f"not set on {_some(without, len(conf))}: {advised.without}"
    return Check(name=advised.key, state=State.WEAK, told=told, advice=advised.advice)


def _limits(conf: By) -> Check:
    told = {
        f"{key} {settings[key]} s"
        for settings in conf.values()
        if isinstance(settings, Mapping)
        for key in ("task_time_limit", "task_soft_time_limit")
        if settings.get(key) is not None
    }
    return Check(name="time limits", state=State.OK, told=", ".join(sorted(told)) or "workers set none of their own")


def _pool(stats: By) -> Check:
    pools = {worker: _implementation(answer) for worker, answer in stats.items()}
    solo = sorted(worker for worker, pool in pools.items() if "solo" in pool)
    if solo:
        told = f"{_some(solo, len(stats))} uses the solo pool: it says nothing while a task runs"
        return Check(name="pool", state=State.WEAK, told=told, advice="celery worker --pool prefork")
    return Check(name="pool", state=State.OK, told=", ".join(sorted(set(pools.values()))) or "not told")


def _implementation(stats: Json) -> str:
    """celery.concurrency.prefork:TaskPool -> prefork."""
    pool = stats.get("pool") if isinstance(stats, Mapping) else None
    name = pool.get("implementation") if isinstance(pool, Mapping) else None
    return str(name or "unknown").partition(":")[0].rpartition(".")[2]


def _tasks(registered: By, configuration: Configuration) -> Iterable[Check]:
    known = {
        str(entry).partition(" ")[0] for answer in registered.values() if isinstance(answer, list) for entry in answer
    }
    names = {task.celery_task for task in configuration.tasks.values() if task.kind is TaskKind.CELERY}
    missing = sorted(names - known)
    if missing:
        told = f"no worker knows {', '.join(missing)}"
        yield Check(
            name="tasks", state=State.BAD, told=told, advice="let workers import them: app.conf.include = [MODULE]"
        )
    elif names:
        yield Check(name="tasks", state=State.OK, told=f"workers know {counted(len(names), 'Celery task')}")
    kinds = {task.kind for task in configuration.tasks.values()}
    if TaskKind.FLOW in kinds:
        yield _plugin(_FLOW_TASK in known, "app.conf.include = ['asyncflow_celery.worker']")
    if TaskKind.SELINON in kinds:
        yield _plugin(_SELINON_TASK in known, "start workers that use Selinon")


def _plugin(is_there: bool, advice: str) -> Check:
    if is_there:
        return Check(name="plugin", state=State.OK, told="workers run flow tasks")
    return Check(name="plugin", state=State.BAD, told="no worker runs flow tasks", advice=advice)


def _some(workers: list[str], total: int) -> str:
    return "any worker" if len(workers) == total else f"{len(workers)} of {total} workers ({', '.join(workers[:3])})"


def _is_rpc(conf: Mapping[str, Json]) -> bool:
    return str(conf.get("result_backend", "")).startswith("rpc")


def _has(options: Json, key: str) -> bool:
    """Workers tell some settings as they are, and others as text."""
    if isinstance(options, Mapping):
        return bool(options.get(key))
    return isinstance(options, str) and f"'{key}': True" in options
