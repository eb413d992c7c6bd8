"""What was wrong in Selinon 1.4 outside of its engine and is right here; the numbers are those of its list of quirks.

The engine's are in tests/engine, each under its number.
"""

from __future__ import annotations

from typing import Any

import pytest

from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.config import load_mapping
from asyncflow.errors import ConfigurationError, StorageError
from asyncflow.model.flow import Cache, Storage, Task, TaskKind
from asyncflow.model.names import FlowName, NodeName, TaskId
from asyncflow.predicates import BUILT_INS, SELINON_1_4
from asyncflow.storages import OpenStorages
from asyncflow.testing import Simulation
from asyncflow.testing.broker import MemoryBroker
from tests.dispatcher.test_dispatcher import plain, serving


def flow(*edges: dict[str, Any], tasks: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"tasks": tasks, "flows": ["flow"], "flow-definitions": [{"name": "flow", "edges": list(edges), **more}]}


def test_q6_a_flow_that_is_retried_keeps_the_version_it_was_started_with() -> None:
    sim = Simulation(flow({"from": None, "to": "A"}, tasks=[plain("A")], max_retry=1))
    run = sim.start("flow")
    sim.fail("A")
    sim.advance(seconds=1)
    assert run.attempt == 2
    [started] = [fact for fact in run.facts if type(fact).__name__ == "RunStarted"]
    assert started.version
    sim.succeed("A")
    assert run.status.value == "succeeded"


@pytest.mark.parametrize("name", ["fieldLenLessEqual", "argsFieldLenLessEqual"])
def test_q14_a_length_is_less_or_equal(name: str) -> None:
    holds = BUILT_INS.pure[name]
    assert holds({"a": "xy"}, key="a", length=2)
    assert not holds({"a": "xyz"}, key="a", length=2)


def test_q14_a_length_is_greater_or_equal_and_empty_is_empty_unless_the_ancestor_is_asked_for() -> None:
    longer = {"key": "a", "length": 2}
    assert BUILT_INS.pure["fieldLenGreaterEqual"]({"a": "xyz"}, **longer)
    assert not SELINON_1_4.pure["fieldLenGreaterEqual"]({"a": "xyz"}, **longer)
    assert BUILT_INS.pure["empty"]([])
    assert not SELINON_1_4.pure["empty"]([])


def storage(name: str, cache: Cache | None = None) -> Storage:
    return Storage(
        name=name,
        module="selinon.storages.memory",
        classname="InMemoryStorage",
        configuration={"echo": False},
        cache=cache,
    )


def task(**more: Any) -> Task:
    return Task(name=NodeName("A"), kind=TaskKind.FLOW, storage="S", **more)


def test_q16_each_storage_may_have_a_cache_of_another_kind() -> None:
    fifo = Cache(name="FIFO", module="selinon.caches", options={"max_cache_size": 1})
    lru = Cache(name="LRU", module="selinon.caches", options={"max_cache_size": 1})
    storages = OpenStorages({"S": storage("S", fifo), "T": storage("T", lru)}, environ={})
    for name in ("S", "T"):
        storages.named(name).store(task(), FlowName("flow"), TaskId("1"), None, {"in": name})
        assert storages.named(name).retrieve(task(), FlowName("flow"), TaskId("1")) == {"in": name}


def test_q22_a_result_that_was_stored_under_an_alias_is_read_under_it() -> None:
    storages = OpenStorages({"S": storage("S")}, environ={})
    aliased = task(storage_task_name="Alias")
    storages.of(aliased).store(aliased, FlowName("flow"), TaskId("1"), None, 5)
    assert storages.of(aliased).retrieve(aliased, FlowName("flow"), TaskId("1")) == 5


class Away:
    """Results in a storage that answers only at the third time."""

    def __init__(self) -> None:
        self.asked = 0

    async def retrieve(self, *asked: object) -> Any:
        self.asked += 1
        if self.asked < 3:
            raise StorageError("the storage is away")
        return {"n": 1}

    async def store(self, *given: object) -> None:
        pass


async def test_q26_a_storage_that_is_away_is_asked_again_and_does_not_fail_the_flow() -> None:
    configuration = flow(
        {"from": None, "to": "A"},
        {"from": "A", "to": "B", "condition": {"name": "fieldEqual", "args": {"key": "n", "value": 1}}},
        tasks=[plain("A", storage="S"), plain("B")],
    )
    configuration["storages"] = [
        {"name": "S", "import": "selinon.storages.memory", "classname": "InMemoryStorage", "configuration": {"echo": 0}}
    ]
    ran: list[str] = []
    broker = MemoryBroker({"q": lambda headers, body: ran.append(headers["task"])})
    results = Away()
    async with serving(broker, MemoryStore(), configuration, results=results) as client:
        outcome = await (await client.start("flow")).wait(timeout=20)
    assert outcome.succeeded
    assert ran == ["t.A", "t.B"]
    assert results.asked == 3


def test_q34_conditions_of_failures_are_checked_when_they_are_loaded() -> None:
    wrong = {"nodes": "A", "fallback": "B", "condition": {"name": "argsFieldEqual", "args": {"key": "x"}}}
    with pytest.raises(ConfigurationError, match="value"):
        load_mapping(
            flow({"from": None, "to": "A"}, tasks=[plain("A"), plain("B")], failures=[wrong]),
            builtins=BUILT_INS,
            environ={},
        )
