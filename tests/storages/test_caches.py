"""Caches of results: what they drop, and that they never disturb."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from asyncflow.errors import CacheMissError
from asyncflow.model.flow import Cache, Storage, Task, TaskKind
from asyncflow.model.names import FlowName, NodeName, TaskId
from asyncflow.storages import OpenStorage, caches, open_storage

FLOW = FlowName("dinner")
ID = TaskId("1")
TASK = Task(name=NodeName("BuyEggs"), kind=TaskKind.FLOW, storage="Results", storage_task_name="Eggs")
EVERY = (caches.FIFO, caches.LIFO, caches.LRU, caches.MRU, caches.RR)


def kept_after(kind: type[caches.Cache], size: int, steps: str) -> set[str]:
    """What is left: `+a` adds a, `?a` gets it."""
    cache = kind(max_cache_size=size)
    for step in steps.split():
        if step[0] == "+":
            cache.add(step[1:], step)
        else:
            assert cache.get(step[1:]) == "+" + step[1:]
    return {item for item in "abcdef" if has(cache, item)}


def has(cache: caches.Cache, item: str) -> bool:
    try:
        cache.get(item)
    except CacheMissError:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "steps", "kept"),
    [
        (caches.FIFO, "+a +b +c ?a +d", {"b", "c", "d"}),
        (caches.FIFO, "+a +b +c +a +d +e", {"c", "d", "e"}),
        (caches.LIFO, "+a +b +c ?a +d", {"a", "b", "d"}),
        (caches.LIFO, "+a +b +c +d +e", {"a", "b", "e"}),
        (caches.LRU, "+a +b +c ?a +d", {"a", "c", "d"}),
        (caches.LRU, "+a +b +c ?a ?b ?c +d +e", {"c", "d", "e"}),
        (caches.MRU, "+a +b +c ?a +d", {"b", "c", "d"}),
        (caches.MRU, "+a +b +c ?b ?a +d +e", {"b", "c", "e"}),
    ],
)
def test_a_full_cache_drops_by_its_policy(kind, steps, kept):
    assert kept_after(kind, 3, steps) == kept


def test_a_random_cache_drops_one_of_those_it_has():
    kept = kept_after(caches.RR, 3, "+a +b +c +d")

    assert len(kept) == 3
    assert "d" in kept


@pytest.mark.parametrize("kind", EVERY)
def test_a_cache_of_no_size_keeps_nothing(kind: type[caches.Cache]):
    assert kept_after(kind, 0, "+a +b") == set()


@pytest.mark.parametrize("kind", EVERY)
def test_a_cache_of_one_holds_the_last(kind: type[caches.Cache]):
    assert kept_after(kind, 1, "+a +b +c") == {"c"}


@pytest.mark.parametrize("kind", EVERY)
def test_adding_what_is_there_changes_nothing(kind: type[caches.Cache]):
    cache = kind(max_cache_size=2)
    cache.add("a", "first")
    cache.add("a", "second")

    assert cache.get("a") == "first"


@pytest.mark.parametrize("kind", EVERY)
def test_what_is_discarded_makes_room(kind: type[caches.Cache]):
    cache = kind(max_cache_size=2)
    for item in ("a", "b"):
        cache.add(item, item)

    cache.discard("a")
    cache.discard("never there")
    cache.add("c", "c")

    assert {item for item in "abc" if has(cache, item)} == {"b", "c"}


@pytest.mark.parametrize("kind", EVERY)
def test_threads_may_share_a_cache(kind: type[caches.Cache]):
    cache = kind(max_cache_size=10)

    def use(number: int) -> None:
        cache.add(str(number % 30), number % 30)
        if has(cache, str(number % 30)):
            cache.discard(str((number + 7) % 30))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, range(3000)))

    assert sum(has(cache, str(number)) for number in range(30)) <= 10


def cached(cache: Cache | None) -> OpenStorage:
    storage = Storage(
        name="Results",
        module="tests.storages.own_storages",
        classname="Plain",
        configuration={"place": "here"},
        cache=cache,
    )
    return open_storage(storage, environ={})


def times_asked(storage: OpenStorage) -> int:
    return sum(told[0] == "retrieve" for told in storage.instance().told)


@pytest.mark.parametrize("name", ["FIFO", "LIFO", "LRU", "MRU", "RR"])
def test_a_result_that_was_read_is_read_from_the_cache(name: str):
    storage = cached(Cache(name=name, module="selinon.caches", options={"max_cache_size": 10}))
    storage.store(TASK, FLOW, ID, None, None)

    assert [storage.retrieve(TASK, FLOW, ID) for _ in range(3)] == [None] * 3
    assert times_asked(storage) == 1


@pytest.mark.parametrize("cache", [None, Cache(name="LRU", module="selinon.caches")])
def test_without_a_cache_or_a_size_the_storage_is_asked_each_time(cache: Cache | None):
    storage = cached(cache)
    storage.store(TASK, FLOW, ID, None, 1)

    assert [storage.retrieve(TASK, FLOW, ID) for _ in range(3)] == [1] * 3
    assert times_asked(storage) == 3


def test_a_result_that_is_stored_anew_is_not_read_from_the_cache():
    storage = cached(Cache(name="LRU", module="selinon.caches", options={"max_cache_size": 10}))
    for result in ("first", "second"):
        storage.store(TASK, FLOW, ID, None, result)
        assert storage.retrieve(TASK, FLOW, ID) == result


def test_a_cache_of_the_users_is_told_the_same_names_when_adding_and_when_asking(caplog: pytest.LogCaptureFixture):
    storage = cached(Cache(name="OwnCache", module="tests.storages.own_storages", options={"limit": 3}))
    storage.store(TASK, FLOW, ID, None, 12)

    with caplog.at_level(logging.WARNING):
        assert [storage.retrieve(TASK, FLOW, ID) for _ in range(3)] == [12] * 3

    assert times_asked(storage) == 1
    assert caplog.messages == []


def test_a_cache_that_fails_does_not_disturb(caplog: pytest.LogCaptureFixture):
    storage = cached(Cache(name="BrokenCache", module="tests.storages.own_storages"))
    storage.store(TASK, FLOW, ID, None, 12)

    with caplog.at_level(logging.WARNING):
        assert storage.retrieve(TASK, FLOW, ID) == 12

    assert caplog.messages == [
        "cache of storage 'Results' failed: RuntimeError: cannot get",
        "cache of storage 'Results' failed: RuntimeError: cannot add",
    ]
