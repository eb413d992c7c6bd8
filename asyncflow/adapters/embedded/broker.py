"""The broker of the embedded default: everything in one process, with the messages that AMQP would carry.

It forgets everything when the process ends: attempts that were published and have no verdict must then be published
again. Entering it a second time is like a reconnection: what was not acknowledged is delivered again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from itertools import count
from types import TracebackType
from typing import Any, Self

from kombu.connection import Connection

from asyncflow.adapters.embedded.hub import Hub, Raw
from asyncflow.adapters.embedded.session import Session
from asyncflow.adapters.embedded.transport import Transport
from asyncflow.errors import BrokerError
from asyncflow.model import jsontext
from asyncflow.ports import Delivery, Message, Published

DEAD_LETTERS_KEPT = 1000
CALLBACK_EXCHANGE = "asyncflow.callbacks"


class EmbeddedBroker:
    """Fulfils `ports.Broker`. Brokers with one hub see one another, and each needs a queue of its own."""

    def __init__(self, *, hub: Hub | None = None, queue: str = "asyncflow.embedded") -> None:
        self.hub = Hub() if hub is None else hub
        self.dead_letters: deque[tuple[Delivery, str]] = deque(maxlen=DEAD_LETTERS_KEPT)
        """The newest parked deliveries, with the reasons."""
        self.parked = 0
        """How many were ever parked."""
        self._queue = queue
        self._connection: Any = None
        self._channel: Any = None
        """One of `transport.Channel`, while the broker is entered."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._inbox: deque[Raw] = deque()
        self._unacked: dict[int, Raw] = {}
        self._tags = count(1)
        self._arrived = asyncio.Event()
        self._waking = False
        self._broken = ""

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._waking = False
        options = {"session": Session(self.hub)}
        self._connection = Connection("memory://localhost", transport=Transport, transport_options=options)  # type: ignore[no-untyped-call]  # kombu has few types
        self._channel = self._connection.channel()
        self._channel.exchange_declare(CALLBACK_EXCHANGE, type="direct", durable=True)
        self._channel.queue_declare(self._queue, durable=True)
        self._channel.queue_bind(self._queue, CALLBACK_EXCHANGE, self._queue)
        self.hub.hand_over(self._queue, self._take)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._channel = None
        redelivered = [{**raw, "redelivered": True} for raw in self._unacked.values()]
        self.hub.take_back(self._queue, [*redelivered, *self._inbox])
        self._loop = None
        self._inbox.clear()
        self._unacked.clear()
        self._connection.release()

    # --- ports.Broker -------------------------------------------------------------------------------------------------

    @property
    def reply_queue(self) -> str:
        return self._queue

    @property
    def callback_exchange(self) -> str:
        return CALLBACK_EXCHANGE

    @property
    def callback_key(self) -> str:
        return self._queue

    @property
    def connected(self) -> bool:
        return self._channel is not None and not self._broken

    async def wait_connected(self) -> None:
        """Return at once. Raises BrokerError when the worker has ended, for it does not come back by itself."""
        if self._broken:
            raise BrokerError(self._broken)

    async def publish(self, messages: Sequence[Message]) -> list[Published]:
        if self._channel is None or self._broken:
            return [Published.UNKNOWN] * len(messages)
        return [_publish(self._channel, message) for message in messages]

    async def receive(self, most: int) -> list[Delivery]:
        """As the port says. Raises BrokerError when the worker has ended by itself and all that came was received."""
        while not self._inbox:
            await self.wait_connected()
            await self._arrived.wait()
            self._arrived.clear()
        return [self._deliver(self._inbox.popleft()) for _ in range(min(most, len(self._inbox)))]

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            if isinstance(delivery.tag, int):
                self._unacked.pop(delivery.tag, None)

    async def park(self, delivery: Delivery, reason: str) -> None:
        self.parked += 1
        self.dead_letters.append((delivery, reason))

    # --- From other threads -------------------------------------------------------------------------------------------

    def fail(self, reason: str) -> None:
        """Say why nothing will come any more; an empty reason takes it back."""
        self._broken = reason
        self._wake()

    def _take(self, raw: Raw) -> None:
        self._inbox.append(raw)
        self._wake()

    def _wake(self) -> None:
        """Wake `receive`; once is enough for all that came until it runs."""
        loop = self._loop
        if loop is None or self._waking:
            return
        self._waking = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        self._waking = False
        self._arrived.set()

    def _deliver(self, raw: Raw) -> Delivery:
        tag = next(self._tags)
        self._unacked[tag] = raw
        properties = raw["properties"]
        return Delivery(
            body=raw["body"],
            headers=dict(raw["headers"]),
            type=properties.get("type") or "",
            content_type=raw["content-type"] or "",
            content_encoding=raw["content-encoding"] or "",
            correlation_id=properties.get("correlation_id") or "",
            reply_to=properties.get("reply_to") or "",
            redelivered=raw.get("redelivered", False),
            tag=tag,
        )


def _publish(channel: Any, message: Message) -> Published:
    if not channel.queues_for(message.exchange, message.routing_key):
        return Published.UNROUTABLE
    properties = {
        "correlation_id": message.correlation_id,
        "reply_to": message.reply_to,
        "type": message.type,
        "delivery_mode": 2 if message.persistent else 1,
    }
    raw = channel.prepare_message(
        message.body,
        priority=message.priority,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        # A copy: the worker of this process writes into the headers that it gets.
        headers=jsontext.loads(jsontext.dumps(message.headers)),
        properties={name: value for name, value in properties.items() if value != ""},
    )
    channel.basic_publish(raw, message.exchange, message.routing_key)
    return Published.CONFIRMED
