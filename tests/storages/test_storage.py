"""What every storage does, whatever it keeps results in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from asyncflow.errors import MissingResultError
from asyncflow.model.flow import Task, TaskKind
from asyncflow.model.names import FlowName, NodeName, TaskId
from asyncflow.storages import OpenStorage

FLOW = FlowName("dinner")
TASK = Task(name=NodeName("BuyEggs"), kind=TaskKind.FLOW, storage="Results")


def drawn_id() -> TaskId:
    return TaskId(str(uuid4()))


@pytest.mark.parametrize(
    "result",
    [
        {"eggs": 12, "farm": {"hens": ["Berta", "Frieda"], "open": True}, "price": 3.5, "note": None},
        [],
        "Grüße, 世界 🥚",
        0,
        False,
        None,
    ],
)
def test_a_result_comes_back_as_it_was(storage: OpenStorage, result):
    id = drawn_id()

    storage.store(TASK, FLOW, id, {"guests": 4}, result)

    assert storage.retrieve(TASK, FLOW, id) == result


def test_results_of_one_task_are_kept_apart_by_id(storage: OpenStorage):
    ids = [drawn_id() for _ in range(3)]

    for number, id in enumerate(ids):
        storage.store(TASK, FLOW, id, None, number)

    assert [storage.retrieve(TASK, FLOW, id) for id in ids] == [0, 1, 2]


def test_storing_again_under_the_same_id_replaces_the_result(storage: OpenStorage):
    id = drawn_id()
    storage.store(TASK, FLOW, id, None, "first")
    storage.store(TASK, FLOW, id, None, "second")

    assert storage.retrieve(TASK, FLOW, id) == "second"


def test_a_result_that_is_not_there_is_missing(storage: OpenStorage):
    id = drawn_id()

    with pytest.raises(MissingResultError, match=f"'Results' has no result of task 'BuyEggs' in flow 'dinner'.*{id}"):
        storage.retrieve(TASK, FLOW, id)


def test_a_deleted_result_is_missing(storage: OpenStorage):
    id = drawn_id()
    storage.store(TASK, FLOW, id, None, 1)

    storage.delete(TASK, FLOW, id)

    with pytest.raises(MissingResultError):
        storage.retrieve(TASK, FLOW, id)


def test_deleting_what_is_not_there_says_so(storage: OpenStorage):
    with pytest.raises(MissingResultError):
        storage.delete(TASK, FLOW, drawn_id())


def test_a_result_under_a_storage_task_name_can_be_read_and_deleted(storage: OpenStorage):
    id = drawn_id()
    alias = Task(name=TASK.name, kind=TaskKind.FLOW, storage="Results", storage_task_name="Eggs")
    storage.store(alias, FLOW, id, None, "aliased")

    assert storage.retrieve(alias, FLOW, id) == "aliased"
    storage.delete(alias, FLOW, id)
    with pytest.raises(MissingResultError):
        storage.retrieve(alias, FLOW, id)


def test_a_task_that_only_reads_its_storage_stores_nothing(storage: OpenStorage):
    id = drawn_id()
    reader = Task(name=TASK.name, kind=TaskKind.FLOW, storage="Results", storage_readonly=True)

    storage.store(reader, FLOW, id, None, 1)

    with pytest.raises(MissingResultError):
        storage.retrieve(reader, FLOW, id)


def test_errors_are_not_kept(storage: OpenStorage):
    failure = ValueError("no eggs")

    with pytest.raises(NotImplementedError):
        storage.store_error(TASK, FLOW, drawn_id(), None, (ValueError, failure, None))


def test_it_connects_again_after_it_was_closed(storage: OpenStorage):
    id = drawn_id()
    storage.store(TASK, FLOW, id, None, 1)

    storage.close()

    assert storage.retrieve(TASK, FLOW, id) == 1


def test_many_threads_may_use_it_at_once(storage: OpenStorage):
    def store_and_read(number: int) -> int:
        id = drawn_id()
        storage.store(TASK, FLOW, id, None, number)
        return storage.retrieve(TASK, FLOW, id)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(store_and_read, range(40))) == list(range(40))
