"""The composition root: settings in, running parts out. The only place that knows every part, and imports compat."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import anyio
from celery import Celery

import asyncflow_celery
from asyncflow import config
from asyncflow.adapters.amqp import AmqpBroker
from asyncflow.adapters.amqp_workers import AmqpWorkers
from asyncflow.adapters.clock import SystemClock
from asyncflow.adapters.embedded import EmbeddedBroker, embedded_worker
from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.client import Client, connect
from asyncflow.dispatcher.dispatcher import Dispatcher, DispatcherSettings, Surroundings
from asyncflow.dispatcher.outbox import OutboxSettings
from asyncflow.dispatcher.watchdog import WatchdogSettings
from asyncflow.engine.selective import select
from asyncflow.errors import RequestError
from asyncflow.model.flow import Configuration, Flow, Selective
from asyncflow.model.names import FlowName
from asyncflow.model.run import Selection
from asyncflow.ports import Broker, Results, Store
from asyncflow.predicates import BUILT_INS, SELINON_1_4
from asyncflow.storages import StorageResults
from asyncflow_celery.wire import CeleryCodec
from asyncflow_selinon import aliases as selinon_names

WORKER_PLUGIN = "asyncflow_celery.worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a command or a program wants, read once. An empty broker URL means embedded."""

    config: tuple[Path, ...] = ()
    broker_url: str = ""
    store_url: str = "sqlite:///asyncflow.db"
    namespace: str = "asyncflow"
    celery_app: str = ""
    concurrency: int = 4
    unroutable_after: float = 300.0
    watchdog: WatchdogSettings = field(default_factory=WatchdogSettings)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)


def settings_from(environ: Mapping[str, str], **given: object) -> Settings:
    """Settings from the environment; what is given by name, and is neither None nor empty, wins."""
    found: dict[str, object] = {"environ": dict(environ)}
    if environ.get("ASYNCFLOW_CONFIG"):
        found["config"] = tuple(Path(part) for part in environ["ASYNCFLOW_CONFIG"].split(os.pathsep) if part)
    for name in ("broker_url", "store_url", "namespace", "celery_app"):
        if environ.get(f"ASYNCFLOW_{name.upper()}"):
            found[name] = environ[f"ASYNCFLOW_{name.upper()}"]
    found.update({name: value for name, value in given.items() if value not in (None, "", ())})
    return Settings(**found)  # type: ignore[arg-type]  # names are checked by the dataclass, types by the callers


def load_configuration(settings: Settings) -> config.Loaded:
    """Raises ConfigurationError with every problem; imports no user code but the `predicates_module`."""
    if not settings.config:
        raise RequestError("no configuration: give -c PATH, or set ASYNCFLOW_CONFIG")
    make_importable(settings)
    return config.load(
        settings.config,
        builtins=BUILT_INS,
        selinon_builtins=SELINON_1_4,
        environ=settings.environ,
        importer=importlib.import_module,
    )


def open_store(url: str, *, readonly: bool = False) -> SqliteStore | MemoryStore:
    """The store of a URL: sqlite:///relative.db, sqlite:////absolute.db, or memory:."""
    if url.startswith("memory:"):
        return MemoryStore()
    if url.startswith("sqlite:///"):
        return SqliteStore(Path(url.removeprefix("sqlite:///")), readonly=readonly)
    raise RequestError(f"no store is made for {url.split(':', 1)[0]!r} URLs: use sqlite:///PATH or memory:")


@asynccontextmanager
async def dispatching(
    configuration: Configuration, broker: Broker, store: Store, results: Results, settings: Settings
) -> AsyncIterator[Dispatcher]:
    """A dispatcher at work on parts that are entered already."""
    async with AsyncExitStack() as stack:
        codec = CeleryCodec()
        workers = None
        if settings.broker_url:
            seen = AmqpWorkers(settings.broker_url, codec=codec, name=settings.namespace)
            workers = await stack.enter_async_context(seen)
        dispatcher = Dispatcher(
            Surroundings(
                configuration=configuration,
                broker=broker,
                store=store,
                codec=codec,
                results=results,
                clock=SystemClock(),
                select=selector(configuration.flows),
                workers=workers,
            ),
            dispatcher_settings(settings),
        )
        group = await stack.enter_async_context(anyio.create_task_group())
        await group.start(dispatcher.run)
        try:
            yield dispatcher
        finally:
            group.cancel_scope.cancel()


def dispatcher_settings(settings: Settings) -> DispatcherSettings:
    return DispatcherSettings(
        outbox=OutboxSettings(unroutable_after=settings.unroutable_after, broker_outlives_us=bool(settings.broker_url)),
        watchdog=settings.watchdog,
    )


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Dispatcher]:
    """The daemon's parts: store, broker, dispatcher. Raises ConfigurationError, BrokerError, StoreError."""
    configuration = load_configuration(settings).configuration
    async with AsyncExitStack() as stack:
        store = open_store(settings.store_url)
        await stack.enter_async_context(store)
        broker = await stack.enter_async_context(AmqpBroker(settings.broker_url, namespace=settings.namespace))
        results = StorageResults(configuration, environ=settings.environ)
        stack.push_async_callback(results.close)
        yield await stack.enter_async_context(dispatching(configuration, broker, store, results, settings))


async def serve(settings: Settings, *, started: anyio.Event | None = None) -> None:
    """Dispatch until SIGTERM or SIGINT. Raises as `serving` does."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with serving(settings):
            if started is not None:
                started.set()
            async for _ in signals:
                return


@asynccontextmanager
async def embedded(settings: Settings) -> AsyncIterator[Client]:
    """Everything in this process: broker, worker, store, dispatcher. Raises ConfigurationError, StoreError.

    Task modules, and foreach functions and the like, are looked for in the working directory and beside the
    configuration.
    """
    configuration = load_configuration(settings).configuration
    celery_app = load_celery_app(settings.celery_app or configuration.celery_app or "")
    results = StorageResults(configuration, environ=settings.environ)
    asyncflow_celery.configure(configuration, storages=results.storages)
    async with AsyncExitStack() as stack:
        store = open_store(settings.store_url)
        await stack.enter_async_context(store)
        broker = await stack.enter_async_context(EmbeddedBroker())
        worker = embedded_worker(
            celery_app,
            broker=broker,
            queues=task_queues(configuration),
            concurrency=settings.concurrency,
            include=[WORKER_PLUGIN],
        )
        stack.enter_context(worker)
        stack.push_async_callback(results.close)
        dispatcher = await stack.enter_async_context(dispatching(configuration, broker, store, results, settings))
        yield Client(dispatcher)


def connecting(settings: Settings) -> AbstractAsyncContextManager[Client]:
    """A client over the broker of the settings, or of everything embedded where they name none."""
    if settings.broker_url:
        return connect(settings.broker_url, namespace=settings.namespace)
    return embedded(settings)


def task_queues(configuration: Configuration) -> list[str]:
    """The queues that workers of a configuration listen on."""
    return sorted({task.queue for task in configuration.tasks.values()})


def make_importable(settings: Settings) -> None:
    """Let users' modules be found where they expect it: in the working directory and beside the configuration.

    Where the real Selinon is not installed, modules that import it get its names from asyncflow_selinon.
    """
    selinon_names.install(first=False)
    folders = [Path.cwd(), *(path if path.is_dir() else path.parent for path in settings.config)]
    for folder in map(str, (folder.resolve() for folder in folders)):
        if folder not in sys.path:
            sys.path.append(folder)


def load_celery_app(name: str) -> Celery | None:
    """The user's Celery app by `module:attribute`; None for no name. Raises RequestError."""
    if not name:
        return None
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute or "app")
    except (ImportError, AttributeError) as exc:
        raise RequestError(f"cannot import the Celery app {name!r}: {exc}") from exc
    if not isinstance(found, Celery):
        raise RequestError(f"{name!r} is a {type(found).__name__}, not a Celery app")
    return found


def selector(flows: Mapping[FlowName, Flow]) -> Callable[[FlowName, Selective], Selection]:
    """Selections by flow and wish; each is computed once."""

    @cache
    def selected(flow: FlowName, wish: Selective) -> Selection:
        return select(flows, flow, wish.tasks, follow_subflows=wish.follow_subflows, run_subsequent=wish.run_subsequent)

    return selected
