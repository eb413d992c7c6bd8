"""How much one client may ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncflow.web.pace import Bounds, Pace
from asyncflow.web.refusals import Refused
from asyncflow.web.tokens import Scope
from tests.web.restaurant import Restaurant, tokens_in
from tests.web.test_guard import bearer
from tests.web.test_runs import start


class Now:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_bucket_fills_again_at_its_rate_and_is_each_clients_own() -> None:
    now = Now()
    pace = Pace(Bounds(rate=2, burst=3), now)
    for _ in range(3):
        pace.take("a")
    with pytest.raises(Refused, match="at most 2 requests a second") as refused:
        pace.take("a")
    assert (refused.value.status_code, refused.value.headers) == (429, {"Retry-After": "1"})
    pace.take("b")
    now.seconds = 1.0
    pace.take("a")
    pace.take("a")
    with pytest.raises(Refused):
        pace.take("a")
    now.seconds = 1000.0
    for _ in range(3):
        pace.take("a")
    with pytest.raises(Refused):
        pace.take("a")


def test_being_refused_does_not_make_it_worse() -> None:
    now = Now()
    pace = Pace(Bounds(rate=1, burst=1), now)
    pace.take("a")
    for _ in range(5):
        with pytest.raises(Refused):
            pace.take("a")
    now.seconds = 1.0
    pace.take("a")


async def test_too_many_requests_are_refused_and_told_when_to_come_again(restaurant: Restaurant) -> None:
    async with restaurant.asked(bounds=Bounds(rate=0.5, burst=3)) as asked:
        statuses = [(await asked.get("/api/runs")).status_code for _ in range(4)]
        refused = await asked.get("/api/flows")
    assert statuses == [200, 200, 200, 429]
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "TooManyRequests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 2


async def test_each_token_has_its_own_pace_and_guessing_one_has_the_addresss(
    restaurant: Restaurant, tmp_path: Path
) -> None:
    tokens = tokens_in(tmp_path)
    first, second = [tokens.create(Scope.READ)[1] for _ in range(2)]
    async with restaurant.asked(tokens, bounds=Bounds(rate=0.01, burst=2)) as asked:
        guessed = [(await asked.get("/api/runs", headers=bearer(f"af_{number}"))).status_code for number in range(3)]
        allowed = [(await asked.get("/api/runs", headers=bearer(first))).status_code for _ in range(3)]
        other = await asked.get("/api/runs", headers=bearer(second))
    assert guessed == [401, 401, 429]
    assert allowed == [200, 200, 429]
    assert other.status_code == 200


async def test_streams_are_bounded_for_each_client_and_for_all(restaurant: Restaurant) -> None:
    async with restaurant.served(bounds=Bounds(streams=2)) as asked:
        run_id = await start(asked)
        path = f"/api/runs/{run_id}/changes"
        async with asked.stream("GET", path), asked.stream("GET", path):
            third = await asked.get(path)
            assert (third.status_code, third.headers["Retry-After"]) == (429, "10")
        async with asked.stream("GET", "/api/runs/changes") as again:
            assert again.status_code == 200
    async with restaurant.served(bounds=Bounds(all_streams=0)) as asked:
        assert (await asked.get("/api/runs/changes")).status_code == 503


async def test_the_files_of_the_page_are_not_counted(restaurant: Restaurant) -> None:
    async with restaurant.asked(bounds=Bounds(rate=0.01, burst=1)) as asked:
        assert (await asked.get("/healthz")).status_code == 200
        assert (await asked.get("/healthz")).status_code == 429
        assert (await asked.get("/static/page.js")).status_code == 200
