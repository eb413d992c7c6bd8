"""Runs over HTTP: started, seen, stopped."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest

from asyncflow.errors import InvalidNodeArgsError, UnknownFlowError
from asyncflow.model.names import Json
from asyncflow.model.requests import Request
from asyncflow.web.answers import strict_json
from tests.web.restaurant import SCRIPT, Restaurant


async def start(asked: httpx.AsyncClient, flow: str = "dinner", **more: Json) -> str:
    body = {"flow": flow, "node_args": {"guests": 2}, **more}
    response = await asked.post("/api/runs", json=body)
    assert response.status_code == 201, response.text
    run_id: str = response.json()["run_id"]
    assert response.headers["Location"] == f"/api/runs/{run_id}"
    return run_id


async def test_a_flow_is_started_and_its_run_shown(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await start(asked, labels={"who": "me"})
        await restaurant.until_cooking()
        run = (await asked.get(f"/api/runs/{run_id[:6]}")).json()["run"]
        assert (run["run_id"], run["state"], run["labels"]) == (run_id, "running", {"who": "me"})
        assert [(node["name"], node["state"]) for node in run["nodes"]] == [("Shop", "succeeded"), ("Cook", "running")]
        restaurant.broker.serve()
        run = (await asked.get(f"/api/runs/{run_id}/wait", params={"timeout": 5})).json()["run"]
    assert run["state"] == "succeeded"
    assert run["nodes"][1]["result"] == "cooked"


async def test_waiting_ends_when_its_time_is_up(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await start(asked)
        response = await asked.get(f"/api/runs/{run_id}/wait", params={"timeout": 1})
    assert response.json()["run"]["state"] == "running"


async def test_the_same_idempotency_key_is_the_same_run_of_a_flow(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        body = {"flow": "dinner", "node_args": {"guests": 2}}
        keyed = [await asked.post("/api/runs", json=body, headers={"Idempotency-Key": key}) for key in "aab"]
        other = await asked.post("/api/runs", json={**body, "flow": "party"}, headers={"Idempotency-Key": "a"})
        listed = (await asked.get("/api/runs")).json()["runs"]
    first, again, second = (response.json()["run_id"] for response in keyed)
    assert first == again
    assert {run["run_id"] for run in listed} == {first, second, other.json()["run_id"]}
    assert len(listed) == 3


async def test_the_list_is_filtered_and_limited(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        for flow in ("dinner", "dinner", "fire"):
            run_id = await start(asked, flow)
        await asked.get(f"/api/runs/{run_id}/wait")
        by_flow = (await asked.get("/api/runs", params={"flow": "dinner"})).json()["runs"]
        failed = (await asked.get("/api/runs", params={"state": "failed"})).json()["runs"]
        one = (await asked.get("/api/runs", params={"limit": 1})).json()["runs"]
    assert [run["flow"] for run in by_flow] == ["dinner", "dinner"]
    assert [run["run_id"] for run in failed] == [run_id]
    assert len(one) == 1


async def test_a_run_that_failed_is_retried_after_a_preview(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        await start(asked, "fire", run_id="one")
        await asked.get("/api/runs/one/wait")
        preview = (await asked.get("/api/runs/one/retry")).json()["retry"]
        response = await asked.post("/api/runs/one/retry", json={"run_id": "two"})
        again = (await asked.get("/api/runs/two/wait")).json()["run"]
        wrong = await asked.post("/api/runs/two/retry", json={"from": ["Nothing"]})
    assert preview == {"run_id": "one", "flow": "fire", "again": {"Burn": 1}, "reused": {}, "flow_has_changed": False}
    assert (response.status_code, response.json()) == (201, {"run_id": "two"})
    assert (again["state"], again["labels"]) == ("failed", {"retry_of": "one", "first_run": "one"})
    assert wrong.status_code == 400
    assert "run two has started no Nothing" in wrong.json()["error"]["message"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("label=team=red", "two one"),
        ("label=team=red&label=day=", "two"),
        ("label=", "three two one"),
        ("since=1h", "three two one"),
        ("until=1h", ""),
        ("since=2000-01-01T00:00Z&until=2000-01-02", ""),
        ("search=valueERROR", "three"),
        ("search=re&flow=fire", "three"),
        ("search=tw", "two"),
    ],
)
async def test_the_list_is_filtered_by_label_time_and_text(restaurant: Restaurant, query: str, expected: str) -> None:
    async with restaurant.asked() as asked:
        for run_id, flow, labels in (
            ("one", "dinner", {"team": "red"}),
            ("two", "dinner", {"team": "red", "day": ""}),
            ("three", "fire", {"team": "blue"}),
        ):
            body = {"flow": flow, "node_args": {"guests": 2}, "labels": labels, "run_id": run_id}
            assert (await asked.post("/api/runs", json=body)).status_code == 201
        await asked.get("/api/runs/three/wait")
        response = await asked.get(f"/api/runs?{query}")
    assert [run["run_id"] for run in response.json()["runs"]] == expected.split()


@pytest.mark.parametrize(
    ("query", "said"),
    [("label=red", "label is NAME=VALUE, not 'red'"), ("since=yesterday", "since is a time, such as 2h (ago)")],
)
async def test_a_filter_that_means_nothing_is_refused(restaurant: Restaurant, query: str, said: str) -> None:
    async with restaurant.asked() as asked:
        response = await asked.get(f"/api/runs?{query}")
    assert response.status_code == 400
    assert said in response.json()["error"]["message"]


async def test_many_runs_start_at_once_or_none_of_them(restaurant: Restaurant) -> None:
    started = await restaurant.client.start_many(
        "dinner", [{"guests": 1 + n % 9} for n in range(450)], labels={"bulk": "1"}
    )
    again = await restaurant.client.start_many("dinner", [{"guests": 7}], run_ids=[started[0].id])
    listed = await restaurant.client.list(labels={"bulk": "1"}, limit=1000)
    assert {run["run_id"] for run in listed} == {run.id for run in started}
    assert len(listed) == 450
    assert (await again[0].status()).report["node_args"] == {"guests": 1}
    with pytest.raises(InvalidNodeArgsError, match=r"start 2: flow 'dinner' does not take these node args"):
        await restaurant.client.start_many("dinner", [{"guests": 1}, {}], labels={"bulk": "2"})
    with pytest.raises(UnknownFlowError):
        await restaurant.client.start_many("lunch", [None])
    assert await restaurant.client.list(labels={"bulk": "2"}) == []


async def test_runs_are_paused_resumed_and_cancelled(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await start(asked)
        for verb, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
            response = await asked.post(f"/api/runs/{run_id}/{verb}")
            assert (response.status_code, response.json()) == (200, {"run_id": run_id})
            assert (await asked.get(f"/api/runs/{run_id}")).json()["run"]["state"] == state


async def test_a_reason_is_kept_with_a_cancelled_run(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await start(asked)
        told = await asked.post(f"/api/runs/{run_id}/cancel", json={"reason": "tired"})
        wrong = await asked.post(f"/api/runs/{run_id}/cancel", json={"reasons": "tired"})
    assert told.status_code == 200
    assert wrong.status_code == 400


async def test_a_selective_run_starts_what_leads_to_its_tasks(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await start(asked, only=["Shop"])
        run = (await asked.get(f"/api/runs/{run_id}/wait", params={"timeout": 5})).json()["run"]
        refused = await asked.post("/api/runs", json={"flow": "dinner", "node_args": {"guests": 1}, "only": ["Burn"]})
    assert [node["name"] for node in run["nodes"]] == ["Shop"]
    assert (refused.status_code, refused.json()["error"]["type"]) == (422, "SelectiveNoPathError")


@pytest.mark.parametrize(
    ("body", "status", "type", "says"),
    [
        ({"flow": "lunch"}, 404, "UnknownFlowError", "lunch"),
        ({"flow": "dinner", "node_args": {}}, 422, "InvalidNodeArgsError", "guests"),
        ({"node_args": {}}, 400, "BadRequest", "flow"),
        ({"flow": "dinner", "node_arg": {}}, 400, "BadRequest", "node_arg"),
        ({"flow": "dinner", "labels": {"a": 1}}, 400, "BadRequest", "labels"),
        ([1], 400, "BadRequest", "object"),
    ],
)
async def test_a_wrong_start_is_refused_with_what_is_wrong(
    restaurant: Restaurant, body: Json, status: int, type: str, says: str
) -> None:
    async with restaurant.asked() as asked:
        response = await asked.post("/api/runs", json=body)
    assert (response.status_code, response.json()["error"]["type"]) == (status, type)
    assert says in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"flow": NaN}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"", "application/json", 400),
        (b'{"flow": "fire"}', "text/plain", 415),
        (b"flow=fire", "application/x-www-form-urlencoded", 415),
    ],
    ids=["broken", "not a number", "deep", "empty", "plain text", "a form"],
)
async def test_a_body_that_is_no_json_is_refused(
    restaurant: Restaurant, content: bytes, media: str, status: int
) -> None:
    async with restaurant.asked() as asked:
        response = await asked.post("/api/runs", content=content, headers={"Content-Type": media})
        assert (await asked.get("/api/runs")).json() == {"runs": []}
    assert response.status_code == status
    assert response.json()["error"]["message"]


async def test_runs_are_listed_by_several_states_at_once(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        ids = {await start(asked, run_id=f"night-{number}") for number in range(2)}
        await asked.post("/api/runs/night-1/cancel")
        told = [
            (await asked.get(f"/api/runs?{query}")).json()["runs"]
            for query in ("state=cancelled&state=running&state=paused", "state=cancelled", "state=failed&state=paused")
        ]
    assert [{run["run_id"] for run in runs} for runs in told] == [ids, {"night-1"}, set()]


async def test_unknown_and_ambiguous_runs_are_told_apart(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        await start(asked, run_id="night-1")
        await start(asked, run_id="night-2")
        answers = [await asked.get(f"/api/runs/{run}{more}") for run in ("day", "night") for more in ("", "/changes")]
        posted = await asked.post("/api/runs/night/cancel")
    assert [answer.status_code for answer in (*answers, posted)] == [404, 404, 409, 409, 409]
    assert [answer.json()["error"]["type"] for answer in answers[::2]] == ["UnknownRunError", "AmbiguousRunError"]


@pytest.mark.parametrize(
    "query",
    ["state=lost", "state=failed&state=lost", "limit=0", "limit=1001", "limit=x", "limit=-1", "limit=²", "stat=failed"],
)
async def test_a_wrong_query_is_refused(restaurant: Restaurant, query: str) -> None:
    async with restaurant.asked() as asked:
        response = await asked.get(f"/api/runs?{query}")
    assert response.status_code == 400
    assert query.partition("=")[0] in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"size": 2**80}, b'{"size":1208925819614629174706176}'),
        ({"name": "\ud800"}, b'{"name":"\\ud800"}'),
        ([math.nan, math.inf, 1.5], b"[null,null,1.5]"),
        ([math.nan, 2**80], b"[null,1208925819614629174706176]"),
        ({1: [{"a": (math.nan, 2**80)}]}, b'{"1":[{"a":[null,1208925819614629174706176]}]}'),
    ],
    ids=["a large number", "half a letter", "not numbers", "both", "deep inside"],
)
def test_values_that_json_can_hardly_say_are_written_so_that_browsers_read_them(value: Json, text: bytes) -> None:
    assert strict_json(value) == text


async def test_what_failed_is_told_with_its_exception(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await start(asked, "fire")
        response = await asked.get(f"/api/runs/{run_id}/wait", params={"timeout": 5})
    [node] = response.json()["run"]["nodes"]
    assert (node["error"]["type"], node["error"]["message"]) == ("ValueError", SCRIPT)
    assert response.headers["Content-Type"] == "application/json"


class _Silence:
    """A line on which no dispatcher answers."""

    connected = True

    @asynccontextmanager
    async def answers(self, request: Request) -> AsyncIterator[AsyncIterator[dict[str, Json]]]:
        async def nothing() -> AsyncIterator[dict[str, Json]]:
            await anyio.sleep_forever()
            yield {}

        yield nothing()


async def test_a_silent_dispatcher_is_unavailable_and_not_ready_while_this_server_is_well(
    restaurant: Restaurant,
) -> None:
    async with restaurant.asked(line=_Silence()) as asked:
        started = await asked.post("/api/runs", json={"flow": "fire", "run_id": "later"})
        ready, healthy = await asked.get("/readyz"), await asked.get("/healthz")
    assert (started.status_code, started.json()["error"]["type"]) == (503, "NoDispatcherError")
    assert "later waits in the broker" in started.json()["error"]["message"]
    assert started.headers["Retry-After"]
    assert (ready.status_code, healthy.status_code) == (503, 200)
    assert "no dispatcher answered within 2 s" in ready.json()["message"]


class _Away:
    """A line whose broker is away."""

    connected = False

    @asynccontextmanager
    async def answers(self, request: Request) -> AsyncIterator[AsyncIterator[dict[str, Json]]]:
        await anyio.sleep_forever()
        raise AssertionError
        yield


async def test_a_broker_that_is_away_is_told_apart_from_a_dispatcher_that_is(restaurant: Restaurant) -> None:
    async with restaurant.asked(line=_Away()) as asked:
        started = await asked.post("/api/runs", json={"flow": "fire"})
        ready = await asked.get("/readyz")
    assert (started.status_code, started.json()["error"]["type"]) == (503, "BrokerError")
    assert ready.status_code == 503
    assert ready.json()["message"].startswith("the broker cannot be reached")


async def test_a_ready_dispatcher_is_ready(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        assert (await asked.get("/readyz")).json() == {"status": "ok"}
