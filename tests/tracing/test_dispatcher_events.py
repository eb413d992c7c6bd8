"""The events of a dispatcher: which there are, once each, with Selinon's details."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from threading import Event
from typing import Any

import anyio

from asyncflow.adapters.clock import SystemClock
from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.adapters.tracing import Tracer
from asyncflow.client import Client
from asyncflow.config import load_mapping
from asyncflow.dispatcher.dispatcher import Dispatcher, Surroundings
from asyncflow.engine.selective import select
from asyncflow.predicates import BUILT_INS
from asyncflow.testing.broker import MemoryBroker
from asyncflow_celery.wire import CeleryCodec
from tests.tracing.recorded import Recorder

FUNCTIONS = "tests.tracing.functions"


def plain(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "celery_task": f"t.{name}", "queue": "q", **more}


def configuration(*flows: Mapping[str, Any], **tasks: Mapping[str, Any]) -> dict[str, Any]:
    declared = [plain(name, **tasks.get(name, {})) for name in "ABCD"]
    for task in declared:
        if "selective_run_function" in task:  # only a flow task has one
            del task["celery_task"]
            task["import"] = "never_imported_here"
    return {
        "tasks": declared,
        "flows": [flow["name"] for flow in flows],
        "flow-definitions": list(flows),
    }


class Worker:
    """Tasks in `failing` raise, so often as is said there."""

    def __init__(self, **failing: int) -> None:
        self.failing = failing

    def __call__(self, headers: Mapping[str, Any], body: list[Any]) -> Any:
        name = body[1].get("task_name") or headers["task"].removeprefix("t.")
        if self.failing.get(name, 0):
            self.failing[name] -= 1
            raise ValueError("burnt")
        return {"from": name}


@asynccontextmanager
async def serving(
    declared: Mapping[str, Any], worker: Worker | None, recorder: Recorder | Tracer, store: MemoryStore | None = None
) -> AsyncIterator[Client]:
    loaded = load_mapping(declared, builtins=BUILT_INS, environ={}).configuration
    dispatcher = Dispatcher(
        Surroundings(
            configuration=loaded,
            broker=MemoryBroker({"q": worker} if worker is not None else {}),
            store=MemoryStore() if store is None else store,
            codec=CeleryCodec(),
            results=None,  # type: ignore[arg-type]  # no task here has a storage
            clock=SystemClock(),
            select=lambda flow, wish: select(loaded.flows, flow, wish.tasks),
            trace=recorder.emit_later,
        ),
    )
    async with anyio.create_task_group() as group:
        await group.start(dispatcher.run)
        yield Client(dispatcher)
        group.cancel_scope.cancel()


async def traced(declared: Mapping[str, Any], worker: Worker | None = None, **start: Any) -> Recorder:
    """Everything that is told of a run of the first flow."""
    recorder = Recorder()
    async with serving(declared, worker or Worker(), recorder) as client:
        run = await client.start(declared["flows"][0], {"n": 1}, **start)
        await run.wait(timeout=5)
    return recorder


async def test_waits_delays_and_signals_are_told() -> None:
    declared = {
        "tasks": [{"name": "W", "wait": {"event": "go"}}, {"name": "D", "delay": 0}],
        "flows": ["f", "sub"],
        "flow-definitions": [
            {"name": "f", "edges": [{"from": None, "to": "D"}, {"from": "D", "to": "sub"}]},
            {"name": "sub", "edges": [{"from": None, "to": ["W", "W"]}]},
        ],
    }
    recorder = Recorder()
    async with serving(declared, Worker(), recorder) as client:
        run = await client.start("f")
        for key in "ab":
            await run.signal("go", id=key)
        await run.wait(timeout=5)
    assert recorder.one("DELAY_START")["node_name"] == "D"
    assert [found["event"] for found in recorder.of("WAIT_START")] == ["go", "go"]
    assert [found["signal_id"] for found in recorder.of("SIGNAL_TAKEN")] == ["a", "b"]
    assert [found["signal_id"] for found in recorder.of("SIGNAL_PASSED")] == ["a", "b"]
    assert {found["signal_id"] for found in recorder.of("SIGNAL_KEPT")} <= {"a", "b"}


async def test_a_run_with_a_false_condition_is_told_from_its_request_to_its_end() -> None:
    false = {"name": "fieldEqual", "args": {"key": "from", "value": "B"}}
    flow = {
        "name": "f",
        "edges": [{"from": None, "to": "A"}, {"from": "A", "to": "B", "condition": false}, {"from": "A", "to": "C"}],
    }

    found = await traced(configuration(flow))

    assert found.names == [
        "FLOW_SCHEDULE",
        "FLOW_START",
        "TASK_SCHEDULE",
        "NODE_SUCCESSFUL",
        "EDGE_COND_FALSE",
        "TASK_SCHEDULE",
        "NODE_SUCCESSFUL",
        "FLOW_END",
    ]
    run_id = found.one("FLOW_START")["dispatcher_id"]
    first, last = found.of("TASK_SCHEDULE")
    assert (first["task_name"], last["task_name"]) == ("A", "C")
    assert last["parent"] == {"A": first["task_id"]}
    assert [one["node_id"] for one in found.of("NODE_SUCCESSFUL")] == [first["task_id"], last["task_id"]]
    assert {one.details["dispatcher_id"] for one in found.events} == {run_id}
    assert found.one("EDGE_COND_FALSE")["condition"] == "fieldEqual(db.get('A'), key='from', value='B')"
    state = found.one("FLOW_END")["state"]
    assert state["finished_nodes"] == {"A": [first["task_id"]], "C": [last["task_id"]]}
    assert state["active_nodes"] == []


async def test_a_sub_flow_is_scheduled_and_starts_but_nobody_asked_for_it_outside() -> None:
    outer = {"name": "outer", "propagate_node_args": True, "edges": [{"from": None, "to": "inner"}]}
    inner = {"name": "inner", "edges": [{"from": None, "to": "A"}]}

    found = await traced(configuration(outer, inner))

    assert found.names.count("FLOW_SCHEDULE") == 1
    child = found.one("SUBFLOW_SCHEDULE")
    assert (child["flow_name"], child["child_flow_name"], child["node_args"]) == ("outer", "inner", {"n": 1})
    starts, ends = found.of("FLOW_START"), found.of("FLOW_END")
    assert starts[1]["dispatcher_id"] == child["child_dispatcher_id"] == ends[0]["dispatcher_id"]
    assert [one["node_name"] for one in found.of("NODE_SUCCESSFUL")] == ["A", "inner"]


async def test_what_a_foreach_function_yields_is_told() -> None:
    edges = [{"from": None, "to": "A"}]
    edges.append({"from": "A", "to": "B", "foreach": {"import": FUNCTIONS, "function": "three"}})

    found = await traced(configuration({"name": "f", "edges": edges}))

    told = found.one("FOREACH_RESULT")
    assert told["result"] == [1, 2, 3]
    assert told["foreach_str"] == "foreach tests.tracing.functions.three(...)"
    assert found.names.count("TASK_SCHEDULE") == 4


async def test_a_failed_task_is_tried_again_and_then_its_fallback_starts() -> None:
    true = {"name": "alwaysTrue"}
    false = {"name": "alwaysFalse"}
    flow = {
        "name": "f",
        "edges": [{"from": None, "to": "A"}],
        "failures": [
            {"nodes": "A", "fallback": "B", "condition": false},
            {"nodes": "A", "fallback": "C", "condition": true},
        ],
    }

    found = await traced(configuration(flow, A={"max_retry": 1, "retry_countdown": 0}), Worker(A=2))

    assert found.names == [
        "FLOW_SCHEDULE",
        "FLOW_START",
        "TASK_SCHEDULE",
        "TASK_RETRY",
        "TASK_FAILURE",
        "NODE_FAILURE",
        "FALLBACK_COND_FALSE",
        "FALLBACK_COND_TRUE",
        "FALLBACK_START",
        "TASK_SCHEDULE",
        "NODE_SUCCESSFUL",
        "FLOW_END",
    ]
    retry = found.one("TASK_RETRY")
    assert (retry["retried_count"], retry["max_retry"], retry["user_retry"]) == (0, 1, False)
    failure = found.one("TASK_FAILURE")
    assert failure["retried_count"] == 1
    assert "burnt" in failure["what"]
    started = found.one("FALLBACK_START")
    assert started["nodes"] == [{"name": "A", "id": failure["task_id"]}]
    assert started["fallback"] == ["C"]


async def test_a_flow_that_fails_eagerly_is_retried_and_then_fails() -> None:
    flow = {
        "name": "f",
        "max_retry": 1,
        "retry_countdown": 0,
        "eager_failures": ["A"],
        "edges": [{"from": None, "to": "A"}],
    }

    found = await traced(configuration(flow), Worker(A=2))

    attempt = ["FLOW_START", "TASK_SCHEDULE", "TASK_FAILURE", "NODE_FAILURE", "EAGER_FAILURE", "FLOW_FAILURE"]
    assert found.names == ["FLOW_SCHEDULE", *attempt, "FLOW_RETRY", *attempt]
    assert [one["will_retry"] for one in found.of("FLOW_FAILURE")] == [True, False]
    assert found.one("FLOW_RETRY")["retried_count"] == 1


async def test_a_user_function_that_raises_is_a_failure_of_the_dispatcher() -> None:
    edges = [{"from": None, "to": "A", "foreach": {"import": FUNCTIONS, "function": "broken"}}]

    found = await traced(configuration({"name": "f", "edges": edges}))

    assert found.names == ["FLOW_SCHEDULE", "FLOW_START", "DISPATCHER_FAILURE"]
    assert "no items today" in found.one("DISPATCHER_FAILURE")["what"]


async def test_a_cancelled_run_is_told_as_a_failure() -> None:
    recorder = Recorder()
    flow = {"name": "f", "edges": [{"from": None, "to": "A"}]}
    declared = configuration(flow, A={"queue": "nobody"})
    async with serving(declared, Worker(), recorder) as client:
        run = await client.start("f")
        await run.cancel("enough")
        await run.wait(timeout=5)
    assert recorder.one("FLOW_FAILURE")["what"] == "cancelled: enough"


async def test_a_selective_run_tells_what_it_leaves_out_and_what_it_reuses() -> None:
    flow = {
        "name": "f",
        "edges": [
            {"from": None, "to": ["A", "D"]},
            {"from": "A", "to": "B"},
            {"from": "A", "to": "C"},
        ],
    }
    functions = {"A": {"selective_run_function": {"import": FUNCTIONS, "name": "reuse"}}}

    found = await traced(configuration(flow, **functions), only=["B"])

    assert found.one("SELECTIVE_OMIT_NODE")["omitted_node"] == "D"
    assert found.one("SELECTIVE_RUN_FUNC")["result"] == "earlier-id"
    assert found.one("SELECTIVE_TASK_REUSE")["task_id"] == "earlier-id"
    assert found.one("SELECTIVE_OMIT_EDGE")["nodes_to"] == ["C"]
    assert found.one("TASK_SCHEDULE")["selective"]["task_names"] == ["B"]


async def test_a_task_that_is_not_reused_tells_that_its_function_was_asked() -> None:
    flow = {"name": "f", "edges": [{"from": None, "to": "A"}, {"from": "A", "to": "B"}]}
    functions = {"A": {"selective_run_function": {"import": FUNCTIONS, "name": "never_reuse"}}}

    found = await traced(configuration(flow, **functions), only=["B"])

    assert found.one("SELECTIVE_RUN_FUNC")["result"] is None
    assert found.names.count("TASK_SCHEDULE") == 2


async def test_trace_functions_that_raise_or_hang_disturb_no_run() -> None:
    release = Event()

    def complain(traced: object) -> None:
        raise ValueError("no")

    tracer = Tracer({"raising": complain, "hanging": lambda traced: release.wait(30)}, most=3)
    flow = {"name": "f", "edges": [{"from": None, "to": "A"}, {"from": "A", "to": "B"}]}
    async with serving(configuration(flow), Worker(), tracer) as client:
        outcomes = [await (await client.start("f")).wait(timeout=5) for _ in range(5)]

    assert all(outcome.succeeded for outcome in outcomes)
    assert tracer.dropped["hanging"] == 15 - 3  # a run has three steps here
    release.set()
    assert tracer.finish(5)


async def test_q30_a_migration_is_told_of_runs_whose_flow_has_changed_and_of_no_new_ones() -> None:
    old = {"name": "f", "edges": [{"from": None, "to": "A"}, {"from": "A", "to": "B"}]}
    new = {"name": "f", "edges": [{"from": "A", "to": "B"}, {"from": None, "to": ["A", "C"]}]}
    store, found = MemoryStore(), Recorder()
    async with serving(configuration(old), None, found, store) as client:
        run_id = (await client.start("f")).id
    assert found.of("MIGRATION") == []
    async with serving(configuration(new), Worker(), found, store) as client:
        await client.run(run_id).wait(timeout=5)
        await (await client.start("f")).wait(timeout=5)
    told = found.one("MIGRATION")
    assert (told["dispatcher_id"], told["tainted"]) == (run_id, True)  # it had gone by an edge that is gone
    assert told["old_migration_version"] != told["new_migration_version"]
    assert {one["migration_version"] for one in found.of("FLOW_END")} == {told["new_migration_version"]}
