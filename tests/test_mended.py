"""What was wrong in Selinon 1.4 outside of its engine and is right here; the numbers are those of its list of quirks.

The engine's are in tests/engine, each under its number.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
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
from asyncflow_selinon.config import ProcessConfig
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


STRATEGIES = {
    "constant": {"retry": 2},
    "linear_increase": {"start_retry": 1, "max_retry": 9, "step": 2},
    "linear_adapt": {"start_retry": 1, "max_retry": 9, "step": 2},
    "biexponential_increase": {"start_retry": 2, "max_retry": 120},
    "biexponential_decrease": {"start_retry": 120, "stop_retry": 2},
    "biexponential_adapt": {"start_retry": 2, "max_retry": 120},
    "random": {"start_retry": 1, "max_retry": 5},
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_q11_sampling_strategies_keep_their_names_and_arguments_and_nothing_is_polled(name: str) -> None:
    sampling = {"name": name, "args": STRATEGIES[name]}
    sim = Simulation(
        flow({"from": None, "to": "A"}, {"from": "A", "to": "B"}, tasks=[plain("A"), plain("B")], sampling=sampling)
    )
    run = sim.start("flow")
    sim.advance(seconds=1000)
    assert [node.name for node in run.pending] == ["A"]
    sim.succeed("A")
    assert [(node.name, node.countdown) for node in run.pending] == [("B", 0.0)]  # at once, not at the next poll
    with pytest.raises(ConfigurationError, match="needs the argument"):
        Simulation(flow({"from": None, "to": "A"}, tasks=[plain("A")], sampling={"name": name, "args": {}}))


def with_a_strategy_of_ones_own(*edges: dict[str, Any]) -> Simulation:
    """It stands in a module that is not there: whoever called it would fail."""
    sampling = {"name": "mine", "import": "no.such.module", "args": {"whatever": 1}}
    return Simulation(flow(*edges, tasks=[plain("A"), plain("B"), plain("C")], sampling=sampling))


def test_q19_each_node_of_the_start_is_started_once_whatever_a_strategy_is_told() -> None:
    both = {"from": None, "to": ["A", "B"]}
    sim = with_a_strategy_of_ones_own(both, {"from": "A", "to": "C"}, {"from": ["A", "B"], "to": "C"})
    assert [node.name for node in sim.start("flow").pending] == ["A", "B"]


def test_q29_no_strategy_ends_a_run_that_has_active_nodes() -> None:
    sim = with_a_strategy_of_ones_own({"from": None, "to": ["A", "B"]}, {"from": "B", "to": "C"})
    run = sim.start("flow")
    for name in ("A", "B", "C"):
        assert run.status.value == "running"
        sim.advance(seconds=1000)
        sim.succeed(name)
    assert run.status.value == "succeeded"


def test_q23_the_spellings_of_documentation_and_code_are_both_taken() -> None:
    both = [
        {"name": "A", "import": "m", "storage": "S", "storage_read_only": True},
        {"name": "B", "import": "m", "storage": "S", "storage_readonly": True},
        {"name": "C", "import": "m", "selective_run_function": {"function": "f", "import": "m"}},
        {"name": "D", "import": "m", "selective_run_function": {"name": "f", "import": "m"}},
    ]
    written = flow({"from": None, "to": ["A", "B", "C"]}, tasks=both, failures={"nodes": "A", "fallback": "D"})
    written |= {"storages": [{"name": "S", "import": "m", "configuration": 1}], "global": {"trace": True}}
    loaded = load_mapping(written, builtins=BUILT_INS, environ={}).configuration
    a, b, c, d = (loaded.tasks[NodeName(name)] for name in "ABCD")
    assert a.storage_readonly
    assert b.storage_readonly
    assert c.selective_run_function == d.selective_run_function is not None
    assert [fallback.targets for fallback in loaded.flows[FlowName("flow")].fallbacks] == [("D",)]
    assert loaded.traces


def test_q24_quotes_are_text_and_equal_names_do_not_collide() -> None:
    quoted = """it's "); raise SystemExit('"""
    condition = {"name": "fieldEqual", "args": {"key": "say", "value": quoted}}
    written = flow(
        {"from": None, "to": ["fieldEqual", "Store"]},
        {"from": "fieldEqual", "to": "Store", "condition": condition},
        tasks=[
            {"name": "fieldEqual", "import": "one", "classname": "Same"},
            {"name": "Store", "import": "two", "classname": "Same"},
        ],
    )
    written["storages"] = [
        {"name": name, "import": module, "classname": "Same", "configuration": {"password": quoted}}
        for name, module in (("S", "three"), ("T", "four"))
    ]
    loaded = load_mapping(written, builtins=BUILT_INS, environ={}).configuration
    assert {task.module for task in loaded.tasks.values()} == {"one", "two"}
    assert [(storage.module, storage.configuration["password"]) for storage in loaded.storages.values()] == [
        ("three", quoted),
        ("four", quoted),
    ]
    sim = Simulation(loaded)
    run = sim.start("flow")
    sim.succeed("fieldEqual", result={"say": quoted})
    assert [node.name for node in run.pending] == ["Store", "Store"]


def test_q31_storages_are_readonly_or_readwrite_as_tasks_say() -> None:
    written = flow(
        {"from": None, "to": ["A", "B", "C"]},
        tasks=[
            {"name": "A", "import": "m", "storage": "S", "storage_readonly": True},
            {"name": "B", "import": "m", "storage": "S"},
            {"name": "C", "import": "m"},
        ],
    )
    written["storages"] = [{"name": "S", "import": "m", "configuration": 1}]
    config = ProcessConfig()
    config.set_config_dict(written, written["flow-definitions"])
    asked = {
        name: (config.has_storage(name), config.has_readonly_storage(name), config.has_readwrite_storage(name))
        for name in "ABC"
    }
    assert asked == {"A": (True, True, False), "B": (True, False, True), "C": (False, False, False)}


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


RULES = frozenset(range(4, 40))
"""R1 to R3 are of polling."""
MENDED = frozenset({*range(1, 13), 14, *range(16, 35), 36, 37})
"""Of the list of quirks, those with something to show: 13 and 35 are none, and 15 is about names that caches are told."""


def test_a_test_is_named_for_every_rule_and_every_quirk_that_is_mended() -> None:
    """Named tests are functions with statements that can fail, not names in comments."""
    named: set[str] = set()
    for path in Path(__file__).parent.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _asserts(node):
                named.update(re.findall(r"(?<=_)[rq][0-9]+(?=_)", node.name))
    assert sorted({f"r{number}" for number in RULES} - named) == []
    assert sorted({f"q{number}" for number in MENDED} - named) == []


def _asserts(function: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Assert) or (isinstance(node, ast.Attribute) and node.attr in {"raises", "warns"})
        for node in ast.walk(function)
    )
