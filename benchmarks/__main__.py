"""python -m benchmarks [NAMES...] [--rounds 5]: measure, print one table, keep the raw figures, and quote them."""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import json
import os
import platform
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from benchmarks import alone, canvas, daemon_at_rest, growth, null_worker, selinon_chain
from benchmarks.document import DOCUMENT, RESULTS, rewritten
from benchmarks.measured import Figure, table
from benchmarks.parts import ROOT, Bench
from tests.servers import private_folder

MEASURES: dict[str, Callable[[Bench], list[Figure]]] = {
    "chain": canvas.measure_chain,
    "fan": canvas.measure_fan,
    "selinon": selinon_chain.measure,
    "null-worker": null_worker.measure,
    "width": growth.measure_width,
    "open-runs": growth.measure_open,
    "latency": daemon_at_rest.measure_latency,
    "engine": alone.measure_engine,
    "loading": alone.measure_loading,
    "help": alone.measure_help,
    "idle": daemon_at_rest.measure_idle,
}
PACKAGES = ("asyncflow-dispatcher", "celery", "kombu", "aio-pika", "aiormq", "orjson", "redis", "uvloop")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(MEASURES)}")
    parser.add_argument("--rounds", type=int, default=5, help="of each measurement; baseline and asyncflow take turns")
    parser.add_argument(
        "--keep",
        action="store_true",
        help="write benchmarks/results/ and docs/performance.md also for a part of the table",
    )
    wanted = parser.parse_args()
    if unknown := set(wanted.names) - set(MEASURES):
        parser.error(f"no measurement is called {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    figures: list[Figure] = []
    for name in wanted.names or MEASURES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        with private_folder() as folder, ExitStack() as stack:
            found = MEASURES[name](Bench(folder=folder, stack=stack, rounds=wanted.rounds))
        print(table(found), file=sys.stderr, flush=True)
        figures += found
    print(table(figures))
    if wanted.keep or not wanted.names:
        file = write(figures)
        DOCUMENT.write_text(rewritten(DOCUMENT.read_text(), file))
        print(f"\nraw figures: {file.relative_to(ROOT)}, quoted in {DOCUMENT.relative_to(ROOT)}")


def write(figures: Sequence[Figure]) -> Path:
    now = dt.datetime.now(dt.UTC)
    document = {
        "date": now.isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "figures": [asdict(one) | {"median": one.median, "reached": one.is_reached} for one in figures],
    }
    RESULTS.mkdir(exist_ok=True)
    for superseded in RESULTS.glob("*.json"):
        superseded.unlink()
    file = RESULTS / f"{now:%Y-%m-%dT%H%M%S}.json"
    file.write_text(json.dumps(document, indent=1) + "\n")
    return file


def machine() -> dict[str, object]:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {"cpus": os.cpu_count(), "model": model, "system": platform.platform(), "load": os.getloadavg()}


def versions() -> dict[str, str]:
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, **found}


if __name__ == "__main__":
    main()
