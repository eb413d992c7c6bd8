"""The dispatcher with everything that it works with: as a daemon, or on parts that are given."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache

import anyio

from asyncflow.adapters.amqp import AmqpBroker
from asyncflow.adapters.amqp_workers import AmqpWorkers
from asyncflow.adapters.clock import SystemClock
from asyncflow.app.backends import channels_of, open_backend
from asyncflow.app.configuration import load_configuration
from asyncflow.app.garbage import collect_less_often
from asyncflow.app.http import Http, serving_http
from asyncflow.app.observing import NOBODY, Observers, observing
from asyncflow.app.settings import Settings
from asyncflow.app.stores import open_store
from asyncflow.client import connect
from asyncflow.dispatcher.dispatcher import Dispatcher, DispatcherSettings, Surroundings
from asyncflow.dispatcher.outbox import OutboxSettings
from asyncflow.engine.selective import select
from asyncflow.model.flow import Configuration, Flow, Selective
from asyncflow.model.names import FlowName
from asyncflow.model.run import Selection
from asyncflow.ports import Broker, Results, Store
from asyncflow.storages import StorageResults
from asyncflow_celery.wire import CeleryCodec


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a dispatcher works on, entered already."""

    configuration: Configuration
    broker: Broker
    store: Store
    results: Results
    observers: Observers = NOBODY


def dispatching(
    configuration: Configuration, broker: Broker, store: Store, results: Results, settings: Settings
) -> AbstractAsyncContextManager[Dispatcher]:
    """A dispatcher at work on parts that are entered already, which nobody looks on."""
    return dispatching_on(Parts(configuration=configuration, broker=broker, store=store, results=results), settings)


@asynccontextmanager
async def dispatching_on(parts: Parts, settings: Settings) -> AsyncIterator[Dispatcher]:
    """A dispatcher at work."""
    async with AsyncExitStack() as stack:
        channels = channels_of(settings.completion)
        codec = CeleryCodec(channels)
        workers = None
        if settings.broker_url:
            seen = AmqpWorkers(settings.broker_url, codec=codec, name=settings.namespace)
            workers = await stack.enter_async_context(seen)
        backend = open_backend(settings.result_backend)
        if backend is not None:
            await stack.enter_async_context(backend)
        surroundings = parts.observers.around(
            Surroundings(
                configuration=parts.configuration,
                broker=parts.broker,
                store=parts.store,
                codec=codec,
                results=parts.results,
                clock=SystemClock(),
                select=selector(parts.configuration.flows),
                workers=workers,
                backend=backend,
                exploration=channels,
            )
        )
        dispatcher = Dispatcher(surroundings, dispatcher_settings(settings))
        group = await stack.enter_async_context(anyio.create_task_group())
        await group.start(dispatcher.run)
        group.start_soon(parts.observers.sample, dispatcher, parts.store)
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
        store = await stack.enter_async_context(open_store(settings.store_url))
        broker = await stack.enter_async_context(AmqpBroker(settings.broker_url, namespace=settings.namespace))
        observers = stack.enter_context(observing(configuration, settings))
        results = StorageResults(configuration, environ=settings.environ, emit=observers.emit)
        stack.push_async_callback(results.close)
        parts = Parts(configuration=configuration, broker=broker, store=store, results=results, observers=observers)
        yield await stack.enter_async_context(dispatching_on(parts, settings))


async def serve(settings: Settings, *, started: anyio.Event | None = None, http: Http | None = None) -> None:
    """Dispatch until SIGTERM or SIGINT, and serve HTTP where wanted. Raises as `serving` and `serving_http` do."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(serving(settings))
            if http is not None:
                # Over the broker, like any other client: whichever dispatcher has a run answers for it.
                client = await stack.enter_async_context(connect(settings.broker_url, namespace=settings.namespace))
                await stack.enter_async_context(serving_http(settings, http, client))
            collect_less_often()
            if started is not None:
                started.set()
            async for _ in signals:
                return


def selector(flows: Mapping[FlowName, Flow]) -> Callable[[FlowName, Selective], Selection]:
    """Selections by flow and wish; each is computed once."""

    @cache
    def selected(flow: FlowName, wish: Selective) -> Selection:
        return select(flows, flow, wish.tasks, follow_subflows=wish.follow_subflows, run_subsequent=wish.run_subsequent)

    return selected
