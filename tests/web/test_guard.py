"""Who is let in, from where, and with how much."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asyncflow.errors import RequestError, StoreError
from asyncflow.web.guard import Limits
from asyncflow.web.server import Address, limits_of
from asyncflow.web.table import ENDPOINTS
from asyncflow.web.tokens import Scope
from tests.web.restaurant import Restaurant, tokens_in

FIRE = {"flow": "fire", "run_id": "one"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
async def test_off_loopback_everything_but_health_demands_a_token(
    restaurant: Restaurant, tmp_path: Path, endpoint
) -> None:
    path = endpoint.path.replace(":path", "").format(flow="dinner", run="one", token="one", node="one")
    async with restaurant.asked(tokens_in(tmp_path)) as asked:
        response = await asked.request(endpoint.method, path)
    if endpoint.path in {"/healthz", "/readyz", "/api/openapi.json"}:
        assert response.status_code == 200
    else:
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_token_allows_what_its_scope_says(restaurant: Restaurant, tmp_path: Path) -> None:
    tokens = tokens_in(tmp_path)
    held = {scope: tokens.create(scope)[1] for scope in Scope}
    statuses = {}
    async with restaurant.asked(tokens) as asked:
        for scope, token in held.items():
            listed = await asked.get("/api/runs", headers=bearer(token))
            started = await asked.post("/api/runs", json=FIRE, headers=bearer(token))
            seen = await asked.get("/api/tokens", headers=bearer(token))
            statuses[scope] = [listed.status_code, started.status_code, seen.status_code]
    assert statuses == {Scope.READ: [200, 403, 403], Scope.RUN: [200, 201, 403], Scope.ADMIN: [200, 201, 200]}


async def test_a_revoked_token_is_valid_no_longer(restaurant: Restaurant, tmp_path: Path) -> None:
    tokens = tokens_in(tmp_path)
    _, admin = tokens.create(Scope.ADMIN)
    first, text = tokens.create(Scope.READ, "dashboard")
    async with restaurant.asked(tokens) as asked:
        assert (await asked.get("/api/runs", headers=bearer(text))).status_code == 200
        left = await asked.delete(f"/api/tokens/{first.id}", headers=bearer(admin))
        assert [token["scope"] for token in left.json()["tokens"]] == ["admin"]
        assert (await asked.get("/api/runs", headers=bearer(text))).status_code == 401
        assert (await asked.delete(f"/api/tokens/{first.id}", headers=bearer(admin))).status_code == 404


@pytest.mark.parametrize("value", ["Bearer af_nothing", "Basic YTpi", "Bearer", "Bearer  ", "af_x", "Bearer é"])
async def test_a_wrong_token_is_refused(restaurant: Restaurant, tmp_path: Path, value: str) -> None:
    async with restaurant.asked(tokens_in(tmp_path)) as asked:
        response = await asked.get("/api/runs", headers={"Authorization": value.encode()})
    assert (response.status_code, response.json()["error"]["type"]) == (401, "Unauthorized")


def test_a_file_of_tokens_is_private_and_holds_no_token(tmp_path: Path) -> None:
    tokens = tokens_in(tmp_path)
    token, text = tokens.create(Scope.RUN, "ci")
    assert tokens.path.stat().st_mode & 0o777 == 0o600
    assert text not in tokens.path.read_text()
    assert text.rpartition("_")[2] not in tokens.path.read_text()
    found = tokens_in(tmp_path).find(text)
    assert found is not None
    assert found.scope is Scope.RUN
    assert tokens.tokens() == (token,)
    with pytest.raises(RequestError, match=token.id):
        tokens.revoke("none")


def test_an_unreadable_file_of_tokens_lets_nobody_in(tmp_path: Path) -> None:
    tokens = tokens_in(tmp_path)
    tokens.path.write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        tokens.find("any")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8321", "", "10.0.0.1"]
)
async def test_another_host_name_is_not_answered_to(restaurant: Restaurant, host: str) -> None:
    async with restaurant.asked() as asked:
        response = await asked.get("/api/runs", headers={"Host": host})
    assert response.status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8321", "localhost", "LOCALHOST:1", "[::1]:8321"])
async def test_names_of_loopback_are_answered_to(restaurant: Restaurant, host: str) -> None:
    async with restaurant.asked() as asked:
        assert (await asked.get("/api/runs", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://127.0.0.1:8321", "Sec-Fetch-Site": "same-origin"}, 201),
        ({"Origin": "https://127.0.0.1:8321"}, 201),
        ({}, 201),
    ],
)
async def test_pages_of_other_sites_can_start_nothing(
    restaurant: Restaurant, headers: dict[str, str], status: int
) -> None:
    async with restaurant.asked() as asked:
        response = await asked.post("/api/runs", json=FIRE, headers=headers)
        listed = (await asked.get("/api/runs")).json()["runs"]
    assert (response.status_code, len(listed)) == (status, int(status == 201))


async def _pieces(number: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield b" " * 100


async def test_a_large_body_is_refused_whether_it_says_so_or_not(restaurant: Restaurant) -> None:
    json_type = {"Content-Type": "application/json"}
    async with restaurant.asked(limits=Limits(body=1000)) as asked:
        said = await asked.post("/api/runs", content=b" " * 1001, headers=json_type)
        unsaid = await asked.post("/api/runs", content=_pieces(11), headers=json_type)
        within = await asked.post("/api/runs", content=_pieces(10), headers=json_type)
    assert [said.status_code, unsaid.status_code, within.status_code] == [413, 413, 400]
    assert said.json()["error"] == unsaid.json()["error"]


async def test_answers_forbid_browsers_what_they_do_not_need(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        for path in ("/api/runs", "/nothing"):
            headers = (await asked.get(path)).headers
            assert "default-src 'self'" in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("text", "loopback", "names", "any_address"),
    [
        ("127.0.0.1:8321", True, {"localhost", "127.0.0.1"}, False),
        ("[::1]:0", True, {"::1"}, False),
        ("localhost:80", True, {"localhost"}, False),
        ("10.1.2.3:80", False, {"10.1.2.3"}, False),
        (":8321", False, {"flows.example"}, True),
        ("[::]:8321", False, {"flows.example"}, True),
    ],
)
def test_an_address_says_who_can_reach_it(text: str, loopback: bool, names: set[str], any_address: bool) -> None:
    address = Address.read(text)
    limits = limits_of(address, ("Flows.example",))
    assert address.is_loopback is loopback
    assert names <= limits.hosts
    assert limits.any_address is any_address


@pytest.mark.parametrize("text", ["", "8321", "host", "host:", "host:x", "host:99999", "host:-1"])
def test_a_text_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="HOST:PORT"):
        Address.read(text)
