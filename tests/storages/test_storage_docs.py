"""docs/storages.md: what it shows is what works."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from asyncflow.config import load
from asyncflow.model.flow import Task, TaskKind
from asyncflow.model.names import FlowName, NodeName, TaskId
from asyncflow.predicates import BUILT_INS
from asyncflow.storages import DataStorage, OpenStorage, open_storage
from tests.servers import ROOT

PAGE = (ROOT / "docs/storages.md").read_text()
YAML = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(PYTHON,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
ENVIRON = {"HOME": "/tmp", "DINNER_PASSWORD": "secret"}

FILLER = {
    "tasks": "tasks: [{name: Cook, celery_task: tasks.cook}]\n",
    "flows": "flows: [dinner]\n",
    "flow-definitions": "flow-definitions: [{name: dinner, edges: [{from: [], to: %s}]}]\n",
}


def opened_from(yaml: str, folder: Path) -> list[OpenStorage]:
    """The storages of a configuration that is the given one, with what else it needs."""
    first = re.search(r"tasks:\n\s+- \{name: (\w+)", yaml)
    missing = [text for key, text in FILLER.items() if not re.search(rf"^{key}:", yaml, re.MULTILINE)]
    file = folder / "nodes.yaml"
    file.write_text(yaml + "".join(missing).replace("%s", first[1] if first else "Cook"))
    loaded = load([file], builtins=BUILT_INS, environ=ENVIRON)
    return [open_storage(each, environ=ENVIRON) for each in loaded.configuration.storages.values()]


@pytest.mark.parametrize("number", range(len(YAML)))
def test_every_configuration_makes_its_storage(number: int, tmp_path: Path, dinner: None):
    for storage in opened_from(YAML[number], tmp_path):
        assert isinstance(storage._make(), DataStorage)


def test_the_storage_that_is_shown_works(tmp_path: Path, dinner: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (storage,) = opened_from(YAML[-1], tmp_path)
    task = Task(name=NodeName("Cook"), kind=TaskKind.FLOW, storage=storage.name)

    storage.store(task, FlowName("dinner"), TaskId("1"), None, "pie")

    assert storage.retrieve(task, FlowName("dinner"), TaskId("1")) == "pie"
    storage.delete(task, FlowName("dinner"), TaskId("1"))


@pytest.fixture
def dinner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The page's module dinner/storages.py."""
    package = tmp_path / "dinner"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "storages.py").write_text(PYTHON)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("dinner", "dinner.storages"):
        sys.modules.pop(name, None)


def test_every_extra_that_is_named_is_one():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

    named = set(re.findall(r"asyncflow-dispatcher\[(\w+)\]", PAGE))

    assert named == {"redis", "postgresql", "mongodb", "s3"}
    assert named <= set(declared)


@pytest.mark.parametrize(
    ("module", "classname", "heading"),
    [
        ("redis", "_Settings", "Redis"),
        ("s3", "_Settings", "S3"),
        ("postgresql", "PostgreSQL", "PostgreSQL"),
        ("mongodb", "MongoDB", "MongoDB"),
        ("sqlite", "SQLite", "SQLite"),
        ("filesystem", "Filesystem", "Filesystem"),
        ("memory", "InMemoryStorage", "In memory"),
    ],
)
def test_every_key_of_a_storage_is_told(module: str, classname: str, heading: str):
    found = getattr(importlib.import_module(f"asyncflow.storages.{module}"), classname)
    section = PAGE.partition(f"\n### {heading}\n")[2].partition("\n##")[0]

    keys = set(inspect.signature(found).parameters) - {"connection_pool"}  # an object, which YAML cannot say

    assert {key for key in keys if not re.search(rf"\b{key}\b", section)} == set()
