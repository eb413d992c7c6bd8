"""A client's line to the dispatchers of a broker: requests out, answers back."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import anyio
import anyio.abc
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from asyncflow.adapters.amqp_mailbox import AmqpMailbox
from asyncflow.adapters.amqp_topology import slot_key
from asyncflow.model.names import Json, RunId
from asyncflow.model.requests import REQUEST_TYPE, Request, decode_reply, encode_request
from asyncflow.ports import Message, Published

_FIRST_WAIT, _LONGEST_WAIT = 0.2, 10.0


@dataclass(slots=True, kw_only=True)
class _Conversation:
    """A request and where its answers go. It is asked again when the connection was made anew."""

    request: Request
    send: MemoryObjectSendStream[bytes]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


class AmqpLine:
    """Fulfils `ports.Line`. Any number of requests may be under way at once."""

    def __init__(self, url: str, *, namespace: str = "asyncflow") -> None:
        self._mailbox = AmqpMailbox(url, namespace=namespace)
        self._open: dict[str, _Conversation] = {}
        self._group: anyio.abc.TaskGroup

    async def __aenter__(self) -> Self:
        await self._mailbox.__aenter__()
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(self._hear)
        self._group.start_soon(self._ask_again)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._group.cancel_scope.cancel()
        await self._group.__aexit__(None, None, None)
        await self._mailbox.__aexit__(None, None, None)

    @property
    def connected(self) -> bool:
        return self._mailbox.connected

    @asynccontextmanager
    async def answers(self, request: Request) -> AsyncIterator[AsyncIterator[dict[str, Json]]]:
        send, receive = anyio.create_memory_object_stream[bytes](float("inf"))
        conversation = _Conversation(request=request, send=send)
        self._open[conversation.id] = conversation
        try:
            with send, receive:
                await self._ask(conversation)
                yield _decoded(receive)
        finally:
            del self._open[conversation.id]

    async def _ask(self, conversation: _Conversation) -> None:
        """Until the broker has the request; callers set the deadline."""
        wait = _FIRST_WAIT
        while True:
            await self._mailbox.wait_connected()
            [outcome] = await self._mailbox.publish([self._message(conversation)])
            if outcome is Published.CONFIRMED:
                return
            # No dispatcher has made its queue yet, or the connection broke: a request asked twice is one request.
            await anyio.sleep(wait)
            wait = min(_LONGEST_WAIT, wait * 2)

    def _message(self, conversation: _Conversation) -> Message:
        run_id: RunId = getattr(conversation.request, "run_id", RunId(""))
        return Message(
            exchange=self._mailbox.exchange,
            routing_key=slot_key(run_id),
            body=encode_request(conversation.request),
            type=REQUEST_TYPE,
            correlation_id=conversation.id,
            reply_to=self._mailbox.reply_queue,
        )

    async def _hear(self) -> None:
        async for delivery in self._mailbox.replies():
            conversation = self._open.get(delivery.correlation_id)
            if conversation is not None:
                conversation.send.send_nowait(delivery.body)

    async def _ask_again(self) -> None:
        """The answers to what was asked over a lost connection went to a queue that is gone."""
        generation = self._mailbox.generation
        while True:
            generation = await self._mailbox.wait_generation_after(generation)
            for conversation in list(self._open.values()):
                self._group.start_soon(self._ask, conversation)


async def _decoded(receive: MemoryObjectReceiveStream[bytes]) -> AsyncIterator[dict[str, Json]]:
    async for body in receive:
        yield decode_reply(body)
