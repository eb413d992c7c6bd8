"""Requests reach the queue of the partition that their slot belongs to, also after the number of partitions changed."""

from __future__ import annotations

import asyncio

import aio_pika

from asyncflow.adapters.amqp import AmqpBroker, AmqpMailbox, Share
from asyncflow.adapters.amqp_topology import SLOTS
from asyncflow.ports import Message, Published


async def ask_every_slot(vhost: str) -> None:
    async with AmqpMailbox(vhost) as mailbox:
        messages = [
            Message(exchange=mailbox.exchange, routing_key=f"slot.{slot}", body=b"%d" % slot) for slot in range(SLOTS)
        ]
        assert set(await mailbox.publish(messages)) == {Published.CONFIRMED}


async def slots_at(vhost: str, partition: int) -> list[int]:
    """What the queue of a partition has got."""
    async with await aio_pika.connect(vhost) as connection:
        queue = await (await connection.channel()).get_queue(f"asyncflow.{partition}")
        found = []
        while (message := await queue.get(no_ack=True, fail=False)) is not None:
            found.append(int(message.body))
    return sorted(found)


async def declare(vhost: str, partitions: int) -> None:
    for partition in range(partitions):
        async with AmqpBroker(vhost, share=Share(partition=partition, partitions=partitions)):
            pass


async def test_each_slot_has_one_partition_however_many_there_were_before(vhost: str) -> None:
    for partitions in (1, 3, 2):
        await declare(vhost, partitions)
        await ask_every_slot(vhost)
        for partition in range(partitions):
            assert await slots_at(vhost, partition) == list(range(partition, SLOTS, partitions))
    assert await slots_at(vhost, 2) == []


async def test_of_two_consumers_the_one_of_the_newer_epoch_gets_what_comes(vhost: str) -> None:
    async with AmqpBroker(vhost, share=Share(priority=1)) as older, AmqpBroker(vhost, share=Share(priority=2)) as newer:
        messages = [Message(routing_key=newer.reply_queue, body=b"{}") for _ in range(20)]
        assert set(await older.publish(messages)) == {Published.CONFIRMED}
        taken = []
        async with asyncio.timeout(10):
            while len(taken) < len(messages):
                taken += await newer.receive(20)
        assert len(taken) == 20
