"""Chains and fan-outs with a join on stock prefork workers: asyncflow against Celery's own chain and chord."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from anyio.from_thread import start_blocking_portal
from celery import Celery, chain, chord, group

from asyncflow.client import Client, connect
from benchmarks.measured import Figure, ratios
from benchmarks.parts import CLASSIC, DURABLE, IN_MEMORY, KNOWS_WORKERS, Bench, alternating, chain_of, daemon

HOPS = 40
WIDTH = 500
APP = "benchmarks.tasks"
Run = Callable[[str], None]
"""Runs a flow to its end."""


def measure_chain(bench: Bench) -> list[Figure]:
    with both(bench, chain_of(HOPS), concurrency=1) as (celery, durable, classic, in_memory):
        theirs, ours, unreplicated, light = alternating(
            bench.rounds,
            lambda: 1000 * timed(lambda: chain_on(celery)) / HOPS,
            lambda: 1000 * timed(lambda: durable("chain")) / HOPS,
            lambda: 1000 * timed(lambda: classic("chain")) / HOPS,
            lambda: 1000 * timed(lambda: in_memory("chain")) / HOPS,
        )
    return [
        Figure(
            name=f"chain of {HOPS} plain tasks, one prefork worker: our time per hop / Celery chain's",
            bar="<= 1.0",
            most=1.0,
            samples=ratios(ours, theirs),
            beside={
                "ours ms/hop": ours,
                "with a classic queue": unreplicated,
                "memory store": light,
                "Celery, Redis backend": theirs,
            },
        )
    ]


def measure_fan(bench: Bench) -> list[Figure]:
    flows = {
        "tasks": [
            {"name": "One", "celery_task": "benchmarks.tasks.nothing", "args": []},
            {"name": "Join", "celery_task": "benchmarks.tasks.nothing", "args": []},
        ],
        "flows": ["fan", "each"],
        "flow-definitions": [
            {"name": "each", "edges": [{"from": [], "to": ["One"] * WIDTH}]},
            {"name": "fan", "edges": [{"from": [], "to": "each"}, {"from": "each", "to": "Join"}]},
        ],
    }
    with both(bench, flows, concurrency=2) as (celery, durable, _, in_memory):
        theirs, ours, light = alternating(
            bench.rounds,
            lambda: (WIDTH + 1) / timed(lambda: chord_on(celery)),
            lambda: (WIDTH + 1) / timed(lambda: durable("fan")),
            lambda: (WIDTH + 1) / timed(lambda: in_memory("fan")),
        )
    return [
        Figure(
            name=f"fan-out of {WIDTH} and a join: our tasks/s / Celery chord's",
            bar=">= 2.5",
            least=2.5,
            samples=ratios(ours, theirs),
            beside={"ours tasks/s": ours, "memory store": light, "Celery chord, Redis backend": theirs},
        )
    ]


def chain_on(celery: Celery) -> None:
    """Made anew each time: a signature that ran once keeps its ids, and its results are there already."""
    hops = [celery.signature("benchmarks.tasks.nothing", immutable=True) for _ in range(HOPS)]
    chain(*hops).apply_async().get(timeout=60)


def chord_on(celery: Celery) -> None:
    ones = [celery.signature("benchmarks.tasks.nothing", immutable=True) for _ in range(WIDTH)]
    assert chord(group(ones), celery.signature("benchmarks.tasks.total"))().get(timeout=120) == WIDTH


def timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


@contextmanager
def both(bench: Bench, flows: dict[str, Any], *, concurrency: int) -> Iterator[tuple[Celery, Run, Run, Run]]:
    """Celery's app on its own worker; and ways to run a flow on another worker: durable, on a classic queue, and not."""
    theirs, ours = bench.vhost(), bench.vhost()
    file = bench.write_flows(flows)
    celery = Celery("bench", broker=theirs, backend=bench.redis.url())
    with (
        bench.worker(APP, theirs, bench.redis.url(), concurrency=concurrency),
        bench.worker(APP, ours, "rpc://", concurrency=concurrency),
        daemon(bench, file, ours, until=KNOWS_WORKERS),
        daemon(bench, file, ours, store=CLASSIC, until=KNOWS_WORKERS),
        daemon(bench, file, ours, store=IN_MEMORY, until=KNOWS_WORKERS),
        runner(ours, DURABLE) as durable,
        runner(ours, CLASSIC) as classic,
        runner(ours, IN_MEMORY) as in_memory,
    ):
        for warm in (durable, classic, in_memory):
            warm(flows["flow-definitions"][-1]["name"])
        celery.signature("benchmarks.tasks.nothing").apply_async().get(timeout=60)
        yield celery, durable, classic, in_memory


@contextmanager
def runner(broker: str, namespace: str) -> Iterator[Callable[[str], None]]:
    """Run a flow to its end from synchronous code, over one lasting connection."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(connect(broker, namespace=namespace)) as client,
    ):
        yield lambda flow: portal.call(run, client, flow)


async def run(client: Client, flow: str) -> None:
    outcome = await (await client.start(flow)).wait(timeout=120)
    assert outcome.succeeded, outcome.error
