"""The doctor: looks at a deployment as it runs, and changes nothing."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import anyio

from asyncflow.adapters.amqp_topology import Topology
from asyncflow.adapters.amqp_workers import AmqpWorkers
from asyncflow.app.configuration import load_configuration
from asyncflow.app.diagnosis import Check, Diagnosis, State, guarantees
from asyncflow.app.settings import Settings
from asyncflow.app.stores import open_store, sqlite_path
from asyncflow.app.symptoms import Told, of_queue, of_workers
from asyncflow.client import connect
from asyncflow.errors import BrokerError, ConfigurationError, NoDispatcherError, StoreError, StoreInUseError
from asyncflow.fleet import QueueState, WorkerReport
from asyncflow.model.flow import Configuration
from asyncflow.model.phrases import counted
from asyncflow_celery.wire import CeleryCodec

_SKEW = 5.0
"""Seconds by which a worker's clock may be off."""
_LEAST_DISK = 1 << 30
_HEARTBEAT_SECONDS = 4.5
"""Two heartbeats of a worker that has the usual interval."""


async def examine(settings: Settings, *, seconds: float = 2.0) -> Diagnosis:
    """Look at everything; `seconds` is what workers and dispatchers have to answer. Raises RequestError."""
    configured, configuration = _configuration(settings)
    checks = [*configured, *await _store(settings), *await _broker(settings, configuration, seconds)]
    return Diagnosis(checks=tuple(checks), guarantees=guarantees(checks))


def _configuration(settings: Settings) -> tuple[list[Check], Configuration | None]:
    if not settings.config:
        told = "none given: queues and tasks are not looked at"
        return [Check(name="configuration", state=State.UNKNOWN, told=told, advice="give -c PATH")], None
    try:
        loaded = load_configuration(settings)
    except ConfigurationError as exc:
        told = counted(len(exc.problems), "error")
        return [Check(name="configuration", state=State.BAD, told=told, advice="asyncflow check PATH")], None
    flows = f"{counted(len(loaded.configuration.flows), 'flow')}, {counted(len(loaded.configuration.tasks), 'task')}"
    warnings = [Check(name="configuration", state=State.WEAK, told=str(problem)) for problem in loaded.warnings]
    return [Check(name="configuration", state=State.OK, told=flows), *warnings], loaded.configuration


# --- Store ------------------------------------------------------------------------------------------------------------


async def _store(settings: Settings) -> list[Check]:
    url = settings.store_url
    if url.startswith("memory:"):
        told = "in memory: every run is gone with its process"
        return [Check(name="store", state=State.BAD, told=told, advice="--store sqlite:///asyncflow.db")]
    if not url.startswith("sqlite:///"):
        return [await _opened(url, "durable where the server has synchronous_commit = on")]
    path = sqlite_path(url)
    if not path.exists():
        told = f"{path} does not exist yet; the first dispatcher makes it"
        return [Check(name="store", state=State.OK, told=told), _disk(path)]
    return [await _opened(url, f"{path}, WAL with synchronous = FULL"), _disk(path)]


async def _opened(url: str, told: str) -> Check:
    try:
        async with open_store(url) as store:
            await store.open_flows()
    except StoreInUseError:
        return Check(name="store", state=State.OK, told=f"{told}; in use by a dispatcher")
    except StoreError as exc:
        return Check(name="store", state=State.DOWN, told=str(exc), advice="--store URL, or ASYNCFLOW_STORE_URL")
    return Check(name="store", state=State.OK, told=f"{told}; writable")


def _disk(path: Path) -> Check:
    free = shutil.disk_usage(path.resolve().parent).free
    told = f"{free / (1 << 30):.1f} GiB free for the store"
    if free < _LEAST_DISK:
        return Check(name="free disk", state=State.WEAK, told=told, advice="make room: a full disk stops dispatching")
    return Check(name="free disk", state=State.OK, told=told)


# --- Broker and workers -----------------------------------------------------------------------------------------------


async def _broker(settings: Settings, configuration: Configuration | None, seconds: float) -> list[Check]:
    if not settings.broker_url:
        told = "none given: the embedded one is used, which lives and dies with the process"
        return [Check(name="broker", state=State.UNKNOWN, told=told, advice="--broker URL, or ASYNCFLOW_BROKER_URL")]
    try:
        async with AmqpWorkers(settings.broker_url, codec=CeleryCodec(), name=settings.namespace) as workers:
            checks = [Check(name="broker", state=State.OK, told="reachable")]
            checks += await _ours(workers, settings, seconds)
            if configuration is not None:
                queues = sorted({task.queue for task in configuration.tasks.values() if not task.exchange})
                checks += [of_queue(name, await workers.queue(name)) for name in queues]
            answers = await _interview(workers, seconds)
            checks += of_workers(answers, configuration)
            checks += await _heartbeats(workers, set(answers.conf))
            return checks
    except BrokerError as exc:
        return [Check(name="broker", state=State.DOWN, told=str(exc), advice="--broker URL, or ASYNCFLOW_BROKER_URL")]


async def _ours(workers: AmqpWorkers, settings: Settings, seconds: float) -> list[Check]:
    topology = Topology(namespace=settings.namespace, partition=0)
    state = await workers.queue(topology.queue)
    if state is None:  # to ask a dispatcher would make its exchange
        told = f"{topology.queue!r} does not exist yet: no dispatcher has ever served here"
        return [Check(name="our queues", state=State.UNKNOWN, told=told, advice="asyncflow serve -c PATH")]
    return [await _dispatcher(settings, seconds), await _our_queue(workers, topology, state)]


async def _dispatcher(settings: Settings, seconds: float) -> Check:
    try:
        async with connect(settings.broker_url, namespace=settings.namespace, timeout=seconds) as client:
            flows = await client.flows()
    except NoDispatcherError:
        told = "none answers: what is started waits in the broker"
        return Check(name="dispatcher", state=State.WEAK, told=told, advice="asyncflow serve -c PATH")
    return Check(name="dispatcher", state=State.OK, told=f"serves {', '.join(sorted(flows))}")


async def _our_queue(workers: AmqpWorkers, topology: Topology, state: QueueState) -> Check:
    counts = f"with {counted(state.messages, 'message')}"
    if await workers.has_quorum(topology):
        return Check(name="our queues", state=State.OK, told=f"{topology.queue!r} is a quorum queue {counts}")
    told = f"{topology.queue!r} is a classic queue {counts}: transient replies in it are lost when the broker restarts"
    advice = "app.conf.result_persistent = True on all workers; or delete it under RabbitMQ 3.8 or later"
    return Check(name="our queues", state=State.WEAK, told=told, advice=advice)


async def _interview(workers: AmqpWorkers, seconds: float) -> Told:
    """All questions at once."""
    answers: dict[str, dict[str, object]] = {}

    async def ask(method: str) -> None:
        answers[method] = dict((await workers.ask(method, {}, seconds=seconds)).by_worker)

    methods = ("conf", "registered", "active_queues", "stats", "report")
    async with anyio.create_task_group() as group:
        for method in methods:
            group.start_soon(ask, method)
    return Told(**answers)


async def _heartbeats(workers: AmqpWorkers, answered: set[str]) -> list[Check]:
    """Whether workers are heard, and how far their clocks are off."""
    if not answered:
        return [Check(name="heartbeats", state=State.UNKNOWN, told="no worker answers")]
    heard: dict[str, float] = {}
    with anyio.move_on_after(_HEARTBEAT_SECONDS):
        while not answered <= heard.keys():
            now_heard = await workers.reports()
            heard |= _skews(now_heard, time.time())
    silent = sorted(answered - heard.keys())
    if silent:
        told = f"none from {', '.join(silent[:3])}: that such a worker has died is noticed late"
        advice = "start workers without --without-heartbeat"
        beats = Check(name="heartbeats", state=State.WEAK, told=told, advice=advice)
    else:
        beats = Check(name="heartbeats", state=State.OK, told=f"from {counted(len(answered), 'worker')}")
    worst = max(heard.values(), key=abs, default=0.0)
    if abs(worst) > _SKEW:
        told = f"a worker's clock is off by {worst:.1f} s"
        return [beats, Check(name="clocks", state=State.WEAK, told=told, advice="run NTP on all machines")]
    return [beats, Check(name="clocks", state=State.OK, told=f"workers' clocks are off by {abs(worst):.1f} s at most")]


def _skews(reports: list[WorkerReport], now: float) -> dict[str, float]:
    return {report.worker: report.sent_at - now for report in reports if report.sent_at is not None}
