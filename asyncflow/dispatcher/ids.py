"""Ids of attempts: always the same for the same attempt, and not to be guessed without the store's secret."""

from __future__ import annotations

import hashlib

from asyncflow.model.names import NodeName, RunId, TaskId


class TaskIds:
    """uuid5 (RFC 9562) of "run/node/number/attempt" in the namespace of the store's secret.

    Written out because uuid.uuid5 takes three times as long, and it is drawn for every task.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __call__(self, run_id: RunId, name: NodeName, number: int, attempt: int) -> TaskId:
        name_bytes = f"{run_id}/{name}/{number}/{attempt}".encode()
        digest = bytearray(hashlib.sha1(self._secret + name_bytes, usedforsecurity=False).digest()[:16])
        digest[6] = digest[6] & 0x0F | 0x50
        digest[8] = digest[8] & 0x3F | 0x80
        text = digest.hex()
        return TaskId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")
