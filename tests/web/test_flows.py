"""Flows over HTTP, drawings, and the document of it all."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from asyncflow.drawing import NodeState
from asyncflow.web.runs import states_of
from asyncflow.web.schemas import SCHEMAS
from asyncflow.web.table import ENDPOINTS
from tests.web.restaurant import MENU, Restaurant
from tests.web.test_runs import start


async def test_flows_are_listed_with_what_they_take(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        flows = (await asked.get("/api/flows")).json()["flows"]
        dinner = (await asked.get("/api/flows/dinner")).json()["flow"]
        unknown = await asked.get("/api/flows/lunch")
    assert sorted(flow["name"] for flow in flows) == sorted(MENU["flows"])
    assert dinner in flows
    assert dinner["node_args_schema"]["required"] == ["guests"]
    assert [node["name"] for node in dinner["nodes"]] == ["Shop", "Cook"]
    assert (unknown.status_code, unknown.json()["error"]["type"]) == (404, "UnknownFlowError")


@pytest.mark.parametrize(
    ("format", "media", "begins"),
    [
        ("svg", "image/svg+xml", "<svg"),
        ("dot", "text/vnd.graphviz; charset=utf-8", "digraph"),
        ("mermaid", "text/plain; charset=utf-8", "flowchart"),
        ("json", "application/json", "{"),
        ("png", "image/png", "\ufffdPNG"),
    ],
)
async def test_a_flow_is_drawn_in_every_format(restaurant: Restaurant, format: str, media: str, begins: str) -> None:
    async with restaurant.asked() as asked:
        response = await asked.get("/api/flows/party/drawing", params={"format": format, "expand": 1})
    assert (response.status_code, response.headers["Content-Type"]) == (200, media)
    assert begins in response.content.decode(errors="replace")
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")


async def test_the_drawing_of_a_run_has_the_states_of_its_nodes(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await start(asked, "party")
        await restaurant.until_cooking(2)
        folded, unfolded = [
            ET.fromstring((await asked.get(f"/api/runs/{run_id}/drawing?expand={deep}")).text) for deep in (0, 1)
        ]
        told = await asked.get(f"/api/runs/{run_id}/drawing?format=json")
    assert _states(folded) == {"dinner": "running"}
    assert _states(unfolded) == {"dinner": "running", "dinner/Shop": "succeeded", "dinner/Cook": "running"}
    assert json.loads(told.text)


async def test_nodes_that_have_not_begun_are_drawn_as_waiting(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await start(asked, only=["Shop"])
        await asked.get(f"/api/runs/{run_id}/wait")
        drawn = ET.fromstring((await asked.get(f"/api/runs/{run_id}/drawing")).text)
    assert _states(drawn) == {"Shop": "succeeded", "Cook": "waiting"}


def test_many_instances_of_a_node_are_counted_and_the_most_pressing_colours_it() -> None:
    nodes = [{"name": "A", "state": state} for state in ("succeeded", "failed", "running", "succeeded")]
    assert states_of({"nodes": nodes}) == {
        "A": NodeState(state="running", counts={"succeeded": 2, "failed": 1, "running": 1}),
    }


def _states(svg: ET.Element) -> dict[str, str]:
    return {
        node.attrib["data-node"]: word.removeprefix("state-")
        for node in svg.iter()
        if "data-node" in node.attrib
        for word in node.attrib["class"].split()
        if word.startswith("state-")
    }


async def test_the_document_lists_every_endpoint_and_leads_nowhere_wrong(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        document = (await asked.get("/api/openapi.json")).json()
    told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert told == {(one.method, one.path.replace(":path", "")) for one in ENDPOINTS}
    references = json.dumps(document).split('"$ref": "#/components/schemas/')[1:]
    assert {reference.partition('"')[0] for reference in references} <= set(SCHEMAS)
    ids = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


async def test_nothing_else_is_there(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        for path in (
            "/api/nothing",
            "/static/../server.py",
            "/static/%2e%2e/server.py",
            "/static//etc/passwd",
            "/.git",
        ):
            response = await asked.get(path)
            assert (response.status_code, response.json()["error"]["type"]) == (404, "NotFound"), path
        response = await asked.put("/api/runs")
        assert (response.status_code, response.json()["error"]["type"]) == (405, "MethodNotAllowed")


async def test_requests_are_counted(restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        await asked.get("/api/flows")
        await asked.get("/api/flows/lunch")
        text = (await asked.get("/metrics")).text
    assert 'asyncflow_http_request_seconds_count{method="GET",route="/api/flows",status="200"} 1.0' in text
    assert 'route="/api/flows/{flow:path}",status="404"' in text
    assert "asyncflow_dispatcher_answers 1.0" in text
