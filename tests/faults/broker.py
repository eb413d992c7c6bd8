"""A simulated broker: one queue of ours with its unacknowledged deliveries, and the workers' queues behind it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

from asyncflow.errors import EnvelopeError
from asyncflow.model.requests import REQUEST_TYPE, StartRun, decode_request
from asyncflow.ports import Delivery, Message, Progress, Published

if TYPE_CHECKING:
    from tests.faults.life import Life
    from tests.faults.world import World

CLIENT = "client"


@dataclass(frozen=True, slots=True)
class _Tag:
    number: int
    generation: int


class SimulatedBroker:
    """What is confirmed is kept; what is not acknowledged is delivered again when the connection is gone."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._queue: list[Delivery] = []
        self._unacked: dict[_Tag, Delivery] = {}
        self._sequence = 0
        self._life: Life | None = None
        self._changed: asyncio.Future[None] | None = None
        self.connected = False
        self.generation = 0
        self.parked: list[tuple[Delivery, str]] = []
        self.delivered = 0
        self.published = 0

    # --- connections --------------------------------------------------------------------------------------------------

    def connect(self, life: Life) -> None:
        self._life = life
        self._begin_connection(life)

    def disconnect(self, life: Life) -> None:
        self._break()
        self._life = None
        self._changed = None

    def end_life(self) -> None:
        if self._life is not None:
            self._life.loop.crash()

    def lose_connection(self) -> None:
        if self.connected and self._life is not None:
            life = self._life
            self._break()
            self._world.agenda.after(5 * self._world.agenda.random.random() ** 3, lambda: self._begin_connection(life))

    def _begin_connection(self, life: Life) -> None:
        if self._life is life and not self.connected:
            self.connected = True
            self._notify()

    def _break(self) -> None:
        self.connected = False
        self.generation += 1
        again = [replace(delivery, redelivered=True, tag=None) for delivery in self._unacked.values()]
        self._queue[:0] = again
        self._unacked.clear()

    async def change(self) -> None:
        """Wait for a message or a connection."""
        assert self._life is not None, "only the living wait"
        if self._changed is None or self._changed.done():
            self._changed = self._life.loop.create_future()
        await asyncio.shield(self._changed)

    def _notify(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    # --- our queue ----------------------------------------------------------------------------------------------------

    @property
    def has_messages(self) -> bool:
        return self.connected and bool(self._queue)

    @property
    def is_empty(self) -> bool:
        return not self._queue and not self._unacked

    def put(self, delivery: Delivery) -> None:
        """A message arrives on our queue: perhaps twice, perhaps before others, perhaps as the connection breaks."""
        world, random = self._world, self._world.agenda.random
        copies = 2 if world.chance(world.faults.duplicate) else 1
        for _ in range(copies):
            place = random.randint(0, len(self._queue)) if world.chance(world.faults.reorder) else len(self._queue)
            self._queue.insert(place, delivery)
        if world.chance(world.faults.connection_lost):
            self.lose_connection()
        self._notify()

    def take(self, most: int) -> list[Delivery]:
        if not self.connected or not self._queue:
            return []
        count = min(most, self._world.agenda.random.randint(1, len(self._queue)))
        taken = []
        for delivery in self._queue[:count]:
            self._sequence += 1
            tag = _Tag(self._sequence, self.generation)
            self._unacked[tag] = replace(delivery, tag=tag)
            taken.append(self._unacked[tag])
        del self._queue[:count]
        self.delivered += count
        return taken

    def ack(self, delivery: Delivery) -> None:
        assert isinstance(delivery.tag, _Tag), "only what was taken is acknowledged"
        if self._unacked.pop(delivery.tag, None) is None:
            if delivery.tag.generation == self.generation:
                self._world.violate(f"acknowledged twice: {delivery.body!r}")
            return
        self._check_ack(delivery)

    def park(self, delivery: Delivery, reason: str) -> None:
        self.parked.append((delivery, reason))

    def _check_ack(self, delivery: Delivery) -> None:
        """N6: what is acknowledged is committed, or still to come again, or kept with a reason."""
        store = self._world.store
        if delivery.type == REQUEST_TYPE:
            request = decode_request(delivery.body)
            answered = delivery.correlation_id in self._world.client.refused
            if isinstance(request, StartRun) and request.run_id not in store._runs and not answered:
                self._world.violate(f"the start of {request.run_id} was acknowledged before it was committed")
            return
        completion = self._completion(delivery)
        if completion is None:
            if all(parked.body != delivery.body for parked, _ in self.parked):
                self._world.violate(f"acknowledged and not parked: {delivery.body!r}")
            return
        if completion[1] and completion[0] in store._open_attempts and not self._is_waiting(completion[0]):
            self._world.violate(f"the end of {completion[0]} was acknowledged before it was committed")

    def _completion(self, delivery: Delivery) -> tuple[str, bool] | None:
        try:
            found = self._world.codec.decode_completion(delivery)
        except EnvelopeError:
            return None
        return found.id, found.progress in (Progress.SUCCEEDED, Progress.FAILED)

    def _is_waiting(self, id: str) -> bool:
        """Whether another report of that end is still there."""
        others = [*self._unacked.values(), *self._queue]
        return any(other.type != REQUEST_TYPE and self._completion(other) == (id, True) for other in others)

    # --- what the dispatcher sends ------------------------------------------------------------------------------------

    def publish(self, message: Message) -> Published:
        world, faults = self._world, self._world.faults
        if message.exchange.endswith(".pidbox"):
            world.workers.revoke(orjson.loads(message.body)["arguments"]["task_id"])
            return Published.CONFIRMED
        if world.chance(faults.publish_refused):
            return world.agenda.random.choice([Published.REFUSED, Published.UNROUTABLE])
        if world.chance(faults.publish_unknown):
            if world.agenda.random.random() < 0.5:
                self._route(message)
            self.lose_connection()
            return Published.UNKNOWN
        self._route(message)
        return Published.CONFIRMED

    def _route(self, message: Message) -> None:
        self.published += 1
        if message.routing_key == CLIENT:
            self._world.client.hear(message)
        else:
            self._world.workers.take(message)
