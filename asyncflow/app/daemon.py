"""The dispatcher with everything that it works with: as a daemon, or on parts that are given."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from uuid import uuid4

import anyio

from asyncflow.adapters.amqp import AmqpBroker, Share
from asyncflow.adapters.amqp_topology import SLOTS
from asyncflow.adapters.amqp_workers import AmqpWorkers
from asyncflow.adapters.clock import SystemClock
from asyncflow.app.backends import channels_of, open_backend
from asyncflow.app.configuration import load_configuration
from asyncflow.app.garbage import collect_less_often
from asyncflow.app.http import Http, serving_http
from asyncflow.app.observing import NOBODY, Observers, observing
from asyncflow.app.settings import Settings
from asyncflow.app.stores import is_shared, open_store
from asyncflow.client import connect
from asyncflow.dispatcher.changes import tell_changes
from asyncflow.dispatcher.dispatcher import Dispatcher, DispatcherSettings, Surroundings
from asyncflow.dispatcher.hearing import Hearing
from asyncflow.dispatcher.outbox import OutboxSettings
from asyncflow.dispatcher.partitions import Partitions, PartitionSettings
from asyncflow.dispatcher.place import Place
from asyncflow.dispatcher.retention import Retention
from asyncflow.engine.selective import select
from asyncflow.errors import RequestError, StoreError
from asyncflow.fleet import Workers
from asyncflow.model.flow import Configuration, Flow, Selective
from asyncflow.model.names import FlowName
from asyncflow.model.run import Selection
from asyncflow.ports import Broker, Leases, Results, Store
from asyncflow.storages import StorageResults
from asyncflow_celery.wire import CeleryCodec

USUAL_PARTITIONS = 8
"""Of a store that several dispatchers can have: as many can share the work, and each partition costs two connections."""

_WHOLE = Place()
_SHORTEST_HEARTBEAT = 2
_HIGHEST_PRIORITY = 2**31 - 1
_DRAIN_SECONDS = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a dispatcher works on, entered already."""

    configuration: Configuration
    broker: Broker
    store: Store
    results: Results
    observers: Observers = NOBODY
    workers: Workers | None = None
    """A connection of its own is made where none is given."""
    place: Place = _WHOLE
    keeps_schedules: bool = True
    """Whether runs are started by the clock."""


def dispatching(
    configuration: Configuration, broker: Broker, store: Store, results: Results, settings: Settings
) -> AbstractAsyncContextManager[Dispatcher]:
    """A dispatcher at work on parts that are entered already, which nobody looks on."""
    return dispatching_on(Parts(configuration=configuration, broker=broker, store=store, results=results), settings)


@asynccontextmanager
async def dispatching_on(parts: Parts, settings: Settings) -> AsyncIterator[Dispatcher]:
    """A dispatcher at work."""
    async with AsyncExitStack() as stack:
        channels = channels_of(settings)
        codec = CeleryCodec(channels)
        workers = parts.workers
        if workers is None and settings.broker_url:
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
                place=parts.place,
                keeps_schedules=parts.keeps_schedules,
            )
        )
        dispatcher = Dispatcher(surroundings, dispatcher_settings(settings))
        group = await stack.enter_async_context(anyio.create_task_group())
        await group.start(dispatcher.run)
        if parts.place is _WHOLE:
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
async def serving(settings: Settings) -> AsyncIterator[Dispatcher | Partitions]:
    """The daemon's parts: store, broker, and the dispatcher, or as many as this process has partitions.

    Raises ConfigurationError, BrokerError, StoreError.
    """
    configuration = load_configuration(settings).configuration
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(settings.store_url))
        await tell_changes(store, configuration.flows)
        count = await partition_count(store, settings)
        is_alone = count == 1 and not is_shared(settings.store_url)
        observers = stack.enter_context(observing(configuration, settings))
        results = StorageResults(configuration, environ=settings.environ, emit=observers.emit)
        stack.push_async_callback(results.close)
        await stack.enter_async_context(_retaining(store, settings))

        def parts(broker: Broker, workers: Workers | None = None, place: Place = _WHOLE) -> Parts:
            return Parts(
                configuration=configuration,
                broker=broker,
                store=store,
                results=results,
                observers=observers,
                workers=workers,
                place=place,
            )

        if is_alone:
            broker = await stack.enter_async_context(AmqpBroker(settings.broker_url, namespace=settings.namespace))
            yield await stack.enter_async_context(dispatching_on(parts(broker), settings))
        else:
            partitions = await stack.enter_async_context(_sharing(parts, store, count, settings))
            group = await stack.enter_async_context(anyio.create_task_group())
            group.start_soon(observers.sample, partitions, store)
            yield partitions
            group.cancel_scope.cancel()


@asynccontextmanager
async def _sharing(
    parts: Callable[[Broker, Workers, Place], Parts], leases: Leases, count: int, settings: Settings
) -> AsyncIterator[Partitions]:
    """A fair share of the partitions, each with a dispatcher and connections of its own."""

    @asynccontextmanager
    async def serve_place(place: Place) -> AsyncIterator[Dispatcher]:
        share = Share(partition=place.partition, partitions=count, priority=min(place.epoch or 0, _HIGHEST_PRIORITY))
        broker = AmqpBroker(
            settings.broker_url,
            namespace=settings.namespace,
            share=share,
            # What a process that has frozen was sent already goes to others when its heartbeats have stopped.
            heartbeat=max(_SHORTEST_HEARTBEAT, round(settings.lease)),
        )
        with hearing.listening() as workers:
            async with broker, dispatching_on(parts(broker, workers, place), settings) as dispatcher:
                yield dispatcher

    sharing = PartitionSettings(count=count, ttl=settings.lease)
    partitions = Partitions(leases=leases, serve=serve_place, settings=sharing, owner=uuid4().hex)
    async with AsyncExitStack() as stack:
        seen = AmqpWorkers(settings.broker_url, codec=CeleryCodec(), name=settings.namespace)
        hearing = Hearing(await stack.enter_async_context(seen))
        group = await stack.enter_async_context(anyio.create_task_group())
        group.start_soon(hearing.run)
        await group.start(partitions.run)
        try:
            yield partitions
        finally:
            group.cancel_scope.cancel()


@asynccontextmanager
async def _retaining(store: Store, settings: Settings) -> AsyncIterator[None]:
    """Ended runs are removed beside everything else, where that is wanted."""
    async with anyio.create_task_group() as group:
        if settings.keep is not None:
            group.start_soon(Retention(store, SystemClock(), settings.keep).run)
        yield
        group.cancel_scope.cancel()


async def partition_count(leases: Leases, settings: Settings) -> int:
    """What the store says, for all dispatchers must agree. Raises StoreError where the settings say something else."""
    usual = USUAL_PARTITIONS if is_shared(settings.store_url) else 1
    wanted = settings.partitions or usual
    if wanted > SLOTS:
        raise RequestError(f"there can be {SLOTS} partitions at most, not {wanted}")
    count = await leases.agree_on_partitions(wanted)
    if settings.partitions not in (None, count):
        raise StoreError(
            f"this store was begun with {count} partitions, and all its dispatchers must have as many, "
            f"not {wanted}: leave ASYNCFLOW_PARTITIONS unset, or begin with a new store"
        )
    return count


async def serve(settings: Settings, *, started: anyio.Event | None = None, http: Http | None = None) -> None:
    """Dispatch until SIGTERM or SIGINT, then finish what is begun; serve HTTP where wanted.

    Raises as `serving` and `serving_http` do.
    """
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with serving(settings) as served, AsyncExitStack() as stack:
            if http is not None:
                # Over the broker, like any other client: whichever dispatcher has a run answers for it.
                client = await stack.enter_async_context(connect(settings.broker_url, namespace=settings.namespace))
                await stack.enter_async_context(serving_http(settings, http, client, lambda: served.trouble))
            collect_less_often()
            if started is not None:
                started.set()
            async for _ in signals:
                with anyio.move_on_after(_DRAIN_SECONDS):
                    await served.drain()
                return


def selector(flows: Mapping[FlowName, Flow]) -> Callable[[FlowName, Selective], Selection]:
    """Selections by flow and wish; each is computed once."""

    @cache
    def selected(flow: FlowName, wish: Selective) -> Selection:
        return select(flows, flow, wish.tasks, follow_subflows=wish.follow_subflows, run_subsequent=wish.run_subsequent)

    return selected
