"""A storage of each kind, as the YAML declares it."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from asyncflow.model.flow import Storage
from tests.servers import RedisServer, Server
from tests.storage_servers import MongoServer, PostgresServer, S3Server

KINDS = ("memory", "filesystem", "sqlite", "redis", "postgresql", "mongodb", "s3")


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
            configuration = {"host": "127.0.0.1", "port": str(server.port), "charset": "utf-8", "socket_timeout": 1}
        case "postgresql", PostgresServer():
            module, classname = "selinon.storages.postgresql", "PostgreSQL"
            address = server.url("results").replace("postgresql://", "postgresql+psycopg2://")
            configuration = {"connection_string": address, "timeout": 5}
        case "mongodb", MongoServer():
            module, classname = "selinon.storages.mongodb", "MongoDB"
            configuration = {"db_name": "results", "collection_name": f"c{uuid4().hex}", "host": "127.0.0.1"}
            configuration |= {"port": server.port, "timeout": 1}
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
                "timeout": 1,
            }
        case _:
            raise ValueError(kind)
    return Storage(name="Results", module=module, classname=classname, configuration=configuration)
