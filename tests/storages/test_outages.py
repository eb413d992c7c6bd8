"""A storage whose server goes away and comes back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from asyncflow.errors import StorageError
from asyncflow.model.flow import Task, TaskKind
from asyncflow.model.names import FlowName, NodeName, TaskId
from asyncflow.storages import open_storage
from tests.servers import RedisServer, Server, wait_until
from tests.storage_servers import MongoServer, PostgresServer, S3Server, open_folder
from tests.storages.declarations import declare

FLOW = FlowName("dinner")
TASK = Task(name=NodeName("BuyEggs"), kind=TaskKind.FLOW, storage="Results")
SERVERS = {"redis": RedisServer, "postgresql": PostgresServer, "mongodb": MongoServer, "s3": S3Server}


@pytest.fixture(scope="module", params=SERVERS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def own_server(kind: str) -> Iterator[Server]:
    """One that no other module uses, for it will be killed."""
    with open_folder() as folder, SERVERS[kind](folder) as server:
        yield server


@pytest.fixture
def server(own_server: Server) -> Server:
    if not own_server.running:
        own_server.start()
    return own_server


def test_an_outage_is_a_storage_error_and_the_storage_works_again_after_it(kind: str, server: Server):
    storage = open_storage(declare(kind, server), environ={})
    before, after = (TaskId(str(uuid4())) for _ in range(2))
    storage.store(TASK, FLOW, before, None, "before")

    server.kill()
    began = time.monotonic()
    with pytest.raises(StorageError, match="storage 'Results' cannot be reached"):
        storage.retrieve(TASK, FLOW, before)
    assert time.monotonic() - began < 5
    with pytest.raises(StorageError):
        storage.store(TASK, FLOW, after, None, "after")

    server.start()
    storage.store(TASK, FLOW, after, None, "after")
    assert storage.retrieve(TASK, FLOW, after) == "after"
    storage.close()


def test_a_restart_between_two_calls_goes_unnoticed(kind: str, server: Server):
    storage = open_storage(declare(kind, server), environ={})
    storage.store(TASK, FLOW, TaskId(str(uuid4())), None, "before")

    server.kill()
    server.start()

    id = TaskId(str(uuid4()))
    storage.store(TASK, FLOW, id, None, "after")
    assert storage.retrieve(TASK, FLOW, id) == "after"
    storage.close()


def test_a_server_that_is_not_there_at_first_is_connected_to_when_it_is(kind: str, server: Server):
    server.kill()
    storage = open_storage(declare(kind, server), environ={})
    id = TaskId(str(uuid4()))
    with pytest.raises(StorageError):
        storage.store(TASK, FLOW, id, None, 1)

    server.start()

    storage.store(TASK, FLOW, id, None, 1)
    assert storage.retrieve(TASK, FLOW, id) == 1
    storage.close()


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


# PostgreSQL bounds its statements itself; test_records.py has a statement that waits too long.
@pytest.mark.parametrize("kind", ["redis", "mongodb", "s3"], indirect=True)
def test_a_server_that_hangs_is_given_up(kind: str, server: Server):
    storage = open_storage(declare(kind, server), environ={})
    id = TaskId(str(uuid4()))
    storage.store(TASK, FLOW, id, None, 1)

    os.kill(server.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: is_stopped(server.pid), "the server to hang")
        with pytest.raises(StorageError, match="cannot be reached"):
            storage.retrieve(TASK, FLOW, id)
    finally:
        os.kill(server.pid, signal.SIGCONT)

    assert storage.retrieve(TASK, FLOW, id) == 1
    storage.close()
