"""One dispatcher process at full speed, on a worker that answers at once; and the same broker, fed by a raw socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from anyio.from_thread import start_blocking_portal
from pamqp import commands

from asyncflow.adapters.amqp_frames import publish_frames
from asyncflow.client import Client, connect
from asyncflow.model.commands import PublishTask
from asyncflow.model.flow import Task, TaskKind
from asyncflow.model.names import FlowName, NodeName, RunId, TaskId
from asyncflow_celery.wire import CeleryCodec
from benchmarks.canvas import timed
from benchmarks.measured import Figure, ratios
from benchmarks.parts import DURABLE, IN_MEMORY, Bench, alternating, chain_of, cpu_seconds, daemon, script
from benchmarks.wire import CHANNEL, FRAME_MAX, Wire

RUNS, LENGTH = 200, 30
STEPS = RUNS * LENGTH
RAW = 10_000
QUEUE = "null"
_GLANCE = 0.025
"""Seconds between two looks: each is work for the dispatcher too."""


def measure(bench: Bench) -> list[Figure]:
    broker = bench.vhost()
    flows = chain_of(LENGTH, "each", QUEUE)
    flows["flows"].append("many")
    flows["flow-definitions"].append({"name": "many", "edges": [{"from": [], "to": ["each"] * RUNS}]})
    file = bench.write_flows(flows)
    cpu: list[float] = []
    with (
        script("echo", broker, QUEUE),
        _stepping(bench, broker, file, DURABLE, cpu) as durable,
        _stepping(bench, broker, file, IN_MEMORY, []) as in_memory,
    ):
        durable(), in_memory()
        cpu.clear()
        raw, ours, light = alternating(bench.rounds, lambda: raw_rate(broker), durable, in_memory)
    return [
        Figure(
            name="null worker: durable steps/s of one dispatcher process / raw pre-encoded confirmed publishes/s",
            bar=">= 0.30",
            least=0.30,
            samples=ratios(ours, raw),
            beside={"ours steps/s": ours, "memory store": light, "raw publishes/s": raw, "dispatcher CPU us/step": cpu},
            note=f"{RUNS} sub-flows, each a chain of {LENGTH}",
        )
    ]


@contextmanager
def _stepping(bench: Bench, broker: str, file: Path, store: str, cpu: list[float]) -> Iterator[Callable[[], float]]:
    """Steps per second of all runs together, from the start of their parent run to its end."""
    with (
        daemon(bench, file, broker, store=store) as pid,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(connect(broker, namespace=store)) as client,
    ):

        def rate() -> float:
            before = cpu_seconds(pid)
            seconds = timed(lambda: portal.call(_run_many, client))
            cpu.append(1e6 * (cpu_seconds(pid) - before) / STEPS)
            return STEPS / seconds

        yield rate


async def _run_many(client: Client) -> None:
    """Look whether it is over, for a client that waits gets a report with all of its nodes."""
    handle = await client.start("many")
    async with asyncio.timeout(120):
        while (await client.list(flow="many", limit=1))[0]["state"] == "running":
            await asyncio.sleep(_GLANCE)
    [latest] = await client.list(flow="many", limit=1)
    assert (latest["run_id"], latest["state"]) == (handle.id, "succeeded")


def raw_rate(broker: str) -> float:
    """The same kind of message to a durable queue, encoded beforehand; one socket, confirms, 256 in flight."""
    wire = Wire(broker)
    wire.declare("raw")
    wire.call(commands.Confirm.Select())
    message = CeleryCodec().encode_task(_order(), reply_to="asyncflow.0", exchange="asyncflow", routing_key="0")
    frames = publish_frames(message, CHANNEL, FRAME_MAX)
    begun = time.perf_counter()
    wire.publish_confirmed([frames] * RAW)
    seconds = time.perf_counter() - begun
    wire.call(commands.Queue.Purge(queue="raw"))
    wire.close()
    return RAW / seconds


def _order() -> PublishTask:
    id = TaskId("00000000-0000-5000-8000-000000000000")
    task = Task(name=NodeName("Step0"), kind=TaskKind.CELERY, celery_task="benchmarks.tasks.nothing", queue="raw")
    return PublishTask(run_id=RunId(id), root_id=RunId(id), flow=FlowName("each"), id=id, task=task, attempt=1)
