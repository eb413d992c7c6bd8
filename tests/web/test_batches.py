"""Many starts in one request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from asyncflow.client import TOGETHER
from asyncflow.web.tokens import Scope
from tests.web.restaurant import Restaurant, tokens_in

PATH = "/api/runs/batch"


def dinners(*guests: int, **more: Any) -> dict[str, Any]:
    return {"flow": "dinner", "runs": [{"node_args": {"guests": count}} for count in guests], **more}


async def test_many_runs_start_in_one_request(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        body = dinners(*range(1, 4), labels={"day": "sunday"})
        body["runs"][1]["run_id"] = "mine"
        response = await asked.post(PATH, json=body)
        assert response.status_code == 201, response.text
        first, mine, last = response.json()["run_ids"]
        listed = (await asked.get("/api/runs?label=day%3Dsunday")).json()["runs"]
        shown = [(await asked.get(f"/api/runs/{run}")).json()["run"] for run in (first, mine, last)]
    assert mine == "mine"
    assert {run["run_id"] for run in listed} == {first, mine, last}
    assert [run["node_args"]["guests"] for run in shown] == [1, 2, 3]


async def test_the_same_key_again_starts_nothing_twice(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        headers = {"Idempotency-Key": "k"}
        once, again = [(await asked.post(PATH, json=dinners(1, 2), headers=headers)).json() for _ in range(2)]
        other = (await asked.post(PATH, json=dinners(1, 2), headers={"Idempotency-Key": "l"})).json()
        listed = (await asked.get("/api/runs")).json()["runs"]
    assert once == again
    assert len(set(once["run_ids"]) | set(other["run_ids"])) == len(listed) == 4


async def test_a_run_that_is_named_twice_is_one_run(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        twice = {"node_args": {"guests": 2}, "run_id": "twice"}
        response = await asked.post(PATH, json={"flow": "dinner", "runs": [twice, twice]})
        listed = (await asked.get("/api/runs")).json()["runs"]
    assert response.json() == {"run_ids": ["twice", "twice"]}
    assert [run["run_id"] for run in listed] == ["twice"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (dinners(1, 0, 3), 422, "start 2: "),
        (dinners(1) | {"flow": "lunch"}, 404, "lunch"),
        (dinners(), 400, "the body.runs must contain at least 1 items"),
        (dinners(*([1] * (TOGETHER + 1))), 400, "the body.runs must contain less than or equal to 200 items"),
        (dinners(1) | {"node_args": {}}, 400, "node_args"),
        ({"flow": "dinner", "runs": [{"guests": 1}]}, 400, "guests"),
        ({"flow": "dinner"}, 400, "runs"),
        (dinners(1, priority=256), 400, "priority"),
        (dinners(1, labels={"said": "x" * 1024 * 1024}), 413, "1,048,576 bytes"),
    ],
)
async def test_all_are_refused_where_one_is(
    restaurant: Restaurant, body: dict[str, Any], status: int, said: str
) -> None:
    async with restaurant.asked() as asked:
        response = await asked.post(PATH, json=body)
        listed = (await asked.get("/api/runs")).json()["runs"]
    assert response.status_code == status, response.text
    assert said in response.json()["error"]["message"]
    assert listed == []


async def test_starting_many_needs_the_scope_of_runs(restaurant: Restaurant, tmp_path: Path) -> None:
    tokens = tokens_in(tmp_path)
    headers = [{"Authorization": f"Bearer {tokens.create(scope)[1]}"} for scope in (Scope.READ, Scope.RUN)]
    async with restaurant.asked(tokens) as asked:
        statuses = [(await asked.post(PATH, json=dinners(1), headers=one)).status_code for one in headers]
    assert statuses == [403, 201]
