"""Every storage adapter, for the suite that all of them pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asyncflow.model.flow import Storage
from asyncflow.storages import OpenStorage, open_storage


@pytest.fixture(params=["memory", "filesystem"])
def declared(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """A storage as the YAML declares it."""
    match request.param:
        case "memory":
            classname, configuration = "InMemoryStorage", {"echo": False}
        case "filesystem":
            classname, configuration = "Filesystem", {"path": str(tmp_path)}
    module = f"selinon.storages.{request.param}"
    return Storage(name="Results", module=module, classname=classname, configuration=configuration)


@pytest.fixture
def storage(declared: Storage) -> Iterator[OpenStorage]:
    opened = open_storage(declared, environ={})
    yield opened
    opened.close()
