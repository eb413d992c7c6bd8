"""Every storage adapter, on a server of its own kind, for the suite that all of them pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from asyncflow.model.flow import Storage
from asyncflow.storages import OpenStorage, open_storage
from tests.servers import RedisServer, Server
from tests.storage_servers import MongoServer, PostgresServer, S3Server, open_folder

KINDS = ("memory", "filesystem", "sqlite", "redis", "postgresql", "mongodb", "s3")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    with open_folder() as folder, PostgresServer(folder) as server:
        yield server


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with open_folder() as folder, S3Server(folder) as server:
        yield server


@pytest.fixture(scope="session")
def mongodb() -> Iterator[MongoServer]:
    with open_folder() as folder, MongoServer(folder) as server:
        yield server


def declare(kind: str, server: Server | Path) -> Storage:
    """A storage as the YAML declares it, on a server or in a folder."""
    match kind, server:
        case "memory", _:
            module, classname, configuration = "selinon.storages.memory", "InMemoryStorage", {"echo": False}
        case "filesystem", Path():
            module, classname, configuration = "selinon.storages.filesystem", "Filesystem", {"path": str(server)}
        case "sqlite", Path():
            module, classname, configuration = (
                "asyncflow.storages.sqlite",
                "SQLite",
                {"path": str(server / "results.db")},
            )
        case "redis", RedisServer():
            module, classname = "selinon.storages.redis", "Redis"
            configuration = {"host": "127.0.0.1", "port": str(server.port), "charset": "utf-8", "socket_timeout": 2}
        case "postgresql", PostgresServer():
            module, classname = "selinon.storages.postgresql", "PostgreSQL"
            address = server.url("results").replace("postgresql://", "postgresql+psycopg2://")
            configuration = {"connection_string": address, "timeout": 5}
        case "mongodb", MongoServer():
            module, classname = "selinon.storages.mongodb", "MongoDB"
            configuration = {"db_name": "results", "collection_name": f"c{uuid4().hex}", "host": "127.0.0.1"}
            configuration |= {"port": server.port, "timeout": 2}
        case "s3", S3Server():
            module, classname = "selinon.storages.s3", "S3"
            configuration = {
                "bucket": f"b{uuid4().hex}",
                "endpoint_url": server.url,
                "use_ssl": "false",
                "aws_access_key_id": "key",
                "aws_secret_access_key": "secret",
                "region_name": "us-east-1",
                "serialize_json": True,
                "timeout": 2,
            }
        case _:
            raise ValueError(kind)
    return Storage(name="Results", module=module, classname=classname, configuration=configuration)


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
