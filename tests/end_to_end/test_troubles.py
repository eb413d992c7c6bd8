"""What goes wrong has a clear outcome: nothing hangs, nothing is lost."""

from __future__ import annotations

from pathlib import Path

import aio_pika
import pytest

from asyncflow.adapters.amqp import AmqpBroker
from asyncflow.client import connect
from asyncflow.errors import BrokerError, NoDispatcherError
from asyncflow.model.run import Status
from tests.end_to_end.conftest import Serve, StartWorker, flow, plain
from tests.servers import free_port

pytestmark = pytest.mark.timeout(120)


async def test_a_task_that_no_worker_knows_fails_the_run_by_name(serve: Serve, start_worker: StartWorker) -> None:
    start_worker()
    async with serve(flow({"from": [], "to": "add"}, tasks=[{"name": "add", "celery_task": "no.such.task"}])) as client:
        outcome = await (await client.start("flow", {"x": 1, "y": 2})).wait(timeout=30)
    assert outcome.state is Status.FAILED
    assert "NotRegistered" in str(outcome.error)
    assert "no.such.task" in str(outcome.error)


async def test_a_queue_that_no_worker_serves_fails_the_run_with_what_to_start(
    serve: Serve, start_worker: StartWorker
) -> None:
    start_worker()
    configuration = flow({"from": [], "to": "add"}, tasks=[plain("add", queue="nowhere")])
    async with serve(configuration, unroutable_after=1.0) as client:
        outcome = await (await client.start("flow", {"x": 1, "y": 2})).wait(timeout=30)
    assert outcome.state is Status.FAILED
    assert "-Q nowhere" in str(outcome.error)


async def test_a_task_waits_for_a_queue_that_appears_in_time(serve: Serve, start_worker: StartWorker) -> None:
    async with serve(flow({"from": [], "to": "add"})) as client:
        run = await client.start("flow", {"x": 1, "y": 2})
        start_worker()
        outcome = await run.wait(timeout=30)
    assert outcome.results("add") == [3]


async def test_a_result_that_is_not_json_fails_the_task(serve: Serve, start_worker: StartWorker) -> None:
    start_worker()
    async with serve(flow({"from": [], "to": "not_json"})) as client:
        outcome = await (await client.start("flow")).wait(timeout=30)
    assert outcome.state is Status.FAILED
    assert outcome.nodes[0]["error"]["type"] == "EncodeError"


async def test_a_task_is_retried_by_its_policy_with_a_new_id(
    serve: Serve, start_worker: StartWorker, tmp_path: Path
) -> None:
    start_worker()
    tasks = [plain("fail_at_first", max_retry=3, retry_countdown=0.1)]
    async with serve(flow({"from": [], "to": "fail_at_first"}, tasks=tasks)) as client:
        outcome = await (await client.start("flow", {"path": str(tmp_path / "calls")})).wait(timeout=30)
    assert outcome.results("fail_at_first") == [3]
    assert outcome.nodes[0]["attempt"] == 3


async def test_a_task_past_its_timeout_fails_and_its_late_result_is_ignored(
    serve: Serve, start_worker: StartWorker
) -> None:
    start_worker()
    configuration = flow(
        {"from": [], "to": "sleep"},
        failures=[{"nodes": "sleep", "fallback": "greet"}],
        tasks=[plain("sleep", timeout=0.5), plain("greet", args=[])],
    )
    async with serve(configuration) as client:
        outcome = await (await client.start("flow", {"seconds": 2})).wait(timeout=30)
    assert outcome.state is Status.SUCCEEDED
    assert outcome.nodes[0]["error"]["type"] == "NodeTimeout"
    assert outcome.results("greet") == ["hello nobody"]


async def test_malformed_and_foreign_messages_are_kept_with_the_reason_and_stop_nothing(
    serve: Serve, start_worker: StartWorker, vhost: str
) -> None:
    start_worker()
    async with serve(flow({"from": [], "to": "add"})) as client:
        connection = await aio_pika.connect(vhost)
        async with connection:
            channel = await connection.channel()
            junk = [
                aio_pika.Message(b"\x80\x04K\x01.", content_type="application/x-python-serialize"),
                aio_pika.Message(b"{", content_type="application/json", correlation_id="x"),
                aio_pika.Message(
                    b'{"task_id": "stranger", "status": "SUCCESS", "result": 1, "traceback": null, "children": []}',
                    content_type="application/json",
                    content_encoding="utf-8",
                    correlation_id="stranger",
                ),
            ]
            for message in junk:
                await channel.default_exchange.publish(message, routing_key="asyncflow.0")
            outcome = await (await client.start("flow", {"x": 1, "y": 2})).wait(timeout=30)
            assert outcome.results("add") == [3]
            dead = await channel.get_queue("asyncflow.dead")
            parked = [await dead.get(timeout=5) for _ in junk]
    assert [message.body for message in parked] == [message.body for message in junk]
    assert "unknown task id" in str(parked[2].headers["asyncflow_reason"])


async def test_an_unreachable_broker_is_one_clear_error() -> None:
    url = f"amqp://guest:secret@127.0.0.1:{free_port()}//"
    for enter in (AmqpBroker(url), connect(url)):
        with pytest.raises(BrokerError) as caught:
            async with enter:
                pass
        assert "127.0.0.1" in str(caught.value)
        assert "secret" not in str(caught.value)


async def test_a_client_without_a_dispatcher_says_so(vhost: str) -> None:
    async with connect(vhost, timeout=1.0) as client:
        with pytest.raises(NoDispatcherError, match="asyncflow serve"):
            await client.start("flow")
