"""Whether a step costs the same in a large run, and beside many open runs; and what an open run costs in memory.

The dispatcher runs in a process of its own, with the SQLite store and a broker that costs next to nothing.
`python -m benchmarks.growth width|open ROUNDS` is that process; it prints JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio

from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.app.garbage import collect_less_often
from asyncflow.client import Client
from benchmarks.measured import Figure, ratios
from benchmarks.nowhere import Nowhere, dispatching
from benchmarks.parts import ROOT, Bench, chain_of, resident_bytes

NARROW, WIDE = 100, 10_000
FEW, MANY = 100, 100_000
PROBES = 2000
"""Steps taken for one sample beside open runs."""
LONG = 300
"""Tasks of an open run: more than are ever finished of it."""


def measure_width(bench: Bench) -> list[Figure]:
    found = _apart("width", bench.rounds)
    return [
        Figure(
            name=f"dispatcher CPU per step, fan-out of {WIDE:,} / fan-out of {NARROW}",
            bar="<= 1.2",
            most=1.2,
            samples=ratios(found["wide"], found["narrow"]),
            beside={f"{WIDE:,}: us/step": found["wide"], f"{NARROW}: us/step": found["narrow"]},
        )
    ]


def measure_open(bench: Bench) -> list[Figure]:
    found = _apart("open", bench.rounds)
    return [
        Figure(
            name=f"dispatcher CPU per step with {MANY:,} open runs / with {FEW}",
            bar="<= 1.3",
            most=1.3,
            samples=ratios(found["many"], found["few"]),
            beside={f"{MANY:,}: us/step": found["many"], f"{FEW}: us/step": found["few"]},
            note="new runs beside open ones that wait",
        ),
        Figure(
            name=f"the same for steps of the open runs themselves, drawn at random from the {MANY:,}",
            bar="",
            samples=ratios(found["many_cold"], found["few_cold"]),
            beside={f"{MANY:,}: us/step": found["many_cold"], f"{FEW}: us/step": found["few_cold"]},
            note="most of them have left memory, and are read from the store",
        ),
        Figure(
            name="memory per idle open run",
            bar="<= 2 KB resident",
            most=2.0,
            unit="KB",
            samples=found["kilobytes"],
            beside={"MB before": found["before"], f"MB with {MANY:,}": found["after"]},
        ),
    ]


def _apart(what: str, rounds: int) -> dict[str, list[float]]:
    command = [sys.executable, "-m", "benchmarks.growth", what, str(rounds)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


# --- In the process of its own ----------------------------------------------------------------------------------------


async def _width(rounds: int) -> dict[str, list[float]]:
    task = {"name": "One", "celery_task": "nothing", "args": []}
    flows = {
        "tasks": [task],
        "flows": ["narrow", "wide"],
        "flow-definitions": [
            {"name": name, "edges": [{"from": [], "to": ["One"] * width}]}
            for name, width in (("narrow", NARROW), ("wide", WIDE))
        ],
    }
    found: dict[str, list[float]] = {"narrow": [], "wide": []}
    with tempfile.TemporaryDirectory() as folder:
        async with SqliteStore(Path(folder) / "store.db") as store, dispatching(flows, Nowhere(), store) as client:
            await _together(client, "narrow", 10)
            for _ in range(rounds):
                # The same number of steps, in runs of another size.
                narrow = await _cpu(lambda: _one_by_one(client, "narrow", WIDE // NARROW))
                wide = await _cpu(lambda: _together(client, "wide", 1))
                found["narrow"].append(1e6 * narrow / WIDE)
                found["wide"].append(1e6 * wide / WIDE)
    return found


async def _open(rounds: int) -> dict[str, list[float]]:
    flows = chain_of(20)
    flows["tasks"] += [{"name": f"Wait{n}", "celery_task": "nothing", "queue": "kept", "args": []} for n in range(LONG)]
    flows["flows"].append("waits")
    edges = [{"from": [], "to": "Wait0"}]
    edges += [{"from": f"Wait{number}", "to": f"Wait{number + 1}"} for number in range(LONG - 1)]
    flows["flow-definitions"].append({"name": "waits", "edges": edges})
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        broker = Nowhere()
        async with SqliteStore(Path(folder) / "store.db") as store, dispatching(flows, broker, store) as client:
            await _together(client, "chain", 100)
            await _open_runs(client, broker, FEW)
            await _probe(client, broker, found, "few", rounds)
            before = _resident()
            await _open_runs(client, broker, MANY)
            after = _resident()
            found["kilobytes"] = [(after - before) / 1024 / (MANY - FEW)]
            found["before"], found["after"] = [before / 1e6], [after / 1e6]
            await _probe(client, broker, found, "many", rounds)
    return found


def _resident() -> int:
    gc.collect()
    return resident_bytes(os.getpid())


async def _open_runs(client: Client, broker: Nowhere, most: int) -> None:
    """Start runs that wait for a worker, until so many are open."""
    while len(broker.kept) < most:
        async with anyio.create_task_group() as group:
            for _ in range(min(500, most - len(broker.kept))):
                group.start_soon(client.start, "waits")
        await asyncio.sleep(0.01)


async def _probe(client: Client, broker: Nowhere, found: dict[str, list[float]], name: str, rounds: int) -> None:
    draw = random.Random(1)  # the same runs every time
    for _ in range(rounds):
        cpu = await _cpu(lambda: _together(client, "chain", PROBES // 20))
        found.setdefault(name, []).append(1e6 * cpu / PROBES)
        cpu = await _cpu(lambda: _move(broker, draw))
        found.setdefault(f"{name}_cold", []).append(1e6 * cpu / PROBES)


async def _move(broker: Nowhere, draw: random.Random) -> None:
    """Finish attempts of open runs: each starts its run's next."""
    left = PROBES
    while left:
        chosen = min(100, left)
        for _ in range(chosen):
            at = draw.randrange(len(broker.kept))
            broker.kept[at], broker.kept[-1] = broker.kept[-1], broker.kept[at]
            broker.finish(broker.kept.pop())
        goal = len(broker.kept) + chosen
        left -= chosen
        async with asyncio.timeout(30):
            while len(broker.kept) < goal:
                await asyncio.sleep(0.001)


async def _cpu(work: Callable[[], Awaitable[None]]) -> float:
    """CPU seconds of the whole process, the thread of the store too."""
    gc.collect()
    before = time.process_time()
    await work()
    return time.process_time() - before


async def _together(client: Client, flow: str, runs: int) -> None:
    async with anyio.create_task_group() as group:
        for _ in range(runs):
            group.start_soon(_one_by_one, client, flow, 1)


async def _one_by_one(client: Client, flow: str, runs: int) -> None:
    for _ in range(runs):
        run = await client.start(flow)
        await run.wait(timeout=120)


def main(arguments: Sequence[str]) -> None:
    measures: dict[str, Callable[[int], Any]] = {"width": _width, "open": _open}
    what, rounds = arguments
    collect_less_often()
    json.dump(asyncio.run(measures[what](int(rounds))), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
