"""From what the YAML says to a storage, and what is said when it is wrong."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from asyncflow.errors import ConfigurationError
from asyncflow.model.flow import Cache, Storage, Task, TaskKind
from asyncflow.model.names import FlowName, NodeName, TaskId
from asyncflow.storages import DataStorage, open_storage
from asyncflow.storages.memory import InMemoryStorage

OWN = "tests.storages.own_storages"
FLOW = FlowName("dinner")
ID = TaskId("1")
TASK = Task(name=NodeName("BuyEggs"), kind=TaskKind.FLOW, storage="Results")


def declared(module: str, classname: str, configuration, cache: Cache | None = None) -> Storage:
    return Storage(name="Results", module=module, classname=classname, configuration=configuration, cache=cache)


def problem(storage: Storage, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        open_storage(storage, environ=environ or {}).instance()
    return str(caught.value)


@pytest.mark.parametrize(
    ("module", "classname", "configuration", "found"),
    [
        ("selinon.storages.memory", "InMemoryStorage", {"echo": False}, "memory.InMemoryStorage"),
        ("selinon.storages.filesystem", "Filesystem", {"path": "/tmp"}, "filesystem.Filesystem"),
        ("asyncflow.storages.filesystem", "Filesystem", "/tmp", "filesystem.Filesystem"),
        ("selinon.storages.redis", "Redis", {"host": "redis", "db": "1", "charset": "utf-8"}, "redis.Redis"),
        ("selinon.storages.mongo", "MongoStorage", {"db_name": "a", "collection_name": "b"}, "mongodb.MongoDB"),
        ("selinon.storages.sqlStorage", "SqlStorage", {"connection_string": "postgres://a/b"}, "postgresql.PostgreSQL"),
        ("selinon.storages.postgresql", "PostgreSQL", "postgresql+psycopg2://a/b", "postgresql.PostgreSQL"),
        ("selinon.storages.s3", "S3", {"bucket": "b", "use_ssl": "{SSL}"}, "s3.S3"),
    ],
)
def test_the_names_of_selinon_mean_our_classes(module, classname, configuration, found):
    made = open_storage(declared(module, classname, configuration), environ={"SSL": "no"})._make()

    assert isinstance(made, DataStorage)
    assert f"{type(made).__module__}.{type(made).__qualname__}" == f"asyncflow.storages.{found}"


def test_an_object_becomes_keyword_arguments_and_anything_else_the_one_argument():
    by_name = open_storage(declared(OWN, "Plain", {"place": "here", "colour": "blue"}), environ={}).instance()
    alone = open_storage(declared(OWN, "Plain", ["some", "where"]), environ={}).instance()

    assert (by_name.place, by_name.colour) == ("here", "blue")
    assert (alone.place, alone.colour) == (["some", "where"], "red")


def test_environment_variables_are_expanded_in_our_storages(tmp_path: Path):
    environ = {"ROOT": str(tmp_path), "STAGE": "test"}
    storage = open_storage(
        declared("selinon.storages.filesystem", "Filesystem", {"path": "{ROOT}/{{x}}/{STAGE}"}), environ=environ
    )

    storage.store(TASK, FLOW, ID, None, 1)

    assert (tmp_path / "{x}" / "test" / "dinner" / "BuyEggs" / "1.json").read_text() == "1"


def test_storages_of_users_get_their_configuration_as_it_is_written():
    made = open_storage(declared(OWN, "Plain", {"place": "{BUCKET}/{task_id}"}), environ={"BUCKET": "b"}).instance()

    assert made.place == "{BUCKET}/{task_id}"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("{NOWHERE}/x", "F207.*storage `Results`, `configuration`, `path`.*`NOWHERE` is not set"),
        ("{0}", "F208.*`{0}` is no environment variable"),
        ("secret{", "F208.*`path` has a stray brace"),
    ],
)
def test_a_variable_that_is_not_there_is_a_configuration_error(path, said):
    message = problem(declared("asyncflow.storages.filesystem", "Filesystem", {"path": path}))

    assert re.search(said, message)
    assert "secret" not in message


def test_a_module_that_cannot_be_imported_is_a_configuration_error():
    message = problem(declared("myapp.nowhere", "Results", {"a": 1}))

    assert "storage `Results`: cannot import `myapp.nowhere`: No module named 'myapp'" in message
    assert "PYTHONPATH" in message


def test_a_class_that_is_not_there_is_a_configuration_error():
    assert "has no class `Nothing`" in problem(declared(OWN, "Nothing", {"a": 1}))


def test_a_missing_driver_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "asyncflow.storages.postgresql", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)

    message = problem(declared("selinon.storages.postgresql", "PostgreSQL", {"connection_string": "postgresql://"}))

    assert "pip install 'asyncflow-dispatcher[postgresql]'" in message


@pytest.mark.parametrize(
    ("module", "classname", "configuration", "said"),
    [
        ("selinon.storages.redis", "Redis", {"hots": "redis"}, "hots"),
        ("selinon.storages.s3", "S3", {"bucket": "b", "use_ssl": "maybe"}, "`use_ssl` must be true or false"),
        ("selinon.storages.memory", "InMemoryStorage", {"echo": "paper"}, "`echo` must be"),
        ("selinon.storages.memory", "InMemoryStorage", {"json": True}, "set `echo`"),
        (OWN, "Plain", {"colour": "red"}, "place"),
    ],
)
def test_a_configuration_that_a_class_refuses_is_a_configuration_error(module, classname, configuration, said):
    message = problem(declared(module, classname, configuration))

    assert "storage `Results` cannot be made with its `configuration`" in message
    assert said in message


def test_a_cache_that_cannot_be_made_is_a_configuration_error():
    cache = Cache(name="LRU", module="selinon.caches", options={"max_cache_size": -1})

    message = problem(declared("selinon.storages.memory", "InMemoryStorage", {"echo": False}, cache))

    assert "cache `LRU`" in message
    assert "0 or more" in message


def test_an_in_memory_storage_shows_what_passes_through_it_where_asked_to(capsys: pytest.CaptureFixture[str]):
    storage = InMemoryStorage(echo="stderr", json=True)

    storage.store(None, "dinner", "BuyEggs", "1", {"eggs": 12})
    storage.retrieve("dinner", "BuyEggs", "1")

    shown = capsys.readouterr()
    assert shown.out == ""
    assert '"task_name": "BuyEggs"' in shown.err
    assert shown.err.endswith('{\n  "eggs": 12\n}\n')
