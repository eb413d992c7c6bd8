"""Answers to clients on their way: sent in batches, in order, and not missed when a client is gone."""

from __future__ import annotations

from collections import deque

import anyio

from asyncflow.dispatcher.watchers import Send
from asyncflow.model.requests import REPLY_TYPE
from asyncflow.ports import Broker, Delivery, Message

_BATCH = 256


class Replies:
    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._waiting: deque[Message] = deque()
        self._changed = anyio.Event()
        self._is_sending = False
        self._sent = anyio.Event()

    def to(self, delivery: Delivery) -> Send:
        """A way to answer a client's request."""

        def send(body: bytes) -> None:
            if delivery.reply_to:
                self._waiting.append(
                    Message(
                        routing_key=delivery.reply_to,
                        body=body,
                        type=REPLY_TYPE,
                        correlation_id=delivery.correlation_id,
                        persistent=False,
                    )
                )
                self._changed.set()

        return send

    async def run(self) -> None:
        """Send what waits, for ever. A client that cannot be reached asks again."""
        while True:
            self._is_sending = bool(self._waiting)
            if not self._waiting:
                self._sent.set()
                self._changed = anyio.Event()
                await self._changed.wait()
                self._is_sending = True
            most = min(len(self._waiting), _BATCH)
            await self._broker.publish([self._waiting.popleft() for _ in range(most)])

    async def wait_sent(self) -> None:
        """Until nothing waits."""
        while self._waiting or self._is_sending:
            self._sent = anyio.Event()
            await self._sent.wait()
