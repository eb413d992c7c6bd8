"""AmqpBroker against a real RabbitMQ: what becomes of messages, deliveries and acknowledgements."""

import asyncio

import aio_pika
import amqp
import pytest

from asyncflow.adapters.amqp import REASON_HEADER, AmqpBroker
from asyncflow.adapters.amqp_topology import slot_key
from asyncflow.errors import BrokerError
from asyncflow.ports import Delivery, Message, Published
from tests.servers import RabbitServer, free_port


async def receive(broker: AmqpBroker, count: int, seconds: float = 10) -> list[Delivery]:
    taken: list[Delivery] = []
    async with asyncio.timeout(seconds):
        while len(taken) < count:
            taken += await broker.receive(count - len(taken))
    return taken


def to_itself(broker: AmqpBroker, body: bytes) -> Message:
    return Message(routing_key=broker.reply_queue, body=body)


async def test_a_message_comes_back_as_it_was_sent(vhost):
    async with AmqpBroker(vhost) as broker:
        message = Message(
            routing_key=broker.reply_queue,
            body=b"{}",
            headers={"task": "x", "list": [1, None, "a"], "inner": {"k": True}},
            type="asyncflow.request",
            correlation_id="c",
            reply_to="r",
        )
        assert await broker.publish([message]) == [Published.CONFIRMED]
        [delivery] = await receive(broker, 1)
        assert (delivery.body, delivery.headers, delivery.type) == (b"{}", dict(message.headers), "asyncflow.request")
        assert (delivery.correlation_id, delivery.reply_to, delivery.redelivered) == ("c", "r", False)
        assert (delivery.content_type, delivery.content_encoding) == ("application/json", "utf-8")


async def test_outcomes_stand_in_the_order_of_the_messages(vhost):
    async with AmqpBroker(vhost) as broker:
        known = to_itself(broker, b"{}")
        missing = Message(routing_key="no.such.queue", body=b"{}")
        nowhere = Message(exchange="no.such.exchange", routing_key="", body=b"{}")
        outcomes = await broker.publish([known, missing, known, nowhere, known])
    assert outcomes == [
        Published.CONFIRMED,
        Published.UNROUTABLE,
        Published.CONFIRMED,
        Published.UNROUTABLE,
        Published.CONFIRMED,
    ]


async def test_a_full_queue_refuses(vhost):
    async with await aio_pika.connect(vhost) as connection:
        channel = await connection.channel()
        await channel.declare_queue("full", arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        async with AmqpBroker(vhost) as broker:
            message = Message(routing_key="full", body=b"{}")
            outcomes = await broker.publish([message]) + await broker.publish([message])
    assert outcomes == [Published.CONFIRMED, Published.REFUSED]


async def test_deliveries_keep_their_order(vhost):
    async with AmqpBroker(vhost) as broker:
        bodies = [b"%d" % number for number in range(2000)]
        assert set(await broker.publish([to_itself(broker, body) for body in bodies])) == {Published.CONFIRMED}
        taken = []
        while len(taken) < len(bodies):
            batch = await receive(broker, min(300, len(bodies) - len(taken)))
            taken += batch
            await broker.ack(batch)
    assert [delivery.body for delivery in taken] == bodies


async def test_what_is_not_acknowledged_comes_again_and_nothing_else_does(vhost):
    async with AmqpBroker(vhost) as broker:
        await broker.publish([to_itself(broker, b"%d" % number) for number in range(10)])
        taken = await receive(broker, 10)
        await broker.ack([taken[0], taken[1], taken[3], taken[7]])
        await broker.ack([taken[1], taken[2]])
    async with AmqpBroker(vhost) as broker:
        again = await receive(broker, 5)
        assert sorted(delivery.body for delivery in again) == [b"4", b"5", b"6", b"8", b"9"]
        assert all(delivery.redelivered for delivery in again)


async def test_a_parked_message_lies_in_the_dead_letter_queue_with_its_reason(vhost):
    async with AmqpBroker(vhost, namespace="flows") as broker:
        await broker.publish([Message(routing_key="flows.0", body=b"\xff{", headers={"h": 1}, content_type="x/y")])
        [delivery] = await receive(broker, 1)
        await broker.park(delivery, "nobody understands this")
        await broker.ack([delivery])
    async with await aio_pika.connect(vhost) as connection:
        channel = await connection.channel()
        parked = await (await channel.get_queue("flows.dead")).get()
        left = await (await channel.get_queue("flows.0")).get(fail=False)
    assert (parked.body, parked.content_type) == (b"\xff{", "x/y")
    assert parked.headers["h"] == 1
    assert parked.headers[REASON_HEADER] == "nobody understands this"
    assert left is None


@pytest.mark.parametrize(
    "properties",
    [
        {"correlation_id": b"\xff\xfe"},
        {"content_type": b"\xc3("},
        {"application_headers": {b"\xff": "x"}},
        {"timestamp": 2**62},
    ],
    ids=["id", "type", "header", "time"],
)
async def test_a_message_whose_properties_cannot_be_read_is_delivered_and_can_be_parked(vhost, properties):
    async with AmqpBroker(vhost) as broker:
        await asyncio.to_thread(_publish_oddly, vhost, broker.reply_queue, properties)
        first, second = await receive(broker, 2)
        assert [first.body, second.body] == [b"odd", b"after it"]
        await broker.park(first, "of no use")
        await broker.ack([first, second])
    async with await aio_pika.connect(vhost) as connection:
        channel = await connection.channel()
        parked = await (await channel.get_queue("asyncflow.dead")).get()
    assert (parked.body, parked.headers[REASON_HEADER]) == (b"odd", "of no use")


def _publish_oddly(url: str, queue: str, properties: dict) -> None:
    """With another library: aio-pika would not write such bytes."""
    host, vhost = url.split("@")[1].split("/")
    with amqp.Connection(host, virtual_host=vhost) as connection:
        channel = connection.channel()
        channel.basic_publish(amqp.Message(b"odd", **properties), routing_key=queue)
        channel.basic_publish(amqp.Message(b"after it"), routing_key=queue)


async def test_a_request_reaches_the_queue_by_the_slot_of_its_run(vhost):
    async with AmqpBroker(vhost) as broker:
        requests = [
            Message(exchange="asyncflow", routing_key=slot_key(f"run-{number}"), body=b"%d" % number)
            for number in range(200)
        ]
        assert set(await broker.publish(requests)) == {Published.CONFIRMED}
        assert len(await receive(broker, 200)) == 200
        callback = Message(exchange=broker.callback_exchange, routing_key=broker.callback_key, body=b"{}")
        assert await broker.publish([callback]) == [Published.CONFIRMED]


async def test_our_queue_is_a_quorum_queue_where_the_server_has_them(vhost, rabbit: RabbitServer):
    async with AmqpBroker(vhost):
        name = vhost.rsplit("/", 1)[1]
        listed = rabbit.control("list_queues", "-p", name, "name", "type", "durable", "--no-table-headers")
    assert {tuple(line.split()) for line in listed.splitlines()} == {
        ("asyncflow.0", "quorum", "true"),
        ("asyncflow.dead", "quorum", "true"),
    }


async def test_an_existing_classic_queue_is_taken_as_it_is(vhost):
    async with await aio_pika.connect(vhost) as connection:
        channel = await connection.channel()
        await channel.declare_queue("asyncflow.0", durable=True)
        async with AmqpBroker(vhost) as broker:
            assert await broker.publish([to_itself(broker, b"{}")]) == [Published.CONFIRMED]
            assert len(await receive(broker, 1)) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda url: url.replace("guest:guest", "guest:sesame"), "refused the user 'guest' or the password"),
        (lambda url: url + "-missing", "has no virtual host"),
        (lambda url: f"amqp://guest:sesame@127.0.0.1:{free_port()}/", "cannot be reached: "),
        (lambda url: "amqp://guest:sesame@no-such-host.invalid/", "cannot be reached: "),
        (lambda url: "redis://:sesame@127.0.0.1/", "begins with 'redis://'"),
        (lambda url: "amqp://guest:sesame@127.0.0.1:port/", "cannot be read"),
        (lambda url: "amqp://", "names no host"),
    ],
    ids=["password", "vhost", "port", "host", "scheme", "no-number", "no-host"],
)
async def test_a_broker_that_cannot_be_used_is_told_in_one_sentence_without_the_password(vhost, change, told):
    url = change(vhost)
    with pytest.raises(BrokerError) as caught:
        async with AmqpBroker(url):
            pass
    assert told in str(caught.value)
    assert "sesame" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_server_that_is_no_broker_is_told_so():
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BrokerError, match="does not speak AMQP 0-9-1"):
            async with AmqpBroker(f"amqp://guest:guest@127.0.0.1:{port}/"):
                pass
