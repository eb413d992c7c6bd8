"""Streams of changes, from a real server."""

from __future__ import annotations

import anyio
import anyio.abc
import httpx

from asyncflow.model.names import RunId
from tests.web.restaurant import Restaurant, Told, events
from tests.web.test_runs import start


async def test_a_run_is_followed_to_its_end(restaurant: Restaurant) -> None:
    told: list[Told] = []
    async with restaurant.served() as asked:
        run_id = await start(asked)
        await restaurant.until_cooking()
        with anyio.fail_after(5):
            async with asked.stream("GET", f"/api/runs/{run_id[:8]}/changes") as response:
                assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
                async for one in events(response):
                    if one is None:
                        continue
                    told.append(one)
                    if one.event == "run":
                        restaurant.broker.serve()
    assert [one.event for one in told] == ["run", "changes", "end"]
    assert told[0].content["run"]["state"] == "running"
    assert told[1].content["changes"][0]["run_id"] == run_id
    assert told[2].content["run"]["state"] == "succeeded"


async def test_how_far_tasks_are_is_told_as_it_stands_in_a_report(restaurant: Restaurant) -> None:
    how_far = {"done": 3, "total": 8, "text": "beating eggs"}
    async with restaurant.served() as asked:
        run_id = await start(asked)
        await restaurant.until_cooking()
        with anyio.fail_after(5):
            async with asked.stream("GET", f"/api/runs/{run_id}/changes") as response:
                async for one in events(response):
                    if one is not None and one.event == "run":
                        assert one.content["run"]["nodes"][-1]["progress"] is None
                        restaurant.broker.say(**how_far)
                    if one is not None and one.event == "progress":
                        [told] = one.content["progress"]
                        break
        cook = (await asked.get(f"/api/runs/{run_id}")).json()["run"]["nodes"][-1]
    assert (told["run_id"], told["id"], told["task"]) == (run_id, cook["id"], "Cook")
    assert told["progress"] == cook["progress"] == how_far


async def test_a_run_that_is_over_is_told_once(restaurant: Restaurant) -> None:
    async with restaurant.served() as asked:
        run_id = await start(asked, "fire")
        await asked.get(f"/api/runs/{run_id}/wait")
        with anyio.fail_after(5):
            response = await asked.get(f"/api/runs/{run_id}/changes")
    assert response.text.count("event: ") == response.text.count("event: end\n") == 1


async def test_a_heartbeat_shows_that_a_quiet_stream_is_alive(restaurant: Restaurant) -> None:
    async with restaurant.served() as asked:
        run_id = await start(asked)
        with anyio.fail_after(5):
            async with asked.stream("GET", f"/api/runs/{run_id}/changes") as response:
                beats = 0
                async for one in events(response):
                    beats += one is None
                    if beats == 3:
                        break


async def test_a_silent_dispatcher_is_asked_again(restaurant: Restaurant) -> None:
    """Another dispatcher does not know who watched: the whole run is told again, and what comes after it."""
    async with restaurant.served() as asked:
        run_id = await start(asked)
        await restaurant.until_cooking()
        with anyio.fail_after(5):
            async with asked.stream("GET", f"/api/runs/{run_id}/changes") as response:
                seen = []
                async for one in events(response):
                    if one is not None:
                        seen.append(one.event)
                    if seen == ["run", "run"]:
                        restaurant.broker.serve()
    assert seen[-1] == "end"


async def test_the_list_is_told_whenever_it_is_another(restaurant: Restaurant) -> None:
    async with restaurant.served() as asked:
        with anyio.fail_after(5):
            async with asked.stream("GET", "/api/runs/changes", params={"flow": "dinner"}) as response:
                lists = []
                async for one in events(response):
                    if one is None:
                        continue
                    lists.append([run["state"] for run in one.content["runs"]])
                    if lists == [[]]:
                        await start(asked, "fire")
                        await start(asked)
                    elif lists[-1] == ["running"]:
                        await restaurant.until_cooking()
                        restaurant.broker.serve()
                    elif lists[-1] == ["succeeded"]:
                        break
    assert lists == [[], ["running"], ["succeeded"]]


async def test_a_closing_server_ends_its_streams(restaurant: Restaurant) -> None:
    ended = anyio.Event()

    async def follow(url: httpx.URL, run_id: str, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with httpx.AsyncClient() as asked, asked.stream("GET", f"{url}api/runs/{run_id}/changes") as response:
            task_status.started()
            async for _ in events(response):
                pass
        ended.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            async with restaurant.served() as asked:
                run_id = await start(asked)
                await group.start(follow, asked.base_url, run_id)
                began = anyio.current_time()
            # It did not wait until its patience with open streams ran out, two seconds.
            assert anyio.current_time() - began < 1.5
            await ended.wait()


async def test_a_reader_that_leaves_is_forgotten(restaurant: Restaurant) -> None:
    async with restaurant.served() as asked:
        run_id = await start(asked)
        async with asked.stream("GET", f"/api/runs/{run_id}/changes"):
            assert "asyncflow_http_streams 1.0" in (await asked.get("/metrics")).text
        with anyio.fail_after(5):
            while "asyncflow_http_streams 0.0" not in (await asked.get("/metrics")).text:
                await anyio.sleep(0.01)
    assert RunId(run_id)
