"""The kombu transport to a hub: what a Celery worker of this process reads from and writes to.

The hub comes in as `session`, one of the transport options, so that nothing is shared by way of this module.
"""

from __future__ import annotations

import time
from queue import Empty
from typing import Any

from celery.exceptions import WorkerShutdown
from kombu.transport import virtual

from asyncflow.adapters.embedded.hub import Hub, Raw
from asyncflow.adapters.embedded.session import Session, is_abandoned


class Channel(virtual.Channel):
    """Messages that were taken and not acknowledged go back to their queue when the channel closes."""

    supports_fanout = True

    def __init__(self, connection: Any, **options: Any) -> None:
        super().__init__(connection, **options)  # type: ignore[no-untyped-call]  # kombu has few types
        # Kept, for tasks that end after the channel has been closed acknowledge all the same.
        self._hub: Hub = connection.session.hub

    def queues_for(self, exchange: str, routing_key: str) -> list[str]:
        """The queues that a message would reach now."""
        found = self._lookup(exchange, routing_key)  # type: ignore[no-untyped-call]  # as above
        return [queue for queue in found if self._hub.has(queue)]

    def encode_body(self, body: Any, encoding: str | None = None) -> tuple[bytes, None]:
        """Bytes, as over a network; kombu's base64 would only cost time here."""
        return body if isinstance(body, bytes) else str(body).encode(), None

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        super().basic_ack(delivery_tag, multiple)  # type: ignore[no-untyped-call]  # as above
        self._hub.wake()  # the worker may take another message now

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        super().basic_reject(delivery_tag, requeue)  # type: ignore[no-untyped-call]  # as above
        self._hub.wake()

    def after_reply_message_received(self, queue: str) -> None:
        """Keep the queue: it is the reader's to delete."""

    def _has_queue(self, queue: str, **options: Any) -> bool:
        return self._hub.has(queue)

    def _queue_bind(self, *binding: Any) -> None:
        """Nothing more to note: a hub's state is one for all channels."""

    def _new_queue(self, queue: str, **options: Any) -> None:
        self._hub.declare(queue)

    def _delete(self, queue: str, *args: Any, **options: Any) -> None:
        self._hub.delete(queue)

    def _size(self, queue: str) -> int:
        return self._hub.size(queue)

    def _purge(self, queue: str) -> int:
        return self._hub.purge(queue)

    def _get(self, queue: str, timeout: float | None = None) -> Raw:
        message = self._hub.take(queue)
        if message is None:
            raise Empty
        return message

    def _put(self, queue: str, message: Raw, **options: Any) -> None:
        if not is_abandoned():
            self._hub.put(queue, message)

    def _put_fanout(self, exchange: str, message: Raw, routing_key: str, **options: Any) -> None:
        for queue in self.queues_for(exchange, routing_key):
            self._put(queue, message)


class Transport(virtual.Transport):
    Channel = Channel
    driver_type = "memory"
    driver_name = "asyncflow"
    implements = virtual.Transport.implements.extend(exchange_type=frozenset(["direct", "topic", "fanout"]))

    def __init__(self, client: Any, **options: Any) -> None:
        super().__init__(client, **options)  # type: ignore[no-untyped-call]  # as above
        self.session: Session = client.transport_options["session"]
        self.state = self.session.hub.routes
        self._seen = self.session.hub.wakes

    def driver_version(self) -> str:
        return "1"

    def drain_events(self, connection: Any, timeout: float | None = None, **options: Any) -> None:
        """Deliver one message, or raise TimeoutError; early, too, when something else has happened.

        The worker runs what its threads have left for it, acknowledgements for example, between two calls.
        """
        hub = self.session.hub
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            wakes = hub.wakes
            if not self.session.ended and self._deliver_one():
                return
            if wakes != self._seen:
                self._seen = wakes
                raise TimeoutError
            if self.session.ended:
                # Ends this worker. Celery's own flags would end every worker in the process.
                raise WorkerShutdown(0)
            if not hub.wait(wakes, None if deadline is None else max(0.0, deadline - time.monotonic())):
                raise TimeoutError

    def _deliver_one(self) -> bool:
        assert self.cycle is not None, "kombu sets it when it makes the transport"
        try:
            self.cycle.get(self._deliver)  # type: ignore[no-untyped-call]  # as above
        except Empty:
            return False
        return True
