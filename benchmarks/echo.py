"""A worker that does nothing: answers every task message at once, as a worker with rpc:// does.

python -m benchmarks.echo BROKER QUEUE; prints a line when it is ready.
"""

from __future__ import annotations

import struct
import sys

from pamqp import commands

from asyncflow.adapters import amqp_frames as frames
from benchmarks.wire import CHANNEL, Wire

_LENGTH = struct.Struct(">I")
_CONTENT = struct.Struct(">HHQH")
_FLAGS = 1 << 15 | 1 << 14 | 1 << 12 | 1 << 10
_BODY = b'{"task_id": "%b", "status": "SUCCESS", "result": null, "traceback": null, "children": []}'


def serve(url: str, queue: str) -> None:
    wire = Wire(url)
    wire.declare(queue)
    wire.call(commands.Basic.Qos(prefetch_count=1000))
    wire.call(commands.Basic.Consume(queue=queue))
    print("ready", flush=True)
    publishes: dict[bytes, bytes] = {}
    for batch in wire.deliveries():
        answers = []
        for header, _ in batch:
            id, reply_to = correlation_of(header)
            publish = publishes.get(reply_to)
            if publish is None:
                publish = publishes[reply_to] = _publish(reply_to)
            body = _BODY % id
            answers.append(
                b"".join((publish, _frame(frames.HEADER, _header(id, len(body))), _frame(frames.BODY, body)))
            )
        wire.send(b"".join(answers))


def correlation_of(header: bytes) -> tuple[bytes, bytes]:
    """Correlation id and reply queue of a task message, whose properties always are the same ones."""
    at = 14
    for _ in range(2):
        at += 1 + header[at]
    (size,) = _LENGTH.unpack_from(header, at)
    at += 4 + size + 2
    id = header[at + 1 : at + 1 + header[at]]
    at += 1 + header[at]
    return id, header[at + 1 : at + 1 + header[at]]


def _publish(queue: bytes) -> bytes:
    return _frame(frames.METHOD, _LENGTH.pack(frames.PUBLISH) + b"\0\0\0" + bytes((len(queue),)) + queue + b"\0")


def _header(id: bytes, size: int) -> bytes:
    properties = b"\x10application/json\x05utf-8\x01" + bytes((len(id),)) + id
    return _CONTENT.pack(60, 0, size, _FLAGS) + properties


def _frame(kind: int, payload: bytes) -> bytes:
    return frames.FRAME_HEAD.pack(kind, CHANNEL, len(payload)) + payload + frames.FRAME_END


if __name__ == "__main__":
    serve(*sys.argv[1:])
