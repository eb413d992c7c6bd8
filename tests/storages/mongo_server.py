"""The part of MongoDB's wire protocol that a storage of results needs, over documents in memory: no MongoDB.

Debian and PyPI carry no MongoDB server. With this one at least the driver, the messages and the outages are real.
Run as `python mongo_server.py PORT`.
"""

from __future__ import annotations

import socketserver
import struct
import sys
import threading
from typing import Any, ClassVar

import bson
from bson.objectid import ObjectId

_REPLY, _QUERY, _MESSAGE = 1, 2004, 2013
_HELLO = {
    "isWritablePrimary": True,
    "ismaster": True,
    "helloOk": True,
    "maxBsonObjectSize": 16 * 1024 * 1024,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "ok": 1.0,
}

Document = dict[str, Any]


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class Session(socketserver.BaseRequestHandler):
    """One connection."""

    collections: ClassVar[dict[tuple[str, str], list[Document]]] = {}
    lock: ClassVar[threading.Lock] = threading.Lock()

    def handle(self):
        while header := self._read(16):
            length, request, _, kind = struct.unpack("<iiii", header)
            body = self._read(length - 16)
            if kind == _QUERY:  # the first hello of a connection
                answer, opening = _HELLO, struct.pack("<iqii", 8, 0, 0, 1)
                code = _REPLY
            elif kind == _MESSAGE:
                with self.lock:
                    answer, opening = self.answer(parsed(body)), struct.pack("<IB", 0, 0)
                code = _MESSAGE
            else:
                return
            document = opening + bson.encode(answer)
            self.request.sendall(struct.pack("<iiii", 16 + len(document), 0, request, code) + document)

    def answer(self, command: Document) -> Document:
        name = next(iter(command))
        method = getattr(self, f"do_{name.lower()}", None)
        if method is None:
            return {"ok": 0.0, "code": 59, "codeName": "CommandNotFound", "errmsg": f"no such command: {name}"}
        documents = self.collections.setdefault((command["$db"], str(command[name])), [])
        return {**method(command, documents), "ok": 1.0}

    def do_hello(self, command, documents):
        return _HELLO

    do_ismaster = do_hello

    def do_ping(self, command, documents):
        return {}

    do_endsessions = do_createindexes = do_ping

    def do_find(self, command, documents):
        found = [each for each in documents if matches(each, command["filter"])]
        for key, way in reversed(command.get("sort", {}).items()):
            found.sort(key=lambda each, key=key: each[key], reverse=way < 0)
        found = [projected(each, command.get("projection", {})) for each in found]
        batch = found[: command.get("limit") or None]
        return {"cursor": {"id": 0, "ns": f"{command['$db']}.{command['find']}", "firstBatch": batch}}

    def do_update(self, command, documents):
        changed, upserted = 0, []
        for number, update in enumerate(command["updates"]):
            found = [each for each in documents if matches(each, update["q"])]
            if found:
                place = documents.index(found[0])
                documents[place] = {"_id": found[0]["_id"], **update["u"]}
                changed += 1
            elif update.get("upsert"):
                documents.append({"_id": ObjectId(), **update["u"]})
                upserted.append({"index": number, "_id": documents[-1]["_id"]})
        return {"n": changed + len(upserted), "nModified": changed, **({"upserted": upserted} if upserted else {})}

    def do_insert(self, command, documents):
        documents.extend(command["documents"])
        return {"n": len(command["documents"])}

    def do_delete(self, command, documents):
        before = len(documents)
        for delete in command["deletes"]:
            gone = [each for each in documents if matches(each, delete["q"])][: delete["limit"] or None]
            documents[:] = [each for each in documents if each not in gone]
        return {"n": before - len(documents)}

    def _read(self, length: int) -> bytes:
        read = b""
        while len(read) < length:
            more = self.request.recv(length - len(read))
            if not more:
                return b""
            read += more
        return read


def parsed(body: bytes) -> Document:
    """A message: flags, then sections, one of them the command and others lists of documents that belong into it."""
    at, command = 4, {}
    while at < len(body):
        kind, at = body[at], at + 1
        (size,) = struct.unpack_from("<i", body, at)
        section = body[at : at + size]
        if kind == 0:
            command = {**bson.decode(section), **command}
        else:
            name, _, documents = section[4:].partition(b"\0")
            command[name.decode()] = bson.decode_all(documents)
        at += size
    # The command's own name comes first, wherever its section stood.
    lists = [key for key in command if key in ("documents", "updates", "deletes")]
    return {
        **{key: value for key, value in command.items() if key not in lists},
        **{key: command[key] for key in lists},
    }


def matches(document: Document, wanted: Document) -> bool:
    return all(document.get(key) == value for key, value in wanted.items())


def projected(document: Document, projection: Document) -> Document:
    """Either the keys that are asked for, or all but those that are not."""
    asked = [key for key, wanted in projection.items() if wanted]
    if asked:
        return {key: document[key] for key in asked if key in document}
    return {key: value for key, value in document.items() if key not in projection}


if __name__ == "__main__":
    with Server(("127.0.0.1", int(sys.argv[1])), Session) as server:
        server.serve_forever()
