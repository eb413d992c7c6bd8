"""However a task ends on a stock prefork worker, its attempt ends with what can be known of it."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import pytest

from asyncflow.adapters.amqp import AmqpBroker
from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.model.run import Status
from asyncflow_celery.wire import CeleryCodec
from tests.faults.conftest import Fleet, outcome_of, serving, single

pytestmark = pytest.mark.timeout(120)

KINDS = ("rpc", "rpc-5.6", "redis", "disabled")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("task", "node_args", "result"),
    [
        ("add", {"x": 1, "y": 2}, 3),
        ("ignored", {}, "kept anyway"),
        ("retry_itself", {}, 2),
        ("replace_itself", {"x": 1, "y": 2}, 3),
    ],
)
async def test_a_value_arrives_however_the_task_gives_it(
    fleets: Mapping[str, Fleet], store: SqliteStore, kind: str, task: str, node_args: object, result: object
) -> None:
    fleet = fleets[kind]
    async with serving(single(task), fleet.url, store, result_backend=fleet.listened) as client:
        outcome = await outcome_of(client, node_args)
    assert outcome.results(task) == [result], outcome.report


FAILURES = [
    ("fail", {}, "ValueError", {}),
    ("sleep", {"time_limit": 1}, "TimeLimitExceeded", {"seconds": 20}),
    ("sleep", {"soft_time_limit": 1}, "SoftTimeLimitExceeded", {"seconds": 20}),
    ("kill_its_process", {}, "WorkerLostError", {}),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("task", "options", "type", "node_args"), FAILURES)
async def test_a_failure_arrives_with_the_reason_that_its_backend_gives(
    fleets: Mapping[str, Fleet], store: SqliteStore, kind: str, task: str, options: dict, type: str, node_args: object
) -> None:
    fleet = fleets[kind]
    async with serving(single(task, **options), fleet.url, store, result_backend=fleet.listened) as client:
        outcome = await outcome_of(client, node_args)
    assert outcome.state is Status.FAILED
    assert outcome.nodes[0]["error"]["type"] == ("TaskFailed" if kind == "disabled" else type)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unknown_task_fails_by_name_or_is_lost(
    fleets: Mapping[str, Fleet], store: SqliteStore, kind: str
) -> None:
    fleet = fleets[kind]
    async with serving(single("nothing"), fleet.url, store, result_backend=fleet.listened) as client:
        outcome = await outcome_of(client)
    assert outcome.nodes[0]["error"]["type"] == ("LostAttempt" if kind == "disabled" else "NotRegistered")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_task_that_ignores_itself_is_lost(fleets: Mapping[str, Fleet], store: SqliteStore, kind: str) -> None:
    fleet = fleets[kind]
    async with serving(single("ignore_itself"), fleet.url, store, result_backend=fleet.listened) as client:
        outcome = await outcome_of(client)
    assert outcome.nodes[0]["error"]["type"] == "LostAttempt"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_task_that_rejects_itself_ends(fleets: Mapping[str, Fleet], store: SqliteStore, kind: str) -> None:
    fleet = fleets[kind]
    async with serving(single("reject_itself"), fleet.url, store, result_backend=fleet.listened) as client:
        outcome = await outcome_of(client)
    assert outcome.state is Status.FAILED
    assert outcome.nodes[0]["error"]["type"] in {"Reject", "LostAttempt", "TaskFailed"}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_task_that_is_revoked_before_its_start_ends(
    fleets: Mapping[str, Fleet], store: SqliteStore, kind: str
) -> None:
    """Behind another one that sleeps; the worker drops it when its turn comes."""
    fleet = fleets[kind]
    tasks = single("sleep")["tasks"] + single("add", args=[{"value": 1}, {"value": 1}])["tasks"]
    flow = {
        "tasks": tasks,
        "flows": ["flow", "other"],
        "flow-definitions": [
            {"name": "flow", "edges": [{"from": [], "to": "sleep"}]},
            {"name": "other", "edges": [{"from": [], "to": "add"}]},
        ],
    }
    async with (
        serving(flow, fleet.url, store, result_backend=fleet.listened) as client,
        AmqpBroker(fleet.url, namespace="revoker") as broker,
    ):
        first = await client.start("flow", {"seconds": 3})
        second = await client.start("other")
        with anyio.fail_after(10):
            while not (found := [one for one in await store.outstanding(2e9 + 1e9) if one.run_id == second.id]):
                await anyio.sleep(0.05)
        await broker.publish([CeleryCodec().encode_revoke([found[0].id], terminate=False)])
        outcome = await second.wait(timeout=30)
        assert (await first.wait(timeout=30)).state is Status.SUCCEEDED
    assert outcome.state is Status.FAILED
    assert outcome.nodes[0]["error"]["type"] == ("LostAttempt" if kind == "disabled" else "TaskRevokedError")


@pytest.mark.parametrize("kind", ["rpc-5.6", "disabled"])
async def test_a_retry_that_waits_longer_than_a_lease_is_not_lost(
    fleets: Mapping[str, Fleet], store: SqliteStore, kind: str
) -> None:
    fleet = fleets[kind]
    async with serving(single("retry_itself"), fleet.url, store, result_backend=fleet.listened) as client:
        outcome = await outcome_of(client, {"countdown": 6}, seconds=60)
    assert outcome.results("retry_itself") == [2]
    assert outcome.nodes[0]["attempt"] == 1


async def test_a_task_that_runs_longer_than_a_lease_is_not_lost(
    fleets: Mapping[str, Fleet], store: SqliteStore
) -> None:
    fleet = fleets["disabled"]
    async with serving(single("sleep"), fleet.url, store, result_backend=fleet.listened) as client:
        outcome = await outcome_of(client, {"seconds": 10}, seconds=60)
    assert outcome.results("sleep") == [10]
    assert outcome.nodes[0]["attempt"] == 1


async def test_values_arrive_when_messages_are_spared(
    fleets: Mapping[str, Fleet], store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    """All workers reply over rpc: what rpc tells goes without callbacks, what it does not tell goes with them."""
    caplog.set_level("INFO", "asyncflow.channels")
    tasks = {"add": {"x": 1, "y": 2}, "ignored": {}, "retry_itself": {}, "replace_itself": {"x": 3, "y": 4}}
    edges = [{"from": [], "to": name, "node_args": {"value": args}} for name, args in tasks.items()]
    flow = {
        "tasks": [single(name)["tasks"][0] for name in tasks],
        "flows": ["flow"],
        "flow-definitions": [{"name": "flow", "edges": edges}],
    }
    async with serving(flow, fleets["rpc"].url, store) as client:
        with anyio.fail_after(20):
            while "need no callbacks" not in caplog.text:
                await anyio.sleep(0.05)
        outcome = await outcome_of(client)
    assert [outcome.results(name) for name in tasks] == [[3], ["kept anyway"], [2], [7]]
