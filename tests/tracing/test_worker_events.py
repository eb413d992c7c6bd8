"""The events of workers and of storages: which there are, once each, with Selinon's details."""

from __future__ import annotations

from typing import Any

import pytest

from asyncflow.errors import MissingResultError
from asyncflow.model.flow import Cache, Configuration, Retries, Storage, Task, TaskKind
from asyncflow.model.names import FlowName, NodeName, TaskId
from asyncflow.storages import OpenStorages
from asyncflow_celery.execution import run
from asyncflow_celery.flow_task import Place, RetryRequested
from asyncflow_celery.local import Declared
from tests.tracing.recorded import Recorder

OWN = "tests.tracing.own_storages"
FLOW = FlowName("f")


def task(name: str, **more: Any) -> Task:
    return Task(name=NodeName(name), kind=TaskKind.FLOW, module="tests.tracing.flow_tasks", classname=name, **more)


def storage(name: str, classname: str, cache: Cache | None = None) -> Storage:
    return Storage(name=name, module=OWN, classname=classname, configuration=None, cache=cache)


class Traced:
    """A worker that has the given tasks, without Celery."""

    def __init__(self, *tasks: Task) -> None:
        self.recorder = Recorder()
        fifo = Cache(name="FIFO", module="asyncflow.storages.caches", options={"max_cache_size": 5})
        broken = Cache(name="BrokenCache", module=OWN)
        storages = [
            storage("Shelf", "Shelf"),
            storage("Errors", "ShelfOfErrors"),
            storage("Cached", "Shelf", fifo),
            storage("Torn", "Shelf", broken),
        ]
        by_name = {one.name: one for one in storages}
        self.storages = OpenStorages(by_name, environ={}, emit=self.recorder.emit)
        configuration = Configuration(tasks={one.name: one for one in tasks}, flows={}, storages=by_name)
        self.declared = Declared(configuration=configuration, storages=self.storages, tracer=self.recorder)  # type: ignore[arg-type]  # it emits, as a tracer does

    def run(self, name: str, **more: Any) -> Any:
        call = {"flow_name": "f", "task_name": name, "parent": None, "node_args": {"n": 1}, "dispatcher_id": "run-1"}
        return run(Place(declared=self.declared, attempt=2), {**call, **more}, f"id-{name}")


def test_a_task_is_told_from_its_start_over_its_result_to_its_end() -> None:
    worker = Traced(task("Give", storage="Shelf", storage_task_name="Given", queue="kitchen"))

    worker.run("Give")

    found = worker.recorder
    assert found.names == ["TASK_START", "STORAGE_CONNECT", "STORAGE_STORE", "TASK_END"]
    assert found.one("TASK_START") == {
        "flow_name": "f",
        "task_name": "Give",
        "task_id": "id-Give",
        "parent": None,
        "queue": "kitchen",
        "dispatcher_id": "run-1",
        "node_args": {"n": 1},
    }
    assert found.one("TASK_END")["storage"] == "Shelf"
    assert found.one("STORAGE_STORE")["record_id"] == "record id-Give"
    assert found.one("STORAGE_STORE")["storage_task_name"] == "Given"


def test_reading_a_result_is_told() -> None:
    worker = Traced(task("Give", storage="Shelf"), task("Take"))
    worker.run("Give")
    worker.recorder.events.clear()

    worker.run("Take", parent={"Give": "id-Give"})

    assert worker.recorder.names == ["TASK_START", "STORAGE_RETRIEVE", "TASK_END"]


def test_what_a_cache_has_and_has_not_is_told() -> None:
    worker = Traced(task("Give", storage="Cached"), task("Take"))
    worker.run("Give")
    worker.recorder.events.clear()

    worker.run("Take", parent={"Give": "id-Give"})
    worker.run("Take", parent={"Give": "id-Give"})

    first = ["TASK_RESULT_CACHE_GET", "TASK_RESULT_CACHE_MISS", "STORAGE_RETRIEVE", "TASK_RESULT_CACHE_ADD"]
    again = ["TASK_RESULT_CACHE_GET", "TASK_RESULT_CACHE_HIT"]
    assert worker.recorder.names == ["TASK_START", *first, "TASK_END", "TASK_START", *again, "TASK_END"]


def test_a_cache_that_breaks_is_told_and_does_no_harm() -> None:
    worker = Traced(task("Give", storage="Torn"), task("Take"))
    worker.run("Give")
    worker.recorder.events.clear()

    assert worker.run("Take", parent={"Give": "id-Give"}) == {"given": 1}

    issues = worker.recorder.of("TASK_RESULT_CACHE_ISSUE")
    assert [one["what"] for one in issues] == ["RuntimeError: torn", "RuntimeError: full"]


def test_a_task_that_asks_to_run_again_is_told_as_its_own_wish() -> None:
    worker = Traced(task("Again", retries=Retries(most=5)))

    with pytest.raises(RetryRequested):
        worker.run("Again")

    assert worker.recorder.names == ["TASK_START", "TASK_RETRY"]
    told = worker.recorder.one("TASK_RETRY")
    assert (told["retry_countdown"], told["retried_count"], told["user_retry"], told["max_retry"]) == (7, 1, True, 5)


def test_an_error_that_a_storage_keeps_is_told() -> None:
    worker = Traced(task("Fail", storage="Errors"))

    with pytest.raises(ValueError, match="burnt"):
        worker.run("Fail")

    assert worker.recorder.names == ["TASK_START", "STORAGE_CONNECT", "STORAGE_STORE_ERROR"]
    told = worker.recorder.one("STORAGE_STORE_ERROR")
    assert (told["error_type"], told["error_value"], told["record_id"]) == ("ValueError", "burnt", "error id-Fail")


def test_an_error_that_a_storage_cannot_keep_is_told() -> None:
    worker = Traced(task("Fail", storage="Shelf"))

    with pytest.raises(ValueError, match="burnt"):
        worker.run("Fail")

    assert worker.recorder.names[-1] == "STORAGE_OMIT_STORE_ERROR"


def test_a_result_that_nothing_keeps_is_told() -> None:
    worker = Traced(task("Give", storage="Shelf", storage_readonly=True))

    worker.run("Give")

    assert worker.recorder.names == ["TASK_START", "TASK_DISCARD_RESULT", "TASK_END"]
    assert worker.recorder.one("TASK_DISCARD_RESULT")["result"] == {"given": 1}


def test_a_storage_that_fails_is_told() -> None:
    worker = Traced(task("Give", storage="Shelf"))

    with pytest.raises(MissingResultError):
        worker.storages.named("Shelf").retrieve(task("Give"), FLOW, TaskId("unknown"))

    assert worker.recorder.names == ["STORAGE_RETRIEVE", "STORAGE_CONNECT", "STORAGE_ISSUE"]
    assert worker.recorder.one("STORAGE_ISSUE")["what"] == "FileNotFoundError: unknown"


def test_deleting_a_result_is_told_before_and_after() -> None:
    worker = Traced(task("Give", storage="Shelf"))
    worker.run("Give")
    worker.recorder.events.clear()

    worker.storages.named("Shelf").delete(task("Give"), FLOW, TaskId("id-Give"))

    assert worker.recorder.names == ["STORAGE_DELETE", "STORAGE_DELETED"]
