"""AmqpBroker while connections are closed and brokers go away: nothing hangs, nothing confirmed is missing."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from asyncflow.adapters import amqp_publisher
from asyncflow.adapters.amqp import AmqpBroker
from asyncflow.ports import Message, Published


@dataclass
class Traffic:
    """Publishes numbered messages to the broker's own queue, and receives and acknowledges them."""

    broker: AmqpBroker
    published: dict[Published, set[bytes]] = field(default_factory=lambda: {outcome: set() for outcome in Published})
    received: set[bytes] = field(default_factory=set)
    stopping: bool = False
    count: int = 0

    async def publish(self) -> None:
        while not self.stopping:
            bodies = [b"%d" % number for number in range(self.count, self.count + 40)]
            self.count += len(bodies)
            messages = [Message(routing_key=self.broker.reply_queue, body=body) for body in bodies]
            for body, outcome in zip(bodies, await self.broker.publish(messages), strict=True):
                self.published[outcome].add(body)
            await asyncio.sleep(0.01)

    async def receive(self) -> None:
        while True:
            batch = await self.broker.receive(100)
            await self.broker.ack(batch)
            self.received.update(delivery.body for delivery in batch)

    async def until_confirmed(self, more: int) -> None:
        goal = len(self.published[Published.CONFIRMED]) + more
        while len(self.published[Published.CONFIRMED]) < goal:
            await asyncio.sleep(0.01)

    async def until_all_received(self) -> None:
        while not self.published[Published.CONFIRMED] <= self.received:
            await asyncio.sleep(0.01)


async def survive(broker: AmqpBroker, seconds: float, *blows) -> Traffic:
    """Strike, wait until messages flow again, strike again; then every confirmed message must have come."""
    traffic = Traffic(broker)
    async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
        publishing = group.create_task(traffic.publish())
        receiving = group.create_task(traffic.receive())
        for blow in blows:
            await traffic.until_confirmed(200)
            await asyncio.to_thread(blow)
            await traffic.until_confirmed(200)
        traffic.stopping = True
        await publishing
        await traffic.until_all_received()
        receiving.cancel()
    return traffic


async def test_closed_connections_are_made_again_and_no_confirmed_message_is_missing(vhost, rabbit):
    async with AmqpBroker(vhost) as broker:
        traffic = await survive(broker, 40, *[lambda: rabbit.close_connections(vhost)] * 3)
        assert broker.connected
    assert not traffic.published[Published.UNROUTABLE]
    assert not traffic.published[Published.REFUSED]


async def test_a_broker_that_stops_and_starts_loses_no_confirmed_message(breakable_rabbit):
    def stop_and_start() -> None:
        breakable_rabbit.stop_app()
        breakable_rabbit.start_app()

    async with AmqpBroker(breakable_rabbit.add_vhost()) as broker:
        await survive(broker, 40, stop_and_start)


async def test_a_killed_broker_is_a_clear_outcome_for_every_message_and_comes_back(breakable_rabbit):
    url = breakable_rabbit.add_vhost()
    async with AmqpBroker(url, heartbeat=5) as broker:
        message = Message(routing_key=broker.reply_queue, body=b"before")
        assert await broker.publish([message]) == [Published.CONFIRMED]
        [taken] = await broker.receive(1)
        breakable_rabbit.wait_durable(url, broker.reply_queue)
        breakable_rabbit.kill()
        async with asyncio.timeout(10):
            while broker.connected:
                await asyncio.sleep(0.01)
            outcomes = await broker.publish([message] * 300)
            await broker.ack([taken])
        assert set(outcomes) == {Published.UNKNOWN}
        await asyncio.to_thread(breakable_rabbit.start)
        async with asyncio.timeout(20):
            await broker.wait_connected()
            [again] = await broker.receive(1)
        assert (again.body, again.redelivered) == (b"before", True)


async def test_a_broker_that_is_short_of_memory_is_told_and_waited_for(breakable_rabbit, monkeypatch, caplog):
    monkeypatch.setattr(amqp_publisher, "_SLOW", 0.3)
    async with AmqpBroker(breakable_rabbit.add_vhost()) as broker, asyncio.TaskGroup() as group:
        message = Message(routing_key=broker.reply_queue, body=b"x")
        breakable_rabbit.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.000001).")
        publishing = group.create_task(broker.publish([message]))
        async with asyncio.timeout(20):
            while "has not confirmed 1 messages" not in caplog.text:
                await asyncio.sleep(0.05)
        assert broker.connected
        await asyncio.to_thread(
            breakable_rabbit.evaluate, 'vm_memory_monitor:set_vm_memory_high_watermark({absolute, "1GB"}).'
        )
        assert await publishing == [Published.CONFIRMED]


async def test_deleting_our_queue_makes_it_anew(vhost, rabbit):
    async with asyncio.timeout(20), AmqpBroker(vhost) as broker:
        rabbit.control("delete_queue", "-p", vhost.rsplit("/", 1)[1], "asyncflow.0")
        outcome = None
        while outcome is not Published.CONFIRMED:
            [outcome] = await broker.publish([Message(routing_key="asyncflow.0", body=b"{}")])
            await asyncio.sleep(0.01)
        assert len(await broker.receive(1)) == 1


async def test_waiting_to_receive_can_be_cancelled_and_leaves_no_task_behind(vhost):
    before = asyncio.all_tasks()
    async with AmqpBroker(vhost) as broker:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await broker.receive(1)
    async with asyncio.timeout(5):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.01)


async def test_an_error_inside_leaves_the_broker_as_it_is(vhost):
    with pytest.raises(ValueError, match="of the caller"):
        async with AmqpBroker(vhost):
            raise ValueError("of the caller")
