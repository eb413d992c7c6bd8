"""Storages of users: any class with the methods will do, also with `async def` ones."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from asyncflow.errors import MissingResultError, StorageError
from asyncflow.model.flow import Storage, Task, TaskKind
from asyncflow.model.names import FlowName, NodeName, TaskId
from asyncflow.storages import OpenStorage, open_storage

FLOW = FlowName("dinner")
ID = TaskId("1")
TASK = Task(name=NodeName("BuyEggs"), kind=TaskKind.FLOW, storage="Results", storage_task_name="Eggs")


def own(classname: str, **configuration) -> OpenStorage:
    storage = Storage(
        name="Results", module="tests.storages.own_storages", classname=classname, configuration=configuration
    )
    return open_storage(storage, environ={})


def test_a_class_that_inherits_nothing_gets_what_selinon_would_pass():
    storage = own("Plain", place="here")
    failure = ValueError("no eggs")

    assert storage.store(TASK, FLOW, ID, {"guests": 4}, [12]) == "record of 1"
    assert storage.retrieve(TASK, FLOW, ID) == [12]
    assert storage.store_error(TASK, FLOW, ID, {"guests": 4}, (ValueError, failure, None)) == "error record"
    assert storage.instance().told == [
        ("store", {"guests": 4}, "dinner", "Eggs", "1", [12]),
        ("retrieve", "dinner", "Eggs", "1"),
        ("store_error", {"guests": 4}, "dinner", "Eggs", "1", failure),
    ]


def test_a_class_that_cannot_delete_says_so():
    with pytest.raises(NotImplementedError, match="'Results' cannot delete"):
        own("Plain", place="here").delete(TASK, FLOW, ID)


def test_a_class_that_does_not_say_it_is_thread_safe_is_called_by_one_thread_at_a_time():
    storage = own("Plain", place="here")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: storage.store(TASK, FLOW, TaskId(str(number)), None, number), range(40)))

    plain = storage.instance()
    assert len(plain.told) == 40
    assert not plain.overlapped


def test_coroutine_methods_run_on_one_event_loop_for_all_threads():
    storage = own("Async")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: storage.store(TASK, FLOW, TaskId(str(number)), None, number), range(40)))
        found = list(threads.map(lambda number: storage.retrieve(TASK, FLOW, TaskId(str(number))), range(40)))

    assert found == list(range(40))
    with pytest.raises(MissingResultError):
        storage.retrieve(TASK, FLOW, TaskId("none"))
    storage.close()


def test_coroutine_methods_may_be_used_where_an_event_loop_runs_already():
    async def task():
        storage = own("Async")
        storage.store(TASK, FLOW, ID, None, "eggs")
        return storage.retrieve(TASK, FLOW, ID)

    assert asyncio.run(task()) == "eggs"


def test_a_call_that_fails_is_made_once_more_on_a_new_connection():
    storage = own("Failing", lasts=2)

    assert [storage.retrieve(TASK, FLOW, ID) for _ in range(5)] == ["result"] * 5

    failing = storage.instance()
    assert (failing.connected, failing.disconnected) == (3, 2)


def test_a_call_that_fails_twice_is_a_storage_error():
    storage = own("Failing", dead=True)

    with pytest.raises(StorageError, match="'Results' cannot be reached: OperationalError: server closed"):
        storage.retrieve(TASK, FLOW, ID)

    assert storage.instance().connected == 2


def test_an_error_that_waiting_does_not_mend_is_raised_at_once_as_it_is():
    storage = own("Failing", dead=True, error="ValueError")

    with pytest.raises(ValueError, match="server closed"):
        storage.retrieve(TASK, FLOW, ID)

    assert storage.instance().connected == 1


def test_threads_that_fail_together_open_one_new_connection():
    storage = own("Shared", threads=4)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: storage.retrieve(TASK, FLOW, ID), range(4))) == ["result"] * 4

    assert storage.instance().connected == 2
