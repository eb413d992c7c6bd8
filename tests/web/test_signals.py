"""Signals and schedules over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from asyncflow.web.tokens import Scope
from tests.web.restaurant import Restaurant, open_restaurant, plain, tokens_in

SCHEMA = {"type": "object", "required": ["by"]}
MENU = {
    "tasks": [{"name": "Approval", "wait": {"event": "approved", "timeout": "1h", "schema": SCHEMA}}, plain("Shop")],
    "flow-definitions": [
        {"name": "release", "edges": [{"from": None, "to": "Approval"}, {"from": "Approval", "to": "Shop"}]}
    ],
    "schedules": [{"name": "nightly", "flow": "release", "cron": "0 3 * * *", "timezone": "Europe/Prague"}],
}


@pytest.fixture
async def restaurant() -> AsyncIterator[Restaurant]:
    async with open_restaurant(MENU) as opened:
        yield opened


async def started(asked: httpx.AsyncClient, headers: dict[str, str] | None = None) -> str:
    run_id: str = (await asked.post("/api/runs", json={"flow": "release"}, headers=headers)).json()["run_id"]
    return run_id


async def test_a_signal_releases_a_node(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await started(asked)
        [node] = (await asked.get(f"/api/runs/{run_id}")).json()["run"]["nodes"]
        assert (node["kind"], node["state"], node["event"]) == ("wait", "waiting", "approved")
        assert node["until"] > node["started_at"]
        body = {"event": "approved", "payload": {"by": "Ada"}, "id": "1"}
        told = await asked.post(f"/api/runs/{run_id[:8]}/signals", json=body)
        assert told.status_code == 200
        signal = {"state": "taken", "node": "Approval", "id": node["id"], "run_id": run_id}
        assert told.json() == {"run_id": run_id, "signal": signal}
        run = (await asked.get(f"/api/runs/{run_id}/wait", params={"timeout": 5})).json()["run"]
        late = await asked.post(f"/api/runs/{run_id}/signals", json={**body, "id": "2"})
    assert [node["result"] for node in run["nodes"] if node["name"] == "Approval"] == [{"by": "Ada"}]
    assert late.status_code == 409


async def test_an_idempotency_key_is_the_id_of_a_signal(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await started(asked)
        body = {"event": "approved", "payload": {"by": "Ada"}}
        path = f"/api/runs/{run_id}/signals"
        states = [
            (await asked.post(path, json=body, headers={"Idempotency-Key": "k"})).json()["signal"]["state"]
            for _ in range(2)
        ]
    assert states[0] == "taken"
    assert states[1] == "repeated"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"event": "approved", "payload": {"from": "Ada"}}, 422),
        ({"event": "aproved"}, 409),
        ({"payload": {"by": "Ada"}}, 400),
        ({"event": "approved", "payloads": {"by": "Ada"}}, 400),
        ({"event": "approved", "payload": {"by": "Ada"}, "node": "x"}, 409),
    ],
)
async def test_what_cannot_be_taken_is_refused(restaurant: Restaurant, body: dict[str, object], status: int) -> None:
    async with restaurant.asked() as asked:
        run_id = await started(asked)
        response = await asked.post(f"/api/runs/{run_id}/signals", json=body)
        [node] = (await asked.get(f"/api/runs/{run_id}")).json()["run"]["nodes"]
    assert response.status_code == status, response.text
    assert node["state"] == "waiting"


async def test_signals_need_the_scope_of_runs(restaurant: Restaurant, tmp_path: Path) -> None:
    tokens = tokens_in(tmp_path)
    read, run = ({"Authorization": f"Bearer {tokens.create(scope)[1]}"} for scope in (Scope.READ, Scope.RUN))
    body = {"event": "approved", "payload": {"by": "Ada"}}
    async with restaurant.asked(tokens) as asked:
        run_id = await started(asked, run)
        statuses = [
            (await asked.post(f"/api/runs/{run_id}/signals", json=body, headers=headers)).status_code
            for headers in (read, run)
        ]
    assert statuses == [403, 200]


async def test_schedules_are_listed(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        [schedule] = (await asked.get("/api/schedules")).json()["schedules"]
        document = (await asked.get("/api/openapi.json")).json()
    assert (schedule["name"], schedule["cron"], schedule["timezone"]) == ("nightly", "0 3 * * *", "Europe/Prague")
    assert len(schedule["next"]) == 3
    assert {"/api/schedules", "/api/runs/{run}/signals"} <= set(document["paths"])
