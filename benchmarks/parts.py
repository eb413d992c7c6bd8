"""What measurements run on: private servers, a daemon in its own process, and what the kernel says of processes."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from asyncflow.adapters.amqp_topology import Topology
from benchmarks.wire import Wire
from tests.servers import CeleryWorker, RabbitServer, RedisServer, wait_until

ROOT = Path(__file__).parents[1]
DURABLE, IN_MEMORY = "durable", "memory"
"""The SQLite store with a sync for each commit, which is the default; and the one that forgets all when it ends."""
CLASSIC = "classic"
"""The durable one again, with a classic queue for reports and requests where a quorum queue is the default."""
KNOWS_WORKERS = b"reply over rpc"
"""What a daemon says when it has found out how its workers report."""

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGESIZE")


@dataclass
class Bench:
    """Servers start when they are first asked for, and end with the stack."""

    folder: Path
    stack: ExitStack
    rounds: int = 5
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @cached_property
    def rabbit(self) -> RabbitServer:
        return self.stack.enter_context(RabbitServer(self.new_folder("rabbitmq")))

    @cached_property
    def redis(self) -> RedisServer:
        return self.stack.enter_context(RedisServer(self.new_folder("redis")))

    def vhost(self) -> str:
        return self.rabbit.add_vhost()

    def new_folder(self, name: str) -> Path:
        folder = self.folder / f"{name}-{next(self._numbers)}"
        folder.mkdir()
        return folder

    def worker(self, app: str, broker: str, backend: str, **options: Any) -> CeleryWorker:
        folder = self.new_folder("worker")
        options.setdefault("environ", {"BENCH_BROKER": broker, "BENCH_BACKEND": backend})
        options.setdefault("path", [ROOT])
        return CeleryWorker(folder, app, broker=broker, backend=backend, **options)

    def write_flows(self, configuration: Mapping[str, Any]) -> Path:
        file = self.new_folder("flows") / "flows.yaml"
        file.write_text(yaml.safe_dump(dict(configuration)))
        return file


@contextmanager
def daemon(
    bench: Bench, flows: Path, broker: str, *, store: str = DURABLE, until: bytes = b"dispatching"
) -> Iterator[int]:
    """`asyncflow serve` in its own process; gives its pid when its log says `until`. Its namespace is the store's name."""
    folder = bench.new_folder("daemon")
    if store == CLASSIC:
        declare_classic(broker, Topology(namespace=store).queue)
    log = folder / "serve.log"
    environ = {
        **os.environ,
        "ASYNCFLOW_BROKER_URL": broker,
        "ASYNCFLOW_STORE_URL": "memory:" if store == IN_MEMORY else f"sqlite:///{folder / 'asyncflow.db'}",
        "ASYNCFLOW_NAMESPACE": store,
    }
    with log.open("wb") as out:
        command = [Path(sys.executable).with_name("asyncflow"), "serve", "-c", str(flows)]
        serving = subprocess.Popen(command, env=environ, stdout=out, stderr=out)
    try:
        wait_until(lambda: serving.poll() is not None or until in log.read_bytes(), "the daemon to serve")
        if serving.poll() is not None:
            raise AssertionError(log.read_text())
        yield serving.pid
    finally:
        serving.terminate()
        serving.wait(20)


def declare_classic(broker: str, queue: str) -> None:
    """A dispatcher takes its queue as it finds it."""
    wire = Wire(broker)
    wire.declare(queue)
    wire.close()


@contextmanager
def script(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A module of this package in its own process, once it has said that it is ready."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "ready", f"{module} did not start"
        yield child
    finally:
        child.kill()
        child.wait()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def alternating(rounds: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Call each in turn, round after round: A B A B. The samples of each."""
    samples: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for found, measure in zip(samples, measures, strict=True):
            found.append(measure())
    return samples


def chain_of(
    length: int, name: str = "chain", queue: str = "celery", task: str = "benchmarks.tasks.nothing"
) -> dict[str, Any]:
    """Tasks and one flow: each task after the one before it."""
    names = [f"Step{number}" for number in range(length)]
    edges = [{"from": [], "to": names[0]}]
    edges += [{"from": one, "to": next_one} for one, next_one in itertools.pairwise(names)]
    tasks = [{"name": one, "celery_task": task, "queue": queue, "args": []} for one in names]
    return {"tasks": tasks, "flows": [name], "flow-definitions": [{"name": name, "edges": edges}]}
