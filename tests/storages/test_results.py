"""The dispatcher's way to storages: off the event loop, and one that hangs stalls no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from asyncflow.errors import BrokenStorageError, ConfigurationError, MissingResultError, StorageError
from asyncflow.model.flow import Configuration, Storage, Task, TaskKind
from asyncflow.model.names import FlowName, NodeName, TaskId
from asyncflow.storages import StorageResults

FLOW = FlowName("dinner")
ID = TaskId("1")


def task(storage: str) -> Task:
    return Task(name=NodeName("BuyEggs"), kind=TaskKind.FLOW, storage=storage)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    made = threading.Event()
    yield made
    made.set()


@pytest.fixture
def configuration(tmp_path: Path, gate: threading.Event) -> Configuration:
    files = Storage(
        name="Files",
        module="selinon.storages.filesystem",
        classname="Filesystem",
        configuration={"path": str(tmp_path / "{STAGE}")},
    )
    hanging = Storage(
        name="Hanging", module="tests.storages.own_storages", classname="Hanging", configuration={"gate": gate}
    )
    missing = Storage(name="Missing", module="myapp.nowhere", classname="Missing", configuration={"a": 1})
    failing = Storage(
        name="Failing",
        module="tests.storages.own_storages",
        classname="Failing",
        configuration={"dead": True, "error": "ValueError"},
    )
    return Configuration(tasks={}, flows={}, storages={each.name: each for each in (files, hanging, missing, failing)})


def opened(configuration: Configuration, seconds: float = 30.0, threads: int = 8) -> StorageResults:
    return StorageResults(configuration, environ={"STAGE": "test"}, timeout=seconds, threads=threads)


async def test_a_stored_result_is_retrieved(configuration: Configuration, tmp_path: Path):
    results = opened(configuration)

    await results.store(FLOW, task("Files"), ID, {"guests": 4}, {"eggs": 12})

    assert await results.retrieve(FLOW, task("Files"), ID) == {"eggs": 12}
    assert (tmp_path / "test/dinner/BuyEggs/1.json").exists()
    await results.close()


async def test_a_missing_result_is_said_to_be_missing(configuration: Configuration):
    with pytest.raises(MissingResultError):
        await opened(configuration).retrieve(FLOW, task("Files"), ID)


async def test_a_storage_that_cannot_be_imported_is_told_when_it_is_used(configuration: Configuration):
    results = opened(configuration)

    with pytest.raises(ConfigurationError, match=r"myapp\.nowhere"):
        await results.retrieve(FLOW, task("Missing"), ID)


async def test_what_else_a_storage_raises_is_no_reason_to_wait(configuration: Configuration):
    results = opened(configuration)

    with pytest.raises(BrokenStorageError, match="storage 'Failing' failed: ValueError: server closed"):
        await results.retrieve(FLOW, task("Failing"), ID)
    with pytest.raises(BrokenStorageError, match="storage 'Files' failed: TypeError: "):
        await results.store(FLOW, task("Files"), ID, None, object())


async def test_a_storage_that_hangs_is_given_up_and_stalls_no_other(configuration: Configuration):
    results = opened(configuration, seconds=0.2, threads=2)
    given_up: list[str] = []

    async def ask_hanging() -> None:
        with pytest.raises(StorageError) as caught:
            await results.retrieve(FLOW, task("Hanging"), ID)
        given_up.append(str(caught.value))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(ask_hanging)
        began = time.monotonic()
        await results.store(FLOW, task("Files"), ID, None, 1)
        assert await results.retrieve(FLOW, task("Files"), ID) == 1
        assert time.monotonic() - began < 0.2

    assert given_up == ["storage 'Hanging' did not answer within 0.2 s"] * 10


async def test_a_storage_that_hangs_takes_no_more_threads_than_it_may(configuration: Configuration):
    results = opened(configuration, seconds=0.05, threads=2)

    for _ in range(6):
        with pytest.raises(StorageError):
            await results.retrieve(FLOW, task("Hanging"), ID)

    assert results.storages.named("Hanging").instance().entered == 2


async def test_a_storage_that_hung_serves_again_when_it_answers(configuration: Configuration, gate: threading.Event):
    results = opened(configuration, seconds=0.05, threads=1)
    with pytest.raises(StorageError):
        await results.retrieve(FLOW, task("Hanging"), ID)

    gate.set()

    patient = time.monotonic() + 10
    while True:
        try:
            assert await results.retrieve(FLOW, task("Hanging"), ID) == "at last"
            break
        except StorageError:
            assert time.monotonic() < patient


async def test_closing_does_not_wait_for_a_storage_that_hangs(configuration: Configuration):
    results = opened(configuration, seconds=0.05, threads=1)
    with pytest.raises(StorageError):
        await results.retrieve(FLOW, task("Hanging"), ID)

    with anyio.fail_after(5):
        await results.close()


async def test_reading_from_several_tasks_at_once_is_not_in_turn(configuration: Configuration, gate: threading.Event):
    results = opened(configuration, threads=4)
    found: list[str] = []

    async def ask() -> None:
        found.append(await results.retrieve(FLOW, task("Hanging"), ID))

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(ask)
        with anyio.fail_after(10):
            while results.storages.named("Hanging").instance().entered < 4:
                await anyio.sleep(0.01)
        gate.set()

    assert found == ["at last"] * 4
