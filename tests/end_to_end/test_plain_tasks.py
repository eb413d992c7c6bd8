"""Plain Celery tasks on stock prefork workers, whatever their result backend."""

from __future__ import annotations

import anyio
import pytest

import asyncflow
from asyncflow.model.run import Status
from tests.end_to_end.conftest import Serve, StartWorker, flow, plain

pytestmark = pytest.mark.timeout(120)

CHAIN = flow(
    {"from": [], "to": "add"},
    {"from": "add", "to": "greet", "condition": {"name": "isInt"}, "node_args": {"name": "results.add"}},
    {"from": "greet", "to": ["sleep", "fail"], "node_args": {"seconds": {"value": 0}, "why": "results.greet"}},
    {"from": "ignored", "to": "retry_itself", "node_args": {}},
    failures=[{"nodes": "fail", "fallback": "ignored"}],
    tasks=[
        plain("add"),
        plain("greet"),
        plain("sleep", args=["node_args.seconds"]),
        plain("fail", args=["node_args.why"]),
        plain("ignored", args=[]),
        plain("retry_itself"),
    ],
)


@pytest.mark.parametrize("backend", ["rpc://", "redis", "disabled"])
async def test_a_flow_ends_right_on_every_result_backend(
    backend: str, serve: Serve, start_worker: StartWorker, request: pytest.FixtureRequest
) -> None:
    url = {"redis": lambda: request.getfixturevalue("redis_server").url()}.get(backend, lambda: backend)()
    start_worker("disabled://" if backend == "disabled" else url)
    async with serve(CHAIN) as client:
        outcome = await (await client.start("flow", {"x": 2, "y": 3})).wait(timeout=30)
    assert outcome.state is Status.SUCCEEDED, outcome.report
    assert outcome.results("add") == [5]
    assert outcome.results("greet") == ["hello 5"]
    assert outcome.results("ignored") == ["kept anyway"]
    assert outcome.results("retry_itself") == [2]
    [failed] = [node for node in outcome.nodes if node["name"] == "fail"]
    assert failed["handled"]
    if backend == "rpc://":
        assert failed["error"]["type"] == "ValueError"
        assert failed["error"]["message"] == "hello 5"
        assert "Traceback" in failed["error"]["traceback"]


async def test_why_a_task_failed_is_known_without_a_result_backend(serve: Serve, start_worker: StartWorker) -> None:
    """Its worker is asked for events; until it sends them, only that a task has failed is known."""
    start_worker("disabled://")
    tasks = [plain("fail", max_retry=3, retry_never=["ValueError"])]
    async with serve(flow({"from": [], "to": "fail"}, tasks=tasks)) as client:
        with anyio.fail_after(40):
            while True:
                outcome = await (await client.start("flow", {"why": "the oven: cold"})).wait()
                [node] = outcome.nodes
                if node["error"]["type"] != "TaskFailed":
                    break
    assert (node["error"]["type"], node["error"]["message"]) == ("ValueError", "the oven: cold")
    assert "in fail" in node["error"]["traceback"]
    assert node["attempt"] == 1, "`retry_never` can be obeyed"


async def test_a_task_that_no_worker_knows_fails_without_a_result_backend(
    serve: Serve, start_worker: StartWorker
) -> None:
    start_worker("disabled://")
    tasks = [plain("fail"), {"name": "nobody", "celery_task": "no.such.task", "on_lost": "fail"}]
    async with serve(flow({"from": [], "to": "fail"}, {"from": [], "to": "nobody"}, tasks=tasks)) as client:
        with anyio.fail_after(40):
            kind = "TaskFailed"
            while kind == "TaskFailed":  # until the worker sends events
                run = await client.start("flow", {}, only=["fail"])
                kind = (await run.wait()).nodes[0]["error"]["type"]
            outcome = await (await client.start("flow", {}, only=["nobody"])).wait()
    assert outcome.nodes[0]["error"]["type"] == "NotRegistered"


async def test_synchronous_code_starts_a_flow_and_waits_for_it(
    serve: Serve, start_worker: StartWorker, vhost: str
) -> None:
    start_worker()
    async with serve(flow({"from": [], "to": "add"})):

        def without_a_loop() -> object:
            return asyncflow.run_flow("flow", {"x": 1, "y": 1}, url=vhost).wait(timeout=30).results("add")

        assert await anyio.to_thread.run_sync(without_a_loop) == [2]
