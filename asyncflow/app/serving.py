"""The dispatcher with everything that it works with: as a daemon, or on parts that are given."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache

import anyio

from asyncflow.adapters.amqp import AmqpBroker
from asyncflow.adapters.amqp_workers import AmqpWorkers
from asyncflow.adapters.clock import SystemClock
from asyncflow.app.backends import open_backend
from asyncflow.app.configuration import load_configuration
from asyncflow.app.settings import Settings
from asyncflow.app.stores import open_store
from asyncflow.app.http import Http, serving_http
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
        backend = open_backend(settings.result_backend)
        if backend is not None:
            await stack.enter_async_context(backend)
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
                backend=backend,
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
        store = await stack.enter_async_context(open_store(settings.store_url))
        broker = await stack.enter_async_context(AmqpBroker(settings.broker_url, namespace=settings.namespace))
        results = StorageResults(configuration, environ=settings.environ)
        stack.push_async_callback(results.close)
        yield await stack.enter_async_context(dispatching(configuration, broker, store, results, settings))


async def serve(settings: Settings, *, started: anyio.Event | None = None, http: Http | None = None) -> None:
    """Dispatch until SIGTERM or SIGINT, and serve HTTP where that is wanted. Raises as `serving` and `serving_http` do."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(serving(settings))
            if http is not None:
                # Over the broker, like any other client: whichever dispatcher has a run answers for it.
                client = await stack.enter_async_context(connect(settings.broker_url, namespace=settings.namespace))
                await stack.enter_async_context(serving_http(settings, http, client))
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
