"""What is only looked at: a run in few words, a node, the journal, how things stand, how a flow has done."""

from __future__ import annotations

import anyio
import httpx
import pytest

from asyncflow.fleet import QueueState
from tests.web.restaurant import SCRIPT, Restaurant, events
from tests.web.test_runs import start


async def over(asked: httpx.AsyncClient, flow: str, **more: object) -> str:
    run_id = await start(asked, flow, **more)
    await asked.get(f"/api/runs/{run_id}/wait")
    return run_id


async def test_many_nodes_of_one_name_are_told_in_few_words(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await over(asked, "banquet")
        whole = await asked.get(f"/api/runs/{run_id}")
        brief = await asked.get(f"/api/runs/{run_id}?most=5")
    run = brief.json()["run"]
    [group] = run["groups"]
    assert (group["name"], group["count"], group["states"]) == ("Shop", 300, {"succeeded": 300})
    assert max(at_once for at_once, _ in group["slices"]) <= 300
    assert group["seconds"]["count"] == 300
    assert len(run["nodes"]) == 5
    assert all(node["result"] is None for node in run["nodes"])
    assert len(whole.json()["run"]["nodes"]) == 300
    assert len(brief.content) < len(whole.content) / 15


async def test_a_run_in_few_words_goes_on_where_it_was_told_last(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await start(asked, "party")
        await restaurant.until_cooking(2)
        before = (await asked.get(f"/api/runs/{run_id}?most=9")).json()["run"]
        restaurant.broker.serve()
        await asked.get(f"/api/runs/{run_id}/wait")
        after = (await asked.get(f"/api/runs/{run_id}?most=9")).json()["run"]
        whole = (await asked.get(f"/api/runs/{run_id}")).json()["run"]
    assert [node["state"] for node in before["nodes"][0]["nodes"]] == ["succeeded", "running"]
    assert [node["state"] for node in after["nodes"][0]["nodes"]] == ["succeeded", "succeeded"]
    assert [node["id"] for node in after["nodes"]] == [node["id"] for node in whole["nodes"]]
    assert after["nodes"][0]["edges"] == whole["nodes"][0]["edges"]
    assert [edge["fired"] for edge in after["nodes"][0]["edges"]] == [1, 1]


async def test_a_node_is_shown_with_its_arguments_and_its_result(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await start(asked)
        await restaurant.until_cooking()
        nodes = (await asked.get(f"/api/runs/{run_id}?most=9")).json()["run"]["nodes"]
        shop, cook = [(await asked.get(f"/api/runs/{run_id[:9]}/nodes/{node['id']}")).json()["node"] for node in nodes]
        unknown = await asked.get(f"/api/runs/{run_id}/nodes/nobody")
    assert (shop["result"], shop["node_args"], shop["state"]) == ({"eggs": 8}, {"guests": 2}, "succeeded")
    assert (cook["result"], cook["state"]) == (None, "running")
    assert (unknown.status_code, unknown.json()["error"]["type"]) == (404, "UnknownNodeError")


async def test_the_journal_is_read_in_parts(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await over(asked, "fire")
        first = (await asked.get(f"/api/runs/{run_id}/facts?limit=1")).json()["entries"]
        rest = (await asked.get(f"/api/runs/{run_id}/facts?after=1")).json()["entries"]
    assert [entry["version"] for entry in first + rest] == list(range(1, len(rest) + 2))
    names = [name for entry in first + rest for name, _ in entry["facts"]]
    assert names[0] == "RunStarted"
    assert names[-1] == "RunFailed"
    assert SCRIPT in str(rest)


async def test_a_stream_in_few_words_tells_the_run_again_after_changes(restaurant: Restaurant) -> None:
    async with restaurant.served() as asked:
        run_id = await start(asked)
        await restaurant.until_cooking()
        told = []
        with anyio.fail_after(5):
            async with asked.stream("GET", f"/api/runs/{run_id}/changes?most=9") as response:
                async for one in events(response):
                    if one is None:
                        continue
                    told.append((one.event, [node["state"] for node in one.content["run"]["nodes"]]))
                    if len(told) == 1:
                        await asked.post(f"/api/runs/{run_id}/pause")
                    elif len(told) == 2:
                        restaurant.broker.serve()
                        await asked.post(f"/api/runs/{run_id}/resume")
    assert told[0] == ("run", ["succeeded", "running"])
    assert told[1][0] == "run"
    assert told[-1] == ("end", ["succeeded", "succeeded"])


async def test_the_overview_counts_what_became_of_runs_and_puts_what_failed_first(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        for flow in ("banquet", "banquet", "fire"):
            await over(asked, flow)
        await start(asked)
        await restaurant.until_cooking()
        seen = (await asked.get("/api/overview?seconds=600")).json()["overview"]
    assert [one["flow"] for one in seen["flows"]] == ["fire", "banquet", "dinner"]
    assert len(seen["steps"]) == 60
    totals = {state: sum(step.get(state, 0) for step in seen["steps"]) for state in ("succeeded", "failed", "running")}
    assert totals == {"succeeded": 2, "failed": 1, "running": 1}
    assert seen["width"] == 10
    assert seen["open"] == {"dinner": 1}
    assert seen["lag"]["count"] == 603
    assert 0 <= seen["lag"]["p50"] <= seen["lag"]["p99"]
    assert seen["queues"] is None


async def test_a_run_that_takes_far_longer_than_usual_is_late(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        for _ in range(6):
            await start(asked)
        await restaurant.until_cooking(6)
        restaurant.broker.serve()
        with anyio.fail_after(5):
            while len((await asked.get("/api/runs?state=succeeded")).json()["runs"]) < 6:
                await anyio.sleep(0.01)
        slow = await start(asked)
        early = (await asked.get("/api/overview?seconds=60")).json()["overview"]
        restaurant.clock.ahead += 30
        seen = (await asked.get("/api/overview?seconds=600")).json()["overview"]
    assert early["late"] == []
    assert [run["run_id"] for run in seen["late"]] == [slow]
    assert seen["late"][0]["usual"] < 5


async def test_queues_without_consumers_are_seen(restaurant: Restaurant) -> None:
    restaurant.fleet.queues = {"slow": QueueState(messages=40, consumers=0)}
    async with restaurant.asked() as asked:
        queues = (await asked.get("/api/overview")).json()["overview"]["queues"]
    assert queues == [
        {"name": "quick", "exists": False, "messages": 0, "consumers": 0},
        {"name": "slow", "exists": True, "messages": 40, "consumers": 0},
    ]


async def test_a_flow_tells_how_its_nodes_have_done(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        for guests in (1, 2):
            await start(asked, node_args={"guests": guests})
        await restaurant.until_cooking(2)
        await start(asked, node_args={"guests": 3})
        restaurant.broker.serve()
        with anyio.fail_after(5):
            while len((await asked.get("/api/runs?state=succeeded")).json()["runs"]) < 2:
                await anyio.sleep(0.01)
        await over(asked, "fire")
        dinner, fire, banquet = [
            (await asked.get(f"/api/flows/{flow}/statistics")).json()["statistics"]
            for flow in ("dinner", "fire", "banquet")
        ]
        unknown = await asked.get("/api/flows/lunch/statistics")
    assert (dinner["runs"], dinner["states"]) == (2, {"succeeded": 2})
    assert [(node["name"], node["rate"], node["seconds"]["count"]) for node in dinner["nodes"]] == [
        ("Shop", 1.0, 2),
        ("Cook", 1.0, 2),
    ]
    assert dinner["edges"] == [{"index": 0, "fired": 2, "not_fired": 0}, {"index": 1, "fired": 2, "not_fired": 0}]
    assert [run["state"] for run in dinner["recent"]] == ["succeeded", "succeeded"]
    assert fire["nodes"][0]["rate"] == 0.0
    assert (banquet["runs"], banquet["nodes"], banquet["seconds"]) == (0, [], None)
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/api/overview?seconds=1",
        "/api/overview?seconds=99999999",
        "/api/flows/dinner/statistics?last=0",
        "/api/flows/dinner/statistics?last=1000",
        "/api/runs/x?most=100000",
        "/api/runs/x/facts?limit=0",
        "/api/runs/x/facts?after=-1",
    ],
)
async def test_what_is_asked_for_has_bounds(restaurant: Restaurant, path: str) -> None:
    async with restaurant.asked() as asked:
        assert (await asked.get(path)).status_code == 400
