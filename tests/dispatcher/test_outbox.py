"""When the outbox tries again, on virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import anyio
import pytest

from asyncflow.dispatcher.outbox import Follower, Outbox, OutboxSettings
from asyncflow.model.names import NodeName, RunId, TaskId
from asyncflow.ports import Attempt, Message, Published
from tests.faults.virtual_loop import Agenda, VirtualLoop

HOUR = 3600.0


class Virtual:
    """A broker without the queue, the store and the clock, in one."""

    def __init__(self, outcome: Published) -> None:
        self.agenda = Agenda(1)
        self.outcome = outcome
        self.tried: list[float] = []

    def now(self) -> float:
        return self.agenda.now

    async def wait_connected(self) -> None:
        pass

    async def publish(self, messages: Sequence[Message]) -> list[Published]:
        self.tried += [self.agenda.now] * len(messages)
        return [self.outcome] * len(messages)

    def send(self, attempts: int, seconds: float) -> None:
        """Try to, for so long."""
        around: Any = self
        outbox = Outbox(
            broker=around,
            store=around,
            clock=around,
            settings=OutboxSettings(unroutable_after=HOUR),
            follower=Follower(give_up=lambda attempt: None),
        )
        message = Message(routing_key="q", body=b"")
        outbox.add(
            Attempt(id=TaskId(f"{n}"), run_id=RunId("r"), task=NodeName("T"), message=message) for n in range(attempts)
        )

        async def try_it() -> None:
            with anyio.move_on_after(seconds):
                await outbox.run()

        VirtualLoop(self.agenda).live(try_it())


@pytest.mark.parametrize(("outcome", "longest"), [(Published.UNROUTABLE, 5.0), (Published.REFUSED, 30.0)])
def test_it_waits_ever_longer_up_to_a_bound(outcome: Published, longest: float) -> None:
    world = Virtual(outcome)
    world.send(1, seconds=300)
    waits = [later - earlier for earlier, later in pairwise(world.tried)]

    assert waits[0] < 1.0
    assert (max(waits), waits[-1]) == pytest.approx((longest, longest))


def test_many_that_wait_for_a_queue_do_not_flood_the_broker() -> None:
    world = Virtual(Published.UNROUTABLE)
    world.send(4000, seconds=100)

    assert len([at for at in world.tried if at > 40]) / 60 == pytest.approx(200, rel=0.3)
