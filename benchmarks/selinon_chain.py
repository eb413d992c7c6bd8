"""A chain of empty tasks on Selinon 1.4.0, at its fastest setting and at its defaults, against ours."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from benchmarks.canvas import runner, timed
from benchmarks.measured import Figure, ratios
from benchmarks.parts import DURABLE, KNOWS_WORKERS, Bench, chain_of, daemon
from tests.selinon.real_selinon import python_with_selinon

LENGTHS = (5, 10)
PROJECT = Path(__file__).parent / "selinon_project"
FASTEST = {"sampling": {"name": "constant", "args": {"retry": 0}}}


def measure(bench: Bench) -> list[Figure]:
    """Selinon's defaults take minutes, so they are measured once."""
    figures = []
    for length in LENGTHS:
        ours, fastest = _compared(bench, length, FASTEST, bench.rounds)
        figures.append(_figure(length, "fastest setting", "<= 1/3", 1 / 3, (ours, fastest)))
        ours, defaults = _compared(bench, length, {}, 1)
        figures.append(_figure(length, "defaults", "<= 1/1000", 1 / 1000, (ours, defaults)))
    return figures


def _figure(length: int, setting: str, bar: str, most: float, samples: tuple[list[float], list[float]]) -> Figure:
    ours, theirs = samples
    return Figure(
        name=f"chain of {length}: our time / Selinon's at its {setting}",
        bar=bar,
        most=most,
        samples=ratios(ours, theirs),
        beside={"ours s": ours, "Selinon s": theirs},
    )


def _compared(bench: Bench, length: int, sampling: Mapping[str, Any], rounds: int) -> tuple[list[float], list[float]]:
    vhost = bench.vhost()
    names = [f"Step{number}" for number in range(length)]
    nodes = bench.write_flows(
        {"tasks": [{"name": one, "import": "chain_app", "classname": "Nothing"} for one in names], "flows": ["chain"]}
    )
    edges = chain_of(length)["flow-definitions"][0]["edges"]
    edges[0]["from"] = None
    flows = nodes.with_name("chain.yaml")
    flows.write_text(yaml.safe_dump({"flow-definitions": [{"name": "chain", "edges": edges, **sampling}]}))
    environ = {
        "BENCH_BROKER": vhost,
        "BENCH_BACKEND": bench.redis.url(1),
        "BENCH_NODES": str(nodes),
        "BENCH_FLOWS": str(flows),
    }
    theirs = bench.worker(
        "chain_app",
        vhost,
        bench.redis.url(1),
        concurrency=2,
        path=[PROJECT],
        environ=environ,
        python=python_with_selinon(),
    )
    ours: list[float] = []
    selinon: list[float] = []
    with theirs, _ours(bench, length) as run:
        if sampling:
            _selinon(environ)  # the first run of a worker's life is not measured
        for _ in range(rounds):
            selinon.append(_selinon(environ))
            ours.append(timed(lambda: run("chain")))
    return ours, selinon


def _selinon(environ: Mapping[str, str]) -> float:
    command = [python_with_selinon(), str(PROJECT / "chain_run.py"), "chain"]
    done = subprocess.run(command, env=os.environ | environ, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@contextmanager
def _ours(bench: Bench, length: int) -> Iterator[Callable[[str], None]]:
    broker = bench.vhost()
    flows = bench.write_flows(chain_of(length))
    with (
        bench.worker("benchmarks.tasks", broker, "rpc://", concurrency=2),
        daemon(bench, flows, broker, until=KNOWS_WORKERS),
        runner(broker, DURABLE) as run,
    ):
        run("chain")
        yield run
