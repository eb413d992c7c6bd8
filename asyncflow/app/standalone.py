"""Everything in this process: broker, worker, store, dispatcher, and a client of them."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from celery import Celery

import asyncflow_celery
from asyncflow.adapters.embedded import EmbeddedBroker, embedded_worker
from asyncflow.app.configuration import load_configuration, task_queues
from asyncflow.app.daemon import Parts, dispatching_on
from asyncflow.app.observing import observing
from asyncflow.app.settings import WORKER_PLUGIN, Settings
from asyncflow.app.stores import open_store
from asyncflow.client import Client
from asyncflow.errors import RequestError
from asyncflow.storages import StorageResults


@asynccontextmanager
async def embedded(settings: Settings, *, keeps_schedules: bool = False) -> AsyncIterator[Client]:
    """Everything in this process: broker, worker, store, dispatcher. Raises ConfigurationError, StoreError.

    Runs are started by the clock only where that is asked for: not by a command that is there for one run.

    Task modules, and foreach functions and the like, are looked for in the working directory and beside the
    configuration.
    """
    configuration = load_configuration(settings).configuration
    celery_app = load_celery_app(settings.celery_app or configuration.celery_app or "")
    async with AsyncExitStack() as stack:
        observers = stack.enter_context(observing(configuration, settings))
        results = StorageResults(configuration, environ=settings.environ, emit=observers.emit)
        asyncflow_celery.configure(configuration, storages=results.storages, tracer=observers.tracer)
        store = await stack.enter_async_context(open_store(settings.store_url))
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
        parts = Parts(
            configuration=configuration,
            broker=broker,
            store=store,
            results=results,
            observers=observers,
            keeps_schedules=keeps_schedules,
        )
        dispatcher = await stack.enter_async_context(dispatching_on(parts, settings))
        yield Client(dispatcher)


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
