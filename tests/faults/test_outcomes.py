"""However a task ends on a stock prefork worker, its attempt ends with what can be known of it.

Expiry is missing: our messages never expire, for `expires` is not among the headers that are sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from asyncflow.adapters.amqp import AmqpBroker
from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.client import Client
from asyncflow.model.outcome import Outcome
from asyncflow.model.run import Status
from asyncflow_celery.wire import CeleryCodec
from tests.faults.conftest import CONCURRENCY, Fleet, one_flow_each, outcome_of, serving, single

pytestmark = pytest.mark.timeout(180)

KINDS = ("rpc", "rpc-5.6", "redis", "disabled")
FAR = 4e9

ROWS: Mapping[str, tuple[dict[str, Any], Any]] = {
    "add": ({}, {"x": 1, "y": 2}),
    "ignored": ({}, {}),
    "retry_itself": ({}, {}),
    "replace_itself": ({}, {"x": 1, "y": 2}),
    "fail": ({}, {}),
    "hard_limit": ({"time_limit": 1, "celery_task": "sleep"}, {"seconds": 20}),
    "soft_limit": ({"soft_time_limit": 1, "celery_task": "sleep"}, {"seconds": 20}),
    "kill_its_process": ({}, {}),
    "no_such_task": ({}, {}),
    "ignore_itself": ({}, {}),
    "reject_itself": ({}, {}),
    "long_sleep": ({"celery_task": "sleep"}, {"seconds": 8}),
    "slow_retry": ({"celery_task": "retry_itself"}, {"countdown": 5}),
}
"""What is run: the task's options and its node args. The last two take longer than a lease."""

VALUES = {"add": 3, "ignored": "kept anyway", "retry_itself": 2, "replace_itself": 3, "long_sleep": 8, "slow_retry": 2}

ERRORS = {
    "fail": "ValueError",
    "hard_limit": "TimeLimitExceeded",
    "soft_limit": "SoftTimeLimitExceeded",
    "kill_its_process": "WorkerLostError",
    "no_such_task": "NotRegistered",
    "ignore_itself": "LostAttempt",
}
WITHOUT_BACKEND = ERRORS | {
    "fail": "TaskFailed",
    "hard_limit": "TaskFailed",
    "soft_limit": "TaskFailed",
    "kill_its_process": "TaskFailed",
    "no_such_task": "LostAttempt",
}
"""Callbacks say that a task failed, and not why; of an unknown one nothing is said, until the worker sends events."""


@pytest.fixture(scope="module")
async def ended(
    fleets: Mapping[str, Fleet], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[tuple[str, str], Outcome]:
    """Every row on every kind of worker, all at the same time."""
    found: dict[tuple[str, str], Outcome] = {}

    async def run(client: Client, kind: str, row: str) -> None:
        found[kind, row] = await (await client.start(f"only_{row}", ROWS[row][1])).wait(timeout=90)

    async def run_all(kind: str, folder: Path) -> None:
        store = SqliteStore(folder / "asyncflow.db")
        configuration = one_flow_each({row: options for row, (options, _) in ROWS.items()})
        fleet = fleets[kind]
        async with (
            serving(configuration, fleet.url, store, result_backend=fleet.listened) as client,
            anyio.create_task_group() as group,
        ):
            for row in ROWS:
                group.start_soon(run, client, kind, row)

    async with anyio.create_task_group() as group:
        for kind in KINDS:
            group.start_soon(run_all, kind, tmp_path_factory.mktemp(kind))
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", VALUES)
async def test_a_value_arrives_however_the_task_gives_it(
    ended: Mapping[tuple[str, str], Outcome], kind: str, row: str
) -> None:
    outcome = ended[kind, row]
    assert outcome.results(row) == [VALUES[row]], outcome.report
    assert outcome.nodes[0]["attempt"] == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", ERRORS)
async def test_a_failure_arrives_with_the_reason_that_can_be_known(
    ended: Mapping[tuple[str, str], Outcome], kind: str, row: str
) -> None:
    outcome = ended[kind, row]
    assert outcome.state is Status.FAILED
    known = {ERRORS[row], WITHOUT_BACKEND[row]} if kind == "disabled" else {ERRORS[row]}
    assert outcome.nodes[0]["error"]["type"] in known


@pytest.mark.parametrize(
    ("kind", "types"),
    [("rpc", {"Reject"}), ("rpc-5.6", {"LostAttempt"}), ("redis", {"Reject"}), ("disabled", {"TaskFailed", "Reject"})],
)
async def test_a_task_that_rejects_itself_ends(
    ended: Mapping[tuple[str, str], Outcome], kind: str, types: set[str]
) -> None:
    assert ended[kind, "reject_itself"].nodes[0]["error"]["type"] in types


@pytest.mark.parametrize("kind", KINDS)
async def test_a_task_that_is_revoked_before_its_start_ends(
    fleets: Mapping[str, Fleet], store: SqliteStore, kind: str
) -> None:
    """Behind others that sleep; the worker drops it when its turn comes."""
    fleet = fleets[kind]
    configuration = one_flow_each({"sleep": {}, "add": {}})
    async with (
        serving(configuration, fleet.url, store, result_backend=fleet.listened) as client,
        AmqpBroker(fleet.url, namespace="revoker") as broker,
    ):
        before = [await client.start("only_sleep", {"seconds": 2}) for _ in range(CONCURRENCY)]
        revoked = await client.start("only_add", {"x": 1, "y": 1})
        with anyio.fail_after(10):
            while not (found := [one for one in await store.outstanding(FAR) if one.run_id == revoked.id]):
                await anyio.sleep(0.02)
        await broker.publish([CeleryCodec().encode_revoke([found[0].id], terminate=False)])
        outcome = await revoked.wait(timeout=30)
        assert [(await run.wait(timeout=30)).state for run in before] == [Status.SUCCEEDED] * CONCURRENCY
    assert outcome.state is Status.FAILED
    known = {"TaskRevokedError", "LostAttempt"} if kind == "disabled" else {"TaskRevokedError"}
    assert outcome.nodes[0]["error"]["type"] in known


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
            while "callbacks are spared" not in caplog.text:
                await anyio.sleep(0.05)
        outcome = await outcome_of(client)
    assert [outcome.results(name) for name in tasks] == [[3], ["kept anyway"], [2], [7]]
