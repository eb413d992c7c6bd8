"""A task that kills whichever worker has it, where the broker delivers it again each time."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.model.run import Status
from tests.faults.conftest import outcome_worker, serving, single

pytestmark = pytest.mark.timeout(90)


async def test_a_task_that_kills_its_workers_is_given_up_and_others_go_on(
    vhost: str, store: SqliteStore, tmp_path: Path
) -> None:
    poison, healthy = single("kill_its_process", timeout=5.0), single("add")
    flow = {
        "tasks": [*poison["tasks"], *healthy["tasks"]],
        "flows": ["poison", "healthy"],
        "flow-definitions": [
            {"name": "poison", "edges": [{"from": [], "to": "kill_its_process"}]},
            {"name": "healthy", "edges": [{"from": [], "to": "add"}]},
        ],
    }
    worker = outcome_worker(tmp_path, vhost, "rpc://", environ={"ASYNCFLOW_TEST_LATE": "yes"})
    with worker:
        async with serving(flow, vhost, store) as client:
            outcome = await (await client.start("poison", {})).wait(timeout=60)
            after = [await (await client.start("healthy", {"x": 1, "y": y})).wait(timeout=30) for y in range(3)]
            killed = worker.log.read_text().count("signal 9")
            await anyio.sleep(2)
            assert worker.log.read_text().count("signal 9") == killed > 1
    assert (outcome.state, outcome.nodes[0]["error"]["type"]) == (Status.FAILED, "NodeTimeout")
    assert [one.results("add") for one in after] == [[1], [2], [3]]
