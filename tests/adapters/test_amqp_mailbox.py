"""AmqpMailbox against a real RabbitMQ: requests by the slot of a run, answers to a queue of its own."""

import asyncio

from asyncflow.adapters.amqp import AmqpBroker, AmqpMailbox
from asyncflow.adapters.amqp_topology import slot_key
from asyncflow.ports import Message, Published


async def answer_requests(broker: AmqpBroker, count: int) -> None:
    for _ in range(count):
        for request in await broker.receive(1):
            answer = Message(routing_key=request.reply_to, body=request.body, correlation_id=request.correlation_id)
            await broker.publish([answer])
            await broker.ack([request])


async def ask(mailbox: AmqpMailbox, run_id: str) -> Published:
    request = Message(
        exchange=mailbox.exchange,
        routing_key=slot_key(run_id),
        body=b"{}",
        reply_to=mailbox.reply_queue,
        correlation_id=run_id,
    )
    [outcome] = await mailbox.publish([request])
    return outcome


async def test_a_request_is_answered_to_the_client_that_asked(vhost):
    async with asyncio.timeout(20), AmqpBroker(vhost) as broker, AmqpMailbox(vhost) as one, AmqpMailbox(vhost) as two:
        assert await ask(one, "run-1") is Published.CONFIRMED
        assert await ask(two, "run-2") is Published.CONFIRMED
        await answer_requests(broker, 2)
        assert [delivery.correlation_id for delivery in await one.receive(10)] == ["run-1"]
        assert [delivery.correlation_id async for delivery in first_of(two)] == ["run-2"]


async def first_of(mailbox: AmqpMailbox):
    async for delivery in mailbox.replies():
        yield delivery
        return


async def test_a_request_that_no_dispatcher_has_ever_waited_for_is_unroutable(vhost):
    async with AmqpMailbox(vhost) as mailbox:
        assert await ask(mailbox, "run") is Published.UNROUTABLE
        async with AmqpBroker(vhost):
            assert await ask(mailbox, "run") is Published.CONFIRMED


async def test_a_client_whose_connection_is_closed_asks_again_and_is_answered(vhost, rabbit):
    async with asyncio.timeout(30), AmqpBroker(vhost) as broker, AmqpMailbox(vhost) as mailbox:
        old = mailbox.reply_queue
        rabbit.close_connections(vhost)
        assert await mailbox.wait_generation_after(1) == 2
        await broker.wait_connected()
        assert mailbox.reply_queue != old
        assert await ask(mailbox, "run") is Published.CONFIRMED
        await answer_requests(broker, 1)
        assert len(await mailbox.receive(10)) == 1
