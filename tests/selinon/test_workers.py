"""A Selinon project, unchanged, on asyncflow: first its dispatcher, then its workers, then its envelope."""

import json
import sys

import anyio
import anyio.to_thread
import pytest

from tests.environments import python_with_selinon
from tests.selinon.conftest import PROJECT
from tests.servers import wait_until

NODES, FLOWS = PROJECT / "nodes.yaml", PROJECT / "flows.yaml"
SELINON_WORKERS = PROJECT / "selinon-workers.yaml"

BASKET = {"basket": ["eggs", "flour", "milk", "sugar", "salt"]}


@pytest.mark.parametrize(
    ("app", "backend", "files"),
    [
        ("shop_app", "redis", [NODES, FLOWS, SELINON_WORKERS]),
        ("shop_moved", "redis", [NODES, FLOWS, SELINON_WORKERS]),
        ("shop_moved", "rpc", [NODES, FLOWS]),
    ],
    ids=["the real Selinon", "moved workers, Selinon's envelope", "moved workers, our envelope"],
)
async def test_a_selinon_project_runs_alike_on_every_kind_of_worker(shop, serve, start_worker, app, backend, files):
    start_worker(app, backend=shop.backend if backend == "redis" else "rpc://")
    async with serve(*files) as client:
        run = await client.start("shop", BASKET)
        outcome = await run.wait(timeout=40)
    assert outcome.succeeded, outcome.error
    assert shop.stored(outcome, "Count") == [{"total": 5}]
    assert shop.stored(outcome, "Double") == [{"total": 10}]
    assert shop.stored(outcome, "Pack") == [{"packed": BASKET["basket"]}] * 2
    assert sorted(each["packed"] for each in shop.stored(outcome, "Sum")) == [5, 5]
    assert {each["storage"] for each in shop.stored(outcome, "Sum")} == {"Redis"}
    assert shop.stored(outcome, "Again") == [{"tries": 3, "same": {"total": 10}}]
    assert shop.stored(outcome, "Rescue") == [{"raised": "out of paper", "kind": "ValueError"}]
    assert shop.redis.get(f"tries of {outcome.run_id}") == b"2"
    assert "Never" not in {node["name"] for node in outcome.nodes}
    told = {"TASK_START Count", "STORAGE_STORE Count", "STORAGE_RETRIEVE Count", "TASK_END Count", "TASK_RETRY Again"}
    wait_until(lambda: told <= shop.traced, f"{told} to be told", seconds=5)


async def test_a_real_selinon_worker_reports_over_rpc_too(shop, serve, start_worker):
    start_worker("shop_app")
    async with serve(NODES, FLOWS, SELINON_WORKERS) as client:
        outcome = await (await client.start("packing", BASKET)).wait(timeout=30)
    assert outcome.succeeded, outcome.error
    assert shop.stored(outcome, "Pack") == [{"packed": BASKET["basket"]}]


async def test_programs_with_the_real_selinon_start_flows_under_the_ids_that_they_got(shop, serve, start_worker):
    start_worker("shop_moved")
    async with serve(NODES, FLOWS) as client:
        order = json.dumps(BASKET)
        id = await anyio.to_thread.run_sync(shop.call, python_with_selinon(), "shop_order.py", order)
        with anyio.fail_after(30):
            while not await client.list():
                await anyio.sleep(0.05)
        outcome = await client.run(id).wait(timeout=30)
    assert outcome.succeeded, outcome.error
    assert outcome.report["node_args"] == BASKET


async def test_run_flow_gives_what_looks_like_an_async_result(shop, serve, start_worker):
    start_worker("shop_moved")
    async with serve(NODES, FLOWS) as client:

        async def order(flow: str, node_args) -> dict:
            arguments = (sys.executable, "shop_order_and_wait.py", flow, json.dumps(node_args))
            return json.loads(await anyio.to_thread.run_sync(shop.call, *arguments))

        good = await order("shop", BASKET)
        bad = await order("shop", {"basket": None})
        unknown = await order("shopping", None)
        outcome = await client.run(good["id"]).status()
    assert (good["state"], good["ready"]) == ("SUCCESS", True)
    assert set(good["result"]) == {"finished_nodes", "failed_nodes", "active_nodes"}
    assert good["result"]["failed_nodes"] == {}
    assert good["result"]["finished_nodes"]["Count"] == [n["id"] for n in outcome.nodes if n["name"] == "Count"]
    assert (bad["state"], bad["error"], bad["failed"]) == ("FAILURE", "FlowError", ["Count"])
    assert "FLOW_SCHEDULE None" in shop.traced
    assert unknown == {"error": "UnknownFlowError", "failed": None}
