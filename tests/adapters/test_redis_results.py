"""Results in a real Redis, as Celery leaves them there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from redis.asyncio import Redis

from asyncflow.adapters.redis_results import RedisResults
from asyncflow.errors import StorageError
from asyncflow.model.names import TaskId
from asyncflow.ports import Delivery
from tests.servers import RedisServer, free_port, private_folder


async def until(holds: Callable[[], object]) -> None:
    with anyio.fail_after(10):
        while not holds():
            await anyio.sleep(0.02)


@asynccontextmanager
async def listening(url: str, in_flight: set[TaskId]) -> AsyncIterator[list[Delivery]]:
    """What is delivered; a first result shows that the subscription is there."""
    arrived: list[Delivery] = []
    async with RedisResults(url) as results, anyio.create_task_group() as group:
        group.start_soon(results.listen, lambda: in_flight, arrived.append)
        yield arrived
        group.cancel_scope.cancel()


async def leave(url: str, id: str, value: bytes, prefix: str = "") -> None:
    key = f"{prefix}celery-task-meta-{id}"
    async with Redis.from_url(url) as client:
        await client.set(key, value, ex=60)
        await client.publish(key, value)


@pytest.mark.parametrize(("option", "prefix"), [("", ""), ("?global_keyprefix=mine", "mine_")])
async def test_results_in_flight_are_delivered_and_others_passed_over(
    redis_server: RedisServer, option: str, prefix: str
) -> None:
    url = redis_server.url(7)
    await leave(url, "early", b"0", prefix)
    async with listening(url + option, {TaskId("early"), TaskId("a")}) as arrived:
        await until(lambda: arrived)
        await leave(url, "stranger", b"1", prefix)
        await leave(url, "a", b"2", prefix)
        await leave(url, "a", b"3", "another-")
        await leave(url, "a", b"4", prefix)
        await until(lambda: len(arrived) >= 3)
    assert [delivery.body for delivery in arrived] == [b"0", b"2", b"4"]


async def test_results_left_while_the_connection_was_broken_are_delivered_after_it() -> None:
    with private_folder() as folder, RedisServer(folder) as server:
        in_flight = {TaskId("before"), TaskId("missed")}
        await leave(server.url(), "before", b"1")
        async with listening(server.url(), in_flight) as arrived:
            await until(lambda: arrived)
            async with Redis.from_url(server.url()) as client:
                in_flight.discard(TaskId("before"))
                async with client.pipeline() as pipe:  # at once: nobody can listen in between
                    pipe.client_kill_filter(_type="pubsub")
                    pipe.set("celery-task-meta-missed", b"2", ex=60)
                    pipe.publish("celery-task-meta-missed", b"2")
                    await pipe.execute()
            await until(lambda: len(arrived) == 2)
            server.kill()
            await anyio.to_thread.run_sync(server.start)
            in_flight.add(TaskId("late"))
            with anyio.fail_after(15):
                while len(arrived) < 3:
                    await leave(server.url(), "late", b"3")
                    await anyio.sleep(0.1)
    assert [delivery.body for delivery in arrived][:3] == [b"1", b"2", b"3"]


async def test_an_unreachable_backend_is_one_clear_error() -> None:
    async with RedisResults(f"redis://:secret@127.0.0.1:{free_port()}/0") as results:
        with pytest.raises(StorageError, match=r"127\.0\.0\.1") as caught:
            await results.fetch([TaskId("a")])
    assert "secret" not in str(caught.value)
