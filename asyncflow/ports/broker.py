"""Messages, and the broker that carries them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from asyncflow.model.names import Json


@dataclass(frozen=True, slots=True, eq=False)
class CommonHeaders:
    """Headers that many messages have in common. Compared as the object that it is: adapters write it once."""

    members: Mapping[str, Json]


class Headers(dict[str, Json]):
    """All headers of one of many messages alike: the common ones, and `own`, which has none of those names.

    Nobody changes them; what is added to is a plain copy.
    """

    __slots__ = ("common", "own")

    def __init__(self, common: CommonHeaders, own: Mapping[str, Json]) -> None:
        super().__init__(common.members)
        self.update(own)
        self.common = common
        self.own = own


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An AMQP message on its way out. An empty exchange and a queue's name reach that queue."""

    routing_key: str
    body: bytes
    exchange: str = ""
    headers: Mapping[str, Json] = field(default_factory=dict)
    type: str = ""
    content_type: str = "application/json"
    content_encoding: str = "utf-8"
    correlation_id: str = ""
    reply_to: str = ""
    priority: int = 0
    persistent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An AMQP message that came in. `tag` is the broker adapter's own, for `ack`."""

    body: bytes
    headers: Mapping[str, Json] = field(default_factory=dict)
    type: str = ""
    content_type: str = ""
    content_encoding: str = ""
    correlation_id: str = ""
    reply_to: str = ""
    redelivered: bool = False
    tag: object = None


class Published(Enum):
    """What became of a message."""

    CONFIRMED = "confirmed"
    UNROUTABLE = "unroutable"
    """No queue of that name exists: no worker has ever consumed it."""
    REFUSED = "refused"
    """The broker said no, because the queue is full for example."""
    UNKNOWN = "unknown"
    """The connection broke before the broker answered; the message may or may not be there."""


class Broker(Protocol):
    """A connection that heals itself. Used as an async context manager; entering waits for the first connection.

    Entering raises BrokerError when the broker cannot be reached or refuses.
    """

    @property
    def reply_queue(self) -> str:
        """The name of our queue: where results, callbacks and requests arrive."""

    @property
    def callback_exchange(self) -> str:
        """The name of our durable exchange, which routes `callback_key` to our queue."""

    @property
    def callback_key(self) -> str:
        """The number of our partition, as text; under another's the exchange reaches that one's queue."""

    @property
    def connected(self) -> bool: ...

    async def wait_connected(self) -> None: ...

    async def publish(self, messages: Sequence[Message]) -> list[Published]:
        """Publish with confirms and `mandatory`; one outcome a message, in order. Never raises for the broker."""

    async def receive(self, most: int) -> list[Delivery]:
        """Wait for deliveries; return at least one and at most `most`. Survives reconnection."""

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge. Those of a connection that is gone are skipped: the broker delivers them again."""

    async def park(self, delivery: Delivery, reason: str) -> None:
        """Copy a delivery that nobody understands to the dead-letter queue, with the reason in a header."""
