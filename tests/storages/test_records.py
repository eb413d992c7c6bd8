"""What is written where: the shapes that Selinon wrote, so that its data stays readable."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import boto3
import psycopg
import pymongo
import pytest
import redis

from asyncflow.errors import StorageError
from asyncflow.model.flow import Storage, Task, TaskKind
from asyncflow.model.names import FlowName, NodeName, TaskId
from asyncflow.storages import open_storage
from asyncflow.storages.filesystem import Filesystem
from asyncflow.storages.postgresql import PostgreSQL
from asyncflow.storages.s3 import S3
from tests.servers import RedisServer
from tests.storage_servers import MongoServer, PostgresServer, S3Server
from tests.storages.declarations import declare

FLOW = FlowName("dinner")
TASK = Task(name=NodeName("BuyEggs"), kind=TaskKind.FLOW, storage="Results", storage_task_name="Eggs")
RECORD = {
    "node_args": {"guests": 4},
    "flow_name": "dinner",
    "task_name": "Eggs",
    "result": {"eggs": [1, 2.5, None, "é"], "big": 2**70},
}

# What SQLAlchemy 1.x makes of Selinon's model.
SELINON_TABLE = """
CREATE SEQUENCE result_id;
CREATE TABLE result (
    id INTEGER NOT NULL,
    flow_name VARCHAR(128),
    task_name VARCHAR(128),
    task_id VARCHAR(255),
    result JSONB,
    node_args JSONB,
    PRIMARY KEY (id),
    UNIQUE (task_id)
);
"""


def stored_by(storage: Storage, record=RECORD) -> TaskId:
    id = TaskId(str(uuid4()))
    opened = open_storage(storage, environ={})
    opened.store(TASK, FLOW, id, record["node_args"], record["result"])
    opened.close()
    return id


def read_by(storage: Storage, id: str):
    opened = open_storage(storage, environ={})
    try:
        return opened.retrieve(TASK, FLOW, TaskId(id))
    finally:
        opened.close()


def test_redis_has_a_record_as_json_under_the_task_id(redis_server: RedisServer):
    storage = declare("redis", redis_server)
    with redis.Redis(port=redis_server.port) as client:
        id = stored_by(storage)
        assert json.loads(client.get(id)) == {**RECORD, "task_id": id}
        assert client.ttl(id) == -1

        client.set("of-selinon", json.dumps({**RECORD, "task_id": "of-selinon"}))
    assert read_by(storage, "of-selinon") == RECORD["result"]


def test_redis_forgets_records_after_a_while_where_asked_to(redis_server: RedisServer):
    plain = declare("redis", redis_server)
    expiring = Storage(
        name="Results",
        module=plain.module,
        classname=plain.classname,
        configuration={**plain.configuration, "expires": 1000},
    )
    with redis.Redis(port=redis_server.port) as client:
        assert 990 < client.ttl(stored_by(expiring)) <= 1000


def test_mongodb_has_a_document_per_task(mongodb: MongoServer):
    storage = declare("mongodb", mongodb)
    record = {**RECORD, "result": {"eggs": 12}}
    with pymongo.MongoClient("127.0.0.1", mongodb.port) as client:
        documents = client["results"][storage.configuration["collection_name"]]
        id = stored_by(storage, record)
        assert documents.find_one({"task_id": id}, {"_id": 0}) == {**record, "task_id": id}

        documents.insert_one({**record, "task_id": "of-selinon"})
    assert read_by(storage, "of-selinon") == {"eggs": 12}


def test_the_filesystem_has_the_result_alone(tmp_path: Path):
    storage = declare("filesystem", tmp_path)
    id = stored_by(storage)
    file = tmp_path / "dinner" / "Eggs" / f"{id}.json"

    assert json.loads(file.read_text()) == RECORD["result"]
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    assert file.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask() -> int:
    return int(re.search(r"Umask:\s*(\d+)", Path("/proc/self/status").read_text())[1], 8)


@pytest.mark.parametrize("id", ["../../etc/passwd", "..", "", "a/b", "a\0b"])
def test_no_id_leads_out_of_the_folder(tmp_path: Path, id: str):
    files = Filesystem(str(tmp_path / "results"))

    with pytest.raises(ValueError, match="cannot be part of a file's name"):
        files.store(None, "dinner", "Eggs", id, 1)
    assert list(tmp_path.rglob("*")) == []


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path):
    files = Filesystem(str(tmp_path))
    files.store(None, "dinner", "Eggs", "1", "old")

    with pytest.raises(TypeError):
        files.store(None, "dinner", "Eggs", "1", object())

    assert files.retrieve("dinner", "Eggs", "1") == "old"


def test_a_write_that_fails_leaves_nothing_else_behind(tmp_path: Path):
    in_the_way = tmp_path / "dinner" / "Eggs" / "1.json"
    in_the_way.mkdir(parents=True)

    with pytest.raises(IsADirectoryError):
        Filesystem(str(tmp_path)).store(None, "dinner", "Eggs", "1", "new")

    assert [each.name for each in in_the_way.parent.iterdir()] == ["1.json"]


def test_s3_has_the_result_alone_under_the_task_id(s3: S3Server):
    storage = declare("s3", s3)
    id = stored_by(storage)

    assert json.loads(body(s3, storage.configuration["bucket"], id)) == RECORD["result"]


def test_s3_keeps_bytes_as_they_are_where_results_are_no_json(s3: S3Server):
    declared = declare("s3", s3).configuration
    storage = S3(**{**declared, "serialize_json": "false", "location": "eu-west-1", "region_name": "eu-west-1"})
    storage.connect()

    storage.store(None, "dinner", "Eggs", "1", b"\x00\xff")
    storage.store(None, "dinner", "Eggs", "2", "é")

    assert storage.retrieve("dinner", "Eggs", "1") == b"\x00\xff"
    assert storage.retrieve("dinner", "Eggs", "2") == "é".encode()
    with pytest.raises(TypeError, match="serialize_json: true"):
        storage.store(None, "dinner", "Eggs", "3", {"eggs": 12})


def body(s3: S3Server, bucket: str, key: str) -> bytes:
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=s3.url, **keys)
    try:
        return client.get_object(Bucket=bucket, Key=key)["Body"].read()
    finally:
        client.close()


@pytest.fixture
def database(postgresql: PostgresServer) -> str:
    """The address of a database that is not there yet."""
    return postgresql.url(f"d{uuid4().hex}")


def test_postgresql_has_a_row_per_task_in_a_database_that_is_made(database: str):
    id = stored_by(
        Storage(name="R", module="selinon.storages.postgresql", classname="PostgreSQL", configuration=database)
    )

    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT flow_name, task_name, task_id, result, node_args FROM result").fetchall()
    assert rows == [("dinner", "Eggs", id, RECORD["result"], RECORD["node_args"])]


def test_postgresql_takes_the_table_that_selinon_left(postgresql: PostgresServer, database: str):
    with psycopg.connect(postgresql.url(), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {database.rpartition('/')[2]}")
    with psycopg.connect(database) as connection:
        connection.execute(SELINON_TABLE)
        connection.execute(
            "INSERT INTO result VALUES (nextval('result_id'), 'dinner', 'Eggs', 'of-selinon', '[12]', 'null')"
        )
    storage = PostgreSQL(database.replace("postgresql://", "postgres://"), encoding="utf-8", echo=False)
    storage.connect()

    assert storage.retrieve("dinner", "Eggs", "of-selinon") == [12]
    assert storage.store({}, "dinner", "Eggs", "ours", [13]) == 2
    assert storage.retrieve("dinner", "Eggs", "ours") == [13]
    storage.disconnect()


def test_postgresql_needs_no_right_to_make_tables_that_are_there(postgresql: PostgresServer, database: str):
    PostgreSQL(database).connect()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE ROLE clerk LOGIN")
        connection.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON result TO clerk")
        connection.execute("GRANT USAGE ON SEQUENCE result_id TO clerk")
    storage = PostgreSQL(database.replace("postgres@", "clerk@"))
    storage.connect()

    storage.store({}, "dinner", "Eggs", "1", 12)

    assert storage.retrieve("dinner", "Eggs", "1") == 12
    storage.disconnect()


def test_processes_that_make_the_same_table_at_once_all_succeed(database: str):
    storages = [PostgreSQL(database) for _ in range(6)]

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda each: each.connect(), storages))

    for each in storages:
        each.disconnect()


def test_a_statement_that_waits_too_long_is_given_up(database: str):
    configuration = {"connection_string": database, "timeout": 1}
    storage = open_storage(
        Storage(name="R", module="selinon.storages.postgresql", classname="PostgreSQL", configuration=configuration),
        environ={},
    )
    storage.store(TASK, FLOW, TaskId("1"), None, 1)

    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE result IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StorageError, match="timeout"):
            storage.retrieve(TASK, FLOW, TaskId("1"))

    assert storage.retrieve(TASK, FLOW, TaskId("1")) == 1
    storage.close()


@pytest.mark.parametrize("password", ["wrong", "p@ss%20word"])
def test_the_password_is_in_no_message(postgresql: PostgresServer, password: str):
    address = f"postgresql+psycopg2://nobody:{password.replace('@', '%40')}@127.0.0.1:{postgresql.port}/results"
    storage = open_storage(
        Storage(name="R", module="selinon.storages.postgresql", classname="PostgreSQL", configuration=address),
        environ={},
    )

    with pytest.raises(StorageError) as caught:
        storage.retrieve(TASK, FLOW, TaskId("1"))

    assert "nobody" in str(caught.value)
    assert password not in str(caught.value)
