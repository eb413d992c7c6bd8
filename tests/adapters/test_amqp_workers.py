"""What stock workers tell of themselves, unasked and asked, on a real RabbitMQ."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import aio_pika
import anyio
import pytest

from asyncflow.adapters.amqp_workers import AmqpWorkers
from asyncflow.errors import BrokerError
from asyncflow.fleet import Sign, WorkerReport
from asyncflow_celery.wire import CeleryCodec
from tests.servers import ROOT, CeleryWorker, RabbitServer, free_port

pytestmark = pytest.mark.timeout(120)


def launch(stack: ExitStack, folder: Path, url: str) -> CeleryWorker:
    worker = CeleryWorker(folder, "plain_tasks", broker=url, path=[ROOT / "tests" / "celery_wire"])
    stack.callback(worker.kill)
    return worker.launch()


async def next_report(workers: AmqpWorkers, sign: Sign, worker: CeleryWorker) -> WorkerReport:
    with anyio.fail_after(30):
        while True:
            for report in await workers.reports():
                if report.sign is sign and report.worker == worker.hostname:
                    return report


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AmqpWorkers]:
    async with AmqpWorkers(url, codec=CeleryCodec()) as workers:
        yield workers


async def test_without_any_worker_nobody_answers_at_once(vhost: str) -> None:
    async with connected(vhost) as workers:
        with anyio.fail_after(2):
            answers = await workers.ask("ping", {}, seconds=10)
        assert answers.by_worker == {}
        assert await workers.queue("celery") is None
        assert not await workers.is_attached("nobody@nowhere")


async def test_workers_are_heard_and_answer(vhost: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        async with connected(vhost) as workers:  # before any worker has made the exchange of events
            first, second = (launch(stack, tmp_path, vhost) for _ in range(2))
            report = await next_report(workers, Sign.ALIVE, first)
            await next_report(workers, Sign.ALIVE, second)
            assert report.interval == 2.0
            names = {first.hostname, second.hostname}
            with anyio.fail_after(5):
                answers = await workers.ask("ping", {}, expected=names, seconds=30)
            assert answers.complete
            assert answers.by_worker == {name: {"ok": "pong"} for name in names}
            state = await workers.queue("celery")
            assert state is not None
            assert (state.messages, state.consumers) == (0, 2)
            assert await workers.is_attached(first.hostname)
            first.kill()
            assert not await workers.is_attached(first.hostname)
            answers = await workers.ask("ping", {}, expected=names, seconds=1)
            assert (answers.complete, set(answers.by_worker)) == (False, {second.hostname})


async def test_workers_are_heard_again_after_the_connection_broke(
    vhost: str, tmp_path: Path, rabbit: RabbitServer
) -> None:
    with ExitStack() as stack:
        worker = launch(stack, tmp_path, vhost).start()
        async with connected(vhost) as workers:
            await next_report(workers, Sign.ALIVE, worker)
            rabbit.close_connections(vhost)
            with anyio.fail_after(20):
                while workers.generation < 2:
                    await anyio.sleep(0.05)
            await next_report(workers, Sign.ALIVE, worker)
            with anyio.fail_after(20):  # it may be heard before it hears
                while not (await workers.ask("ping", {}, expected=[worker.hostname])).complete:
                    pass


async def test_an_unreachable_broker_is_one_clear_error() -> None:
    with pytest.raises(BrokerError, match=r"127\.0\.0\.1"):
        async with connected(f"amqp://guest:secret@127.0.0.1:{free_port()}//"):
            pass


async def test_leaving_in_the_midst_of_asking_for_events_ends(vhost: str) -> None:
    """aiormq swallows some cancellations of what waits for its answers."""
    async with await aio_pika.connect(vhost) as connection, connection.channel() as channel:
        await channel.declare_exchange("celeryev", "topic", durable=True)
        for number in range(40):
            with anyio.fail_after(20):
                async with connected(vhost):
                    await anyio.sleep(number * 0.0004)
