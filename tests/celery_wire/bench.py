"""Real attempts at real workers: publishes what the codec writes, and collects what comes back, decoded."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

from asyncflow.adapters.amqp import AmqpBroker
from asyncflow.model.commands import PublishTask
from asyncflow.model.flow import Task, TaskKind
from asyncflow.ports import Completion, Message, Progress, Published
from asyncflow_celery.wire import CeleryCodec

FINAL = (Progress.SUCCEEDED, Progress.FAILED)


def call(name: str, *args, id: str = "", **more) -> PublishTask:
    """An attempt at a plain Celery task."""
    limits = {key: more.pop(key) for key in ("time_limit", "soft_time_limit", "priority", "queue") if key in more}
    return PublishTask(
        run_id=more.pop("run_id", "run"),
        root_id=more.pop("root_id", "root"),
        flow="dinner",
        id=id or str(uuid4()),
        task=Task(name="Cook", kind=TaskKind.CELERY, celery_task=name, **limits),
        attempt=1,
        args=args,
        kwargs=more,
    )


class Bench:
    def __init__(self, broker: AmqpBroker, codec: CeleryCodec) -> None:
        self.broker = broker
        self.codec = codec

    def encode(self, command: PublishTask) -> Message:
        return self.codec.encode_task(
            command,
            reply_to=self.broker.reply_queue,
            exchange=self.broker.callback_exchange,
            routing_key=self.broker.callback_key,
        )

    async def publish(self, *commands: PublishTask) -> None:
        outcomes = await self.broker.publish([self.encode(command) for command in commands])
        assert set(outcomes) == {Published.CONFIRMED}

    async def completions(self, count: int, seconds: float = 15) -> list[Completion]:
        """As many reports as are expected, in order."""
        found: list[Completion] = []
        async with asyncio.timeout(seconds):
            while len(found) < count:
                deliveries = await self.broker.receive(count - len(found))
                await self.broker.ack(deliveries)
                found += [self.codec.decode_completion(delivery) for delivery in deliveries]
        return found

    async def run(self, command: PublishTask, count: int) -> list[Completion]:
        await self.publish(command)
        found = await self.completions(count)
        assert {one.id for one in found} == {command.id}
        return found

    async def ask_workers(self, method: str, arguments: dict, until, seconds: float = 10) -> None:
        """Ask again until an answer satisfies. For a test with no reports under way, for these would be dropped."""
        async with asyncio.timeout(seconds):
            while True:
                message = self.codec.encode_control(
                    method, arguments, reply_to=self.broker.reply_queue, ticket=str(uuid4())
                )
                assert await self.broker.publish([message]) == [Published.CONFIRMED]
                [answer] = await self.broker.receive(1)
                await self.broker.ack([answer])
                if until(answer):
                    return


@asynccontextmanager
async def bench(url: str, *, callbacks: bool = True) -> AsyncIterator[Bench]:
    async with AmqpBroker(url, namespace=f"test-{uuid4().hex}") as broker:
        yield Bench(broker, CeleryCodec(callbacks))


def finals(completions: Sequence[Completion]) -> list[Completion]:
    return [one for one in completions if one.progress in FINAL]
