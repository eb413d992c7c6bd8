"""What stock Celery workers make of our messages, and what we hear of it: section by section of Celery's behaviour."""

import asyncio
from uuid import uuid4

import orjson
import pytest
from celery import Celery

from asyncflow.model.events import Blame
from asyncflow.model.run import HowFar
from asyncflow.ports import Message, Progress
from tests.celery_wire.bench import bench, call, finals

ALL = ("rpc", "rpc-5.6", "redis", "redis-5.6", "disabled")
RPC = ("rpc", "rpc-5.6")
CALLBACKS_ONLY = ("redis", "redis-5.6", "disabled")


@pytest.mark.parametrize("kind", ALL)
async def test_a_result_comes_back_from_every_backend_over_callbacks(workers, kind):
    async with bench(workers[kind].url) as at:
        found = await at.run(call("plain_tasks.add", 2, y=3), 2 if kind in RPC else 1)
    assert [(one.progress, one.result, one.conclusive) for one in found] == [(Progress.SUCCEEDED, 5, True)] * len(found)


@pytest.mark.parametrize("kind", RPC)
async def test_a_result_comes_back_over_rpc_alone(workers, kind):
    async with bench(workers[kind].url, callbacks=False) as at:
        [found] = await at.run(call("plain_tasks.add", [1], [{"x": None}]), 1)
    assert found.result == [1, {"x": None}]


@pytest.mark.parametrize("kind", RPC)
async def test_a_failure_comes_back_over_rpc_with_its_reason(workers, kind):
    async with bench(workers[kind].url, callbacks=False) as at:
        [found] = await at.run(call("plain_tasks.fail"), 1)
    assert (found.progress, found.blame, found.conclusive) == (Progress.FAILED, Blame.TASK, True)
    assert (found.error.type, found.error.module) == ("OwnError", "plain_tasks")
    assert found.error.message == 'bad, {"k": 1}'
    assert "Traceback" in found.error.traceback


@pytest.mark.parametrize("kind", CALLBACKS_ONLY)
@pytest.mark.parametrize("task", ["fail", "give_a_set"])
async def test_a_failure_comes_back_over_callbacks_without_its_reason(workers, kind, task):
    async with bench(workers[kind].url) as at:
        [found] = await at.run(call(f"plain_tasks.{task}"), 1)
    assert (found.progress, found.conclusive) == (Progress.FAILED, False)


@pytest.mark.parametrize("kind", RPC)
async def test_a_result_that_is_no_json_is_the_tasks_failure(workers, kind):
    async with bench(workers[kind].url, callbacks=False) as at:
        [found] = await at.run(call("plain_tasks.give_a_set"), 1)
    assert (found.progress, found.blame) == (Progress.FAILED, Blame.TASK)
    assert (found.error.type, found.error.module) == ("EncodeError", "kombu.exceptions")


@pytest.mark.parametrize("kind", ALL)
async def test_what_only_python_takes_for_json_passes_both_ways(workers, kind):
    value = [2**70, "\ud800", float("inf"), {"x": None}]
    async with bench(workers[kind].url) as at:
        found = await at.run(call("plain_tasks.give_back", value), 2 if kind in RPC else 1)
    assert [one.result for one in found] == [value] * len(found)


@pytest.mark.parametrize("kind", RPC)
async def test_an_unknown_task_is_a_failure_that_is_not_the_tasks(workers, kind):
    async with bench(workers[kind].url) as at:
        [found] = await at.run(call("plain_tasks.no_such_task"), 1)
    assert (found.progress, found.blame) == (Progress.FAILED, Blame.INFRASTRUCTURE)
    assert (found.error.type, found.error.message) == ("NotRegistered", "plain_tasks.no_such_task")


@pytest.mark.parametrize("kind", ALL)
async def test_a_retry_of_the_worker_keeps_the_attempt(workers, kind):
    async with bench(workers[kind].url) as at:
        found = await at.run(call("plain_tasks.succeed_at_second_try"), 3 if kind in RPC else 1)
    assert {one.result for one in finals(found)} == {1}
    told = [one for one in found if one.progress is Progress.RETRYING]
    assert [one.error.type for one in told] == (["OwnError"] if kind in RPC else [])


@pytest.mark.parametrize("kind", RPC)
async def test_a_task_that_ignores_its_result_tells_us_all_the_same(workers, kind):
    async with bench(workers[kind].url, callbacks=False) as at:
        [found] = await at.run(call("plain_tasks.ignore_the_result"), 1)
    assert found.result == "said all the same"


@pytest.mark.parametrize("kind", RPC)
async def test_a_worker_tells_who_it_is_when_it_starts_a_task(workers, kind):
    async with bench(workers[kind].url, callbacks=False) as at:
        found = await at.run(call("plain_tasks.tell_of_the_start"), 2)
    assert [one.progress for one in found] == [Progress.STARTED, Progress.SUCCEEDED]
    assert found[0].worker == workers[kind].worker.hostname


@pytest.mark.parametrize("kind", RPC)
async def test_a_tasks_own_state_is_progress(workers, kind):
    async with bench(workers[kind].url, callbacks=False) as at:
        found = await at.run(call("plain_tasks.tell_of_progress"), 2)
    assert [one.progress for one in found] == [Progress.PROGRESSING, Progress.SUCCEEDED]
    assert found[0].how_far == HowFar(done=1, total=2)


@pytest.mark.parametrize("kind", ALL)
async def test_a_task_that_replaces_itself_reports_under_its_own_id(workers, kind):
    async with bench(workers[kind].url) as at:
        [found] = await at.run(call("plain_tasks.replace_by_add", 20, 22), 1)
    assert (found.progress, found.result) == (Progress.SUCCEEDED, 42)


@pytest.mark.parametrize("kind", RPC)
async def test_a_hard_time_limit_is_told_as_a_failure_and_maybe_twice(workers, kind):
    async with bench(workers[kind].url, callbacks=False) as at:
        found = await at.run(call("plain_tasks.sleep", 20, time_limit=0.3), 1)
    assert found[0].progress is Progress.FAILED
    assert (found[0].error.type, found[0].blame) == ("TimeLimitExceeded", Blame.INFRASTRUCTURE)


@pytest.mark.parametrize("kind", RPC)
async def test_a_soft_time_limit_is_the_tasks_failure(workers, kind):
    async with bench(workers[kind].url, callbacks=False) as at:
        [found] = await at.run(call("plain_tasks.sleep", 20, soft_time_limit=0.3), 1)
    assert (found.error.type, found.blame) == ("SoftTimeLimitExceeded", Blame.TASK)


@pytest.mark.parametrize("kind", ["rpc", "rpc-5.6"])
@pytest.mark.parametrize("by_run", [False, True], ids=["by-id", "by-run"])
async def test_a_revoked_attempt_is_told_when_its_turn_comes(workers, kind, by_run, tmp_path):
    root = f"root-{uuid4()}"
    async with bench(workers[kind].url, callbacks=False) as at:
        holding = call("plain_tasks.wait_for", str(tmp_path / "go"))
        dropped = call("plain_tasks.add", 1, 1, root_id=root)
        await at.publish(holding, dropped)
        await at.ask_workers("query_task", {"ids": [dropped.id]}, lambda answer: b"reserved" in answer.body)
        if by_run:
            revoke = at.codec.encode_revoke_run(root, terminate=False)
        else:
            revoke = at.codec.encode_revoke([dropped.id], terminate=False)
        await at.broker.publish([revoke])
        # Commands are served in the order in which they came: once this is answered, the other is done.
        await at.ask_workers("ping", {}, lambda answer: b"pong" in answer.body)
        (tmp_path / "go").touch()
        found = {one.id: one for one in await at.completions(2)}
    assert found[holding.id].progress is Progress.SUCCEEDED
    assert (found[dropped.id].progress, found[dropped.id].blame) == (Progress.FAILED, Blame.REVOKED)
    assert found[dropped.id].error.type == "TaskRevokedError"


@pytest.mark.parametrize("kind", ALL)
async def test_typed_values_in_arguments_reach_the_task_as_such(workers, kind):
    value = {"__type__": "datetime", "__value__": "2024-05-06T07:08:09+00:00"}
    async with bench(workers[kind].url) as at:
        found = await at.run(call("plain_tasks.name_the_type", value), 2 if kind in RPC else 1)
    assert {one.result for one in found} == {"datetime"}


@pytest.mark.parametrize("kind", RPC)
async def test_the_worker_sees_what_the_envelope_says(workers, kind):
    command = call("plain_tasks.show_request", time_limit=50, soft_time_limit=40, run_id="run-1", root_id="root-1")
    async with bench(workers[kind].url, callbacks=False) as at:
        [found] = await at.run(command, 1)
        assert found.result == {
            "id": command.id,
            "root_id": "root-1",
            "parent_id": "run-1",
            "reply_to": at.broker.reply_queue,
            "correlation_id": command.id,
            "timelimit": [50, 40],
            "retries": 0,
            "shadow": "dinner.Cook",
            "stamps": {"asyncflow_run": "root-1"},
            "priority": 0,
        }


async def test_a_hundred_attempts_at_once_all_come_back(workers):
    commands = [call("plain_tasks.add", number, 1) for number in range(100)]
    async with bench(workers["rpc"].url, callbacks=False) as at:
        await at.publish(*commands)
        found = {one.id: one.result for one in await at.completions(100)}
    assert found == {command.id: command.args[0] + 1 for command in commands}


async def test_celerys_own_client_publishes_the_same_message(vhost):
    """Dumps what `send_task` sends for the same call, and compares it with ours, part by part."""
    theirs = await asyncio.to_thread(_dump_of_send_task, vhost)
    async with bench(vhost, callbacks=False) as at:
        command = call("proj.add", 2, id="the-id", root_id="the-root", run_id="the-parent", y={"a": None}, time_limit=9)
        ours = at.encode(command)
    assert orjson.loads(ours.body) == orjson.loads(theirs["body"])
    assert ours.content_type == theirs["content_type"]
    assert ours.content_encoding == theirs["content_encoding"]
    assert (ours.correlation_id, ours.priority, ours.persistent) == ("the-id", 0, theirs["delivery_mode"] == 2)
    assert theirs["correlation_id"] == "the-id"
    assert theirs["reply_to"] == "replies"
    display_and_stamps = {"origin", "shadow", "argsrepr", "kwargsrepr", "stamped_headers", "stamps"}
    assert _without(ours, display_and_stamps) == {
        name: value for name, value in theirs["headers"].items() if name not in display_and_stamps
    }
    assert set(ours.headers) == set(theirs["headers"])


def _without(message: Message, names: set[str]) -> dict:
    return {name: value for name, value in message.headers.items() if name not in names}


def _dump_of_send_task(url: str) -> dict:
    with Celery("client", broker=url) as app:
        app.send_task(
            "proj.add",
            (2,),
            {"y": {"a": None}},
            task_id="the-id",
            root_id="the-root",
            parent_id="the-parent",
            reply_to="replies",
            time_limit=9,
            queue="dump",
            ignore_result=False,
        )
        with app.connection_for_read() as connection:
            message = connection.default_channel.basic_get("dump", no_ack=True)
            return {
                **message.properties,
                "headers": message.headers,
                "body": message.body,
                "content_type": message.content_type,
                "content_encoding": message.content_encoding,
            }
