"""Every storage adapter, on a server of its own kind, for the suite that all of them pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asyncflow.model.flow import Storage
from asyncflow.storages import OpenStorage, open_storage
from tests.storage_servers import MongoServer, S3Server, open_folder
from tests.storages.declarations import KINDS, declare


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with open_folder() as folder, S3Server(folder) as server:
        yield server


@pytest.fixture(scope="session")
def mongodb() -> Iterator[MongoServer]:
    with open_folder() as folder, MongoServer(folder) as server:
        yield server


@pytest.fixture(params=KINDS)
def declared(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Each kind of storage in turn."""
    kind = request.param
    if kind in ("memory", "filesystem", "sqlite"):
        return declare(kind, tmp_path)
    return declare(kind, request.getfixturevalue("redis_server" if kind == "redis" else kind))


@pytest.fixture
def storage(declared: Storage) -> Iterator[OpenStorage]:
    opened = open_storage(declared, environ={})
    yield opened
    opened.close()
