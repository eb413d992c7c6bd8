"""A codec whose messages say which trace they belong to, so that what workers trace becomes part of the run's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from asyncflow.model.commands import PublishTask
from asyncflow.model.names import TaskId
from asyncflow.model.spans import traceparent
from asyncflow.ports import Codec, Completion, Delivery, Message


class TracedCodec:
    """Fulfils `ports.Codec` around another one. Workers without OpenTelemetry pass over the header."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def encode_task(self, command: PublishTask, *, reply_to: str, exchange: str, routing_key: str) -> Message:
        message = self._codec.encode_task(command, reply_to=reply_to, exchange=exchange, routing_key=routing_key)
        return replace(message, headers={**message.headers, "traceparent": traceparent(command.root_id, command.id)})

    def decode_completion(self, delivery: Delivery) -> Completion:
        return self._codec.decode_completion(delivery)

    def encode_revoke(self, ids: Sequence[TaskId], *, terminate: bool) -> Message:
        return self._codec.encode_revoke(ids, terminate=terminate)
