"""A dispatcher that is killed in the middle of everything goes on where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import orjson
import pytest

from asyncflow.client import Client, connect
from asyncflow.errors import NoDispatcherError
from tests.end_to_end.conftest import StartWorker, flow, plain
from tests.servers import wait_until

RUNS = 50
STEPS = 6

pytestmark = pytest.mark.timeout(180)


def ledger_flow(ledger: Path) -> dict[str, object]:
    """A chain with a fan-out in its middle; each task writes a line to a file outside the system."""
    arguments = [{"value": str(ledger)}, "node_args.run"]
    tasks = [plain("mark") | {"name": f"Step{number}", "args": arguments} for number in range(STEPS)]
    return flow(
        {"from": [], "to": "Step0"},
        {"from": "Step0", "to": ["Step1", "Step2"]},
        {"from": ["Step1", "Step2"], "to": "Step3"},
        {"from": "Step3", "to": "Step4", "condition": {"name": "isStr"}},
        {"from": "Step4", "to": "Step5"},
        tasks=tasks,
    )


@contextmanager
def daemon(folder: Path, broker: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "serve.log").open("ab") as log:
        serving = subprocess.Popen(
            [Path(sys.executable).with_name("asyncflow"), "serve", "-c", str(folder / "flow.yaml")],
            env={
                **os.environ,
                "ASYNCFLOW_BROKER_URL": broker,
                "ASYNCFLOW_STORE_URL": f"sqlite:///{folder / 'asyncflow.db'}",
            },
            stderr=log,
            stdout=log,
        )
    try:
        yield serving
    finally:
        if serving.poll() is None:
            serving.send_signal(signal.SIGKILL)
        serving.wait()


async def start_when_served(client: Client, number: int) -> None:
    """The same run id again is the same run, so asking twice does no harm."""
    for _ in range(10):
        try:
            await client.start("flow", {"run": f"run-{number}"}, run_id=f"run-{number}")
        except NoDispatcherError:
            continue
        return
    raise AssertionError("no dispatcher; see serve.log")


async def test_fifty_runs_end_right_though_their_dispatcher_is_killed(
    vhost: str, start_worker: StartWorker, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    ledger.touch()
    (tmp_path / "flow.yaml").write_bytes(orjson.dumps(ledger_flow(ledger)))
    start_worker()
    async with connect(vhost, timeout=5) as client:
        with daemon(tmp_path, vhost) as first:
            async with anyio.create_task_group() as group:
                for number in range(RUNS):
                    group.start_soon(start_when_served, client, number)
            await anyio.to_thread.run_sync(
                wait_until, lambda: len(ledger.read_text().splitlines()) > RUNS * STEPS / 3, "a third of the steps"
            )
            first.send_signal(signal.SIGKILL)
            first.wait()
            done = len(ledger.read_text().splitlines())
        assert done < RUNS * STEPS
        with daemon(tmp_path, vhost) as second:
            outcomes = [await client.run(f"run-{number}").wait(timeout=60) for number in range(RUNS)]
            second.send_signal(signal.SIGTERM)
            assert second.wait(timeout=10) == 0
    assert [outcome.state.value for outcome in outcomes] == ["succeeded"] * RUNS
    for outcome in outcomes:
        assert Counter(node["name"] for node in outcome.nodes) == {f"Step{number}": 1 for number in range(STEPS)}
    lines = Counter(ledger.read_text().splitlines())
    assert all(lines[f"run-{number}"] >= STEPS for number in range(RUNS))
