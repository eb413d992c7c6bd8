"""Chains of empty tasks on Selinon 1.4.0, at its fastest setting and at its defaults, against ours."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from benchmarks.canvas import runner, timed
from benchmarks.measured import Figure, ratios
from benchmarks.parts import DURABLE, KNOWS_WORKERS, Bench, chain_of, daemon
from tests.environments import python_with_selinon

LENGTHS = (5, 10)
PROJECT = Path(__file__).parent / "selinon_project"
FASTEST = {"sampling": {"name": "constant", "args": {"retry": 0}}}
LONGEST = 150.0
"""Seconds that are granted to Selinon at its defaults: it doubles its waits, and a chain of 10 takes ten minutes."""

Begin = Callable[[int], "subprocess.Popen[str]"]


def measure(bench: Bench) -> list[Figure]:
    """Selinon at its defaults runs once, and sleeps beside the rest."""
    with _selinon(bench, {}) as begin_slowly, _selinon(bench, FASTEST) as begin, _ours(bench) as run:
        for length in LENGTHS:
            _seconds(begin(length))  # the first run of a worker's life is not measured
        begun = time.monotonic()
        slow = {length: begin_slowly(length) for length in LENGTHS}
        ours: dict[int, list[float]] = {length: [] for length in LENGTHS}
        fastest: dict[int, list[float]] = {length: [] for length in LENGTHS}
        for _ in range(bench.rounds):
            for length in LENGTHS:
                fastest[length].append(_seconds(begin(length)))
                ours[length].append(timed(partial(run, _name(length))))
        figures = []
        for length in LENGTHS:
            figures.append(_figure(length, "fastest setting", "<= 1/3", 1 / 3, (ours[length], fastest[length])))
            seconds, note = _patiently(slow[length], begun + LONGEST - time.monotonic())
            compared = (ours[length], [seconds] * bench.rounds)
            figures.append(_figure(length, "defaults", "<= 1/1000", 1 / 1000, compared, note))
    return figures


def _figure(
    length: int, setting: str, bar: str, most: float, samples: tuple[list[float], list[float]], note: str = ""
) -> Figure:
    ours, theirs = samples
    return Figure(
        name=f"chain of {length}: our time / Selinon's at its {setting}",
        bar=bar,
        most=most,
        samples=ratios(ours, theirs),
        beside={"ours s": ours, "Selinon s": theirs},
        note=note,
    )


def _name(length: int) -> str:
    return f"chain{length}"


def _definitions() -> list[dict[str, Any]]:
    return [chain_of(length, _name(length))["flow-definitions"][0] for length in LENGTHS]


@contextmanager
def _selinon(bench: Bench, sampling: Mapping[str, Any]) -> Iterator[Begin]:
    """A worker of Selinon; and how to begin a flow on it, in a process that prints how long it took."""
    vhost = bench.vhost()
    names = [f"Step{number}" for number in range(max(LENGTHS))]
    tasks = [{"name": one, "import": "chain_app", "classname": "Nothing"} for one in names]
    nodes = bench.write_flows({"tasks": tasks, "flows": [_name(length) for length in LENGTHS]})
    flows = nodes.with_name("chains.yaml")
    definitions = [definition | sampling for definition in _definitions()]
    for definition in definitions:
        definition["edges"][0]["from"] = None  # as Selinon has it
    flows.write_text(yaml.safe_dump({"flow-definitions": definitions}))
    backend = bench.redis.url(1 + bool(sampling))
    environ = {
        "BENCH_BROKER": vhost,
        "BENCH_BACKEND": backend,
        "BENCH_NODES": str(nodes),
        "BENCH_FLOWS": str(flows),
    }
    options: dict[str, Any] = {"path": [PROJECT], "environ": environ, "python": python_with_selinon()}

    def begin(length: int) -> subprocess.Popen[str]:
        command = [python_with_selinon(), str(PROJECT / "chain_run.py"), _name(length)]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=os.environ | environ, **pipes)

    with bench.worker("chain_app", vhost, backend, concurrency=2, **options):
        yield begin


def _seconds(child: subprocess.Popen[str]) -> float:
    told, troubles = child.communicate(timeout=60)
    assert child.returncode == 0, troubles
    return float(told)


def _patiently(child: subprocess.Popen[str], seconds: float) -> tuple[float, str]:
    """How long it took, or how long it was granted; and what is to be said of that."""
    try:
        child.wait(max(seconds, 0))
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return LONGEST, f"Selinon was stopped after {LONGEST:g} s: the ratio is at most this"
    return _seconds(child), "Selinon ran once"


@contextmanager
def _ours(bench: Bench) -> Iterator[Callable[[str], None]]:
    broker = bench.vhost()
    longest = chain_of(max(LENGTHS))
    flows = {"flows": [_name(length) for length in LENGTHS], "flow-definitions": _definitions()}
    file = bench.write_flows({"tasks": longest["tasks"], **flows})
    with (
        bench.worker("benchmarks.tasks", broker, "rpc://", concurrency=2),
        daemon(bench, file, broker, until=KNOWS_WORKERS),
        runner(broker, DURABLE) as run,
    ):
        for length in LENGTHS:
            run(_name(length))
        yield run
