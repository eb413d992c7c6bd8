"""What needs no server: the engine's decisions, reading a configuration, and the command line's first word."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import yaml

from asyncflow.config import load, load_mapping
from asyncflow.dispatcher.ids import TaskIds
from asyncflow.engine import decide
from asyncflow.model.decision import Context, Decision
from asyncflow.model.events import AttemptSucceeded, RunRequested
from asyncflow.model.flow import Flow
from asyncflow.model.names import FlowName, RunId
from asyncflow.model.run import Run
from asyncflow.predicates import BUILT_INS
from benchmarks.canvas import timed
from benchmarks.measured import Figure
from benchmarks.parts import Bench, alternating, chain_of

DECISIONS = 3000
FLOWS, NODES = 1000, 20
CALLS = 10


def measure_engine(bench: Bench) -> list[Figure]:
    flow = load_mapping(chain_of(3), builtins=BUILT_INS, environ={}).configuration.flows[FlowName("chain")]
    [samples] = alternating(2 * bench.rounds, lambda: _microseconds(flow))
    return [
        Figure(
            name="engine alone: decide + evolve per completion, 3-node chain",
            bar="<= 20 us",
            most=20.0,
            unit="us",
            samples=samples,
            note=f"CPU time, {DECISIONS:,} runs",
        )
    ]


def _microseconds(flow: Flow) -> float:
    context = Context(new_id=TaskIds(b"0123456789abcdef"))
    begun: list[Run] = []
    for number in range(DECISIONS):
        id = RunId(f"run-{number}")
        request = RunRequested(at=0.0, run_id=id, flow=flow.name, root_id=id)
        begun.append(_run(decide(flow, None, request, context)))
    cpu = time.process_time()
    for run in begun:
        after = run
        for _ in range(3):
            [id] = after.active
            after = _run(decide(flow, after, AttemptSucceeded(at=1.0, run_id=after.id, id=id), context))
        assert after.status.is_terminal
    return 1e6 * (time.process_time() - cpu) / (3 * DECISIONS)


def _run(decision: object) -> Run:
    assert isinstance(decision, Decision)
    return decision.run


def measure_loading(bench: Bench) -> list[Figure]:
    folder = bench.new_folder("thousand")
    for number in range(FLOWS):
        flow = chain_of(NODES, f"flow{number}")
        for task in flow["tasks"]:
            task["name"] += f"Of{number}"
        for edge in flow["flow-definitions"][0]["edges"]:
            edge["to"] += f"Of{number}"
            edge["from"] = f"{edge['from']}Of{number}" if edge["from"] else []
        (folder / f"flow{number}.yaml").write_text(yaml.safe_dump(flow))
    seconds, cpu = _loads(folder, bench.rounds)
    return [
        Figure(
            name=f"loading and checking {FLOWS:,} flows of {NODES} nodes",
            bar="<= 3 s",
            most=3.0,
            unit="s",
            samples=seconds,
            beside={"CPU s": cpu},
        )
    ]


def _loads(folder: Path, rounds: int) -> tuple[list[float], list[float]]:
    seconds, cpu = [], []
    for _ in range(rounds):
        before = time.process_time()
        seconds.append(timed(lambda: load([folder], builtins=BUILT_INS, environ={})))
        cpu.append(time.process_time() - before)
    return seconds, cpu


def measure_help(bench: Bench) -> list[Figure]:
    program = str(Path(sys.executable).with_name("asyncflow"))
    nothing = [sys.executable, "-c", "pass"]
    samples, python = alternating(
        bench.rounds * 2,
        lambda: 1000 * min(timed(lambda: _call([program, "--help"])) for _ in range(CALLS // 5)),
        lambda: 1000 * min(timed(lambda: _call(nothing)) for _ in range(CALLS // 5)),
    )
    return [
        Figure(
            name="`asyncflow --help`, cold",
            bar="<= 150 ms",
            most=150.0,
            unit="ms",
            samples=samples,
            beside={"python -c pass": python},
            note="a new process each time, its files in the page cache",
        )
    ]


def _call(command: list[str]) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
