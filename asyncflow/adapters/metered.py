"""A store, a broker and a codec that tell how long they take. What is not measured goes straight to what they wrap."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, cast

from asyncflow.model.figures import Metrics, Timed
from asyncflow.model.names import TaskId
from asyncflow.ports import Batch, Broker, Codec, Completion, Delivery, Message, Progress, Published, Store

_MOST = 100_000


class Meter:
    """One for the store, the broker and the codec of a dispatcher: what one of them sees, another one sees end."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self._open: OrderedDict[tuple[Timed, object], float] = OrderedDict()

    def begin(self, what: Timed, key: object) -> None:
        self._open[what, key] = time.monotonic()
        if len(self._open) > _MOST:
            self._open.popitem(last=False)

    def end(self, what: Timed, key: object) -> None:
        """Nothing where its beginning was not seen."""
        began = self._open.pop((what, key), None)
        if began is not None:
            self.metrics.took(what, time.monotonic() - began)

    def store(self, store: Store) -> Store:
        return cast(Store, _MeteredStore(store, self))

    def broker(self, broker: Broker) -> Broker:
        return cast(Broker, _MeteredBroker(broker, self))

    def codec(self, codec: Codec) -> Codec:
        return cast(Codec, _MeteredCodec(codec, self))


class _Metered:
    def __init__(self, inner: Any, meter: Meter) -> None:
        self._inner = inner
        self._meter = meter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _MeteredStore(_Metered):
    async def commit(self, batch: Batch) -> None:
        began = time.monotonic()
        await self._inner.commit(batch)
        self._meter.metrics.took(Timed.COMMIT, time.monotonic() - began)


class _MeteredBroker(_Metered):
    async def publish(self, messages: Sequence[Message]) -> list[Published]:
        began = time.monotonic()
        outcomes: list[Published] = await self._inner.publish(messages)
        self._meter.metrics.took(Timed.PUBLISH, time.monotonic() - began)
        for message, outcome in zip(messages, outcomes, strict=True):
            if outcome is Published.CONFIRMED and message.correlation_id:
                self._meter.begin(Timed.QUEUE, message.correlation_id)
        return outcomes

    async def receive(self, most: int) -> list[Delivery]:
        deliveries: list[Delivery] = await self._inner.receive(most)
        for delivery in deliveries:
            self._meter.begin(Timed.DISPATCH, id(delivery))
        return deliveries

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self._meter.end(Timed.DISPATCH, id(delivery))
        await self._inner.ack(deliveries)

    async def park(self, delivery: Delivery, reason: str) -> None:
        self._meter.metrics.parked()
        await self._inner.park(delivery, reason)


class _MeteredCodec(_Metered):
    def decode_completion(self, delivery: Delivery) -> Completion:
        completion: Completion = self._inner.decode_completion(delivery)
        self._note(completion.id, completion.progress)
        return completion

    def _note(self, id: TaskId, progress: Progress) -> None:
        if progress is Progress.STARTED:
            self._meter.end(Timed.QUEUE, id)
            self._meter.begin(Timed.WORK, id)
        elif progress in {Progress.SUCCEEDED, Progress.FAILED}:
            self._meter.end(Timed.WORK, id)
