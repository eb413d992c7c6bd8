"""The bytes that bypass aiormq are those that pamqp, an independent implementation, writes and reads."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pamqp.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from asyncflow.adapters import amqp_frames as frames
from asyncflow.adapters import amqp_properties
from asyncflow.adapters.amqp_confirms import Confirms
from asyncflow.adapters.amqp_lanes import Sieve
from asyncflow.ports import Message, Published

FRAME_MAX = 4096
SHORT = st.text(max_size=40)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 62), 1 << 62) | st.text(max_size=20) | st.floats(0, 1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SHORT, inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.builds(
    Message,
    routing_key=SHORT,
    exchange=SHORT,
    body=st.binary(max_size=10_000),
    headers=st.dictionaries(SHORT, VALUE, max_size=4),
    type=SHORT,
    content_type=SHORT,
    content_encoding=SHORT,
    correlation_id=SHORT,
    reply_to=SHORT,
    priority=st.integers(0, 255),
    persistent=st.booleans(),
)


def read_by_pamqp(raw: bytes) -> list:
    found = []
    while raw:
        consumed, _, frame = pamqp.frame.unmarshal(raw)
        found.append(frame)
        raw = raw[consumed:]
    return found


@given(MESSAGES)
def test_pamqp_reads_what_is_published(message):
    method, header, *bodies = read_by_pamqp(frames.publish_frames(message, 3, FRAME_MAX, "7"))
    assert (method.exchange, method.routing_key, method.mandatory) == (message.exchange, message.routing_key, True)
    assert b"".join(body.value for body in bodies) == message.body
    told = header.properties
    assert (told.headers, told.priority, told.message_id) == (message.headers, message.priority, "7")
    assert told.delivery_mode == (2 if message.persistent else 1)
    for name, value in (("correlation_id", message.correlation_id), ("reply_to", message.reply_to)):
        assert (getattr(told, name) or "") == value


@given(MESSAGES, st.booleans())
def test_what_pamqp_writes_is_read(message, rare):
    told = commands.Basic.Properties(
        content_type=message.content_type or None,
        headers={**message.headers, "at": datetime(2026, 1, 1, tzinfo=UTC)} if rare else message.headers,
        correlation_id=message.correlation_id or None,
        reply_to=message.reply_to or None,
        expiration="100",
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        message_type=message.type or None,
        app_id="x" if rare else None,
    )
    header = ContentHeader(body_size=len(message.body), properties=told).marshal()
    by_pamqp = ContentHeader()
    by_pamqp.unmarshal(header)
    found = amqp_properties.read(header)
    assert amqp_properties.body_size(header) == len(message.body)
    assert found.headers == (by_pamqp.properties.headers or {})
    assert (found.content_type, found.correlation_id) == (message.content_type, message.correlation_id)
    assert (found.reply_to, found.type, found.content_encoding) == (message.reply_to, message.type, "")


@pytest.mark.parametrize(
    "message",
    [
        Message(routing_key="q" * 256, body=b""),
        Message(routing_key="q", body=b"", headers={"x": object()}),
        Message(routing_key="q", body=b"", headers={"x": "y" * FRAME_MAX}),
        Message(routing_key="q", body=b"", correlation_id="\ud800"),
        Message(routing_key="q", body=b"", priority=256),
    ],
    ids=["long key", "odd header", "headers beyond a frame", "no text", "priority"],
)
def test_what_cannot_be_encoded_is_refused_and_takes_no_number(message):
    async def publish() -> list[Published]:
        confirms, reasons = Confirms(1, FRAME_MAX), []
        sent, _ = confirms.write([message, Message(routing_key="q", body=b"")], reasons.append)
        assert len(reasons) == 1
        confirms.take(frames.METHOD, answer(commands.Basic.Ack(1)))
        await sent.settled
        return sent.outcomes

    assert asyncio.run(publish()) == [Published.REFUSED, Published.CONFIRMED]


def answer(method) -> bytes:
    return pamqp.frame.marshal(method, 1)[7:-1]


async def test_each_message_gets_its_own_outcome():
    confirms = Confirms(1, FRAME_MAX)
    sent, written = confirms.write([Message(routing_key="q", body=b"")] * 6, print)
    third = read_by_pamqp(written)[5].properties
    assert confirms.take(frames.METHOD, answer(commands.Basic.Return(312, "NO_ROUTE", "", "q")))
    assert confirms.take(frames.HEADER, ContentHeader(properties=third).marshal())
    assert confirms.take(frames.METHOD, answer(commands.Basic.Ack(2)))
    assert confirms.take(frames.METHOD, answer(commands.Basic.Ack(4, multiple=True)))
    assert confirms.take(frames.METHOD, answer(commands.Basic.Nack(5)))
    assert not sent.settled.done()
    confirms.abandon()
    await sent.settled
    ok, unroutable = Published.CONFIRMED, Published.UNROUTABLE
    assert sent.outcomes == [ok, ok, unroutable, ok, Published.REFUSED, Published.UNKNOWN]


def test_a_frame_that_answers_no_publish_is_left_to_aiormq():
    assert not Confirms(1, FRAME_MAX).take(frames.METHOD, answer(commands.Channel.Close(406, "no", 0, 0)))


async def test_lanes_get_their_frames_and_aiormq_all_others_however_the_bytes_are_cut():
    stream = b"".join(
        pamqp.frame.marshal(frame, channel)
        for channel, frame in (
            (0, commands.Connection.Blocked("memory")),
            (2, commands.Basic.Ack(1)),
            (1, commands.Channel.CloseOk()),
            (2, ContentBody(b"x" * 300)),
            (2, commands.Channel.Close(404, "gone", 0, 0)),
        )
    )
    for cut in (1, 7, 8, 50, len(stream)):
        taken: list[tuple[int, bytes]] = []
        sieve = Sieve()
        sieve.lanes[2] = lambda kind, payload, taken=taken: (
            payload[:2] != b"\0\x14" and taken.append((kind, payload)) is None
        )
        for start in range(0, len(stream), cut):
            sieve.feed_data(stream[start : start + cut])
        sieve.feed_eof()
        rest = [frame.name for frame in read_by_pamqp(await sieve.read()) if frame.name != "Heartbeat"]
        assert rest == ["Connection.Blocked", "Channel.CloseOk", "Channel.Close"]
        assert [kind for kind, _ in taken] == [frames.METHOD, frames.BODY]
        assert taken[1][1] == b"x" * 300
