"""Signals, delays and schedules with RabbitMQ, `asyncflow serve` and a stock worker, and with a dispatcher that is killed."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest

from asyncflow.client import Client, RunHandle, connect
from asyncflow.errors import NoDispatcherError
from tests.end_to_end.conftest import StartWorker, plain
from tests.end_to_end.test_kill import daemon

pytestmark = pytest.mark.timeout(120)

GUIDE = Path(__file__).parents[2] / "docs" / "signals.md"


def release(ledger: Path) -> dict[str, Any]:
    def mark(name: str, text: Any) -> dict[str, Any]:
        return plain("mark") | {"name": name, "args": [{"value": str(ledger)}, text]}

    return {
        "tasks": [
            mark("Ask", {"value": "asked"}),
            {"name": "Approval", "wait": {"event": "approved", "timeout": "1h", "schema": {"required": ["by"]}}},
            {"name": "CoolDown", "delay": "node_args.pause"},
            mark("Publish", "results.Approval.by"),
            {"name": "Reply", "wait": {"event": "replied", "timeout": "300ms"}},
            mark("Escalate", {"value": "escalated"}),
        ],
        "flow-definitions": [
            {
                "name": "release",
                "edges": [
                    {"from": [], "to": "Ask"},
                    {"from": "Ask", "to": ["Approval", "Reply"]},
                    {"from": "Approval", "to": "CoolDown"},
                    {"from": ["CoolDown", "Approval"], "to": "Publish"},
                ],
                "failures": [{"nodes": "Reply", "fallback": "Escalate"}],
            }
        ],
    }


async def started(client: Client, run_id: str) -> RunHandle:
    for _ in range(10):
        try:
            return await client.start("release", {"pause": "1s"}, run_id=run_id)
        except NoDispatcherError:
            continue
    raise AssertionError("no dispatcher; see serve.log")


async def until(run: RunHandle, name: str, state: str) -> Mapping[str, Any]:
    with anyio.fail_after(60):
        while True:
            for node in (await run.status()).nodes:
                if (node["name"], node["state"]) == (name, state):
                    return node
            await anyio.sleep(0.1)


def asyncflow(folder: Path, broker: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("asyncflow")), *words, "--broker", broker]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder, check=False)


def of_guide(broker: str, run_id: str) -> str:
    """The program for other systems, from the guide."""
    [program] = [each for each in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL) if "kombu" in each]
    return f"run_id = {run_id!r}\n" + program.replace("amqp://guest:guest@127.0.0.1:5672//", broker)


async def test_a_release_waits_for_its_approval_though_dispatchers_are_killed(
    vhost: str, start_worker: StartWorker, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    ledger.touch()
    (tmp_path / "flow.yaml").write_bytes(orjson.dumps(release(ledger)))
    start_worker()
    async with connect(vhost, timeout=5) as client:
        with daemon(tmp_path, vhost) as first:
            run, other = await started(client, "release-1"), await started(client, "release-2")
            await until(run, "Approval", "waiting")
            assert (await until(run, "Reply", "failed"))["error"]["type"] == "WaitTimeout"
            refused = await anyio.to_thread.run_sync(
                asyncflow, tmp_path, vhost, "signal", "release-1", "approved", "--payload", "{}"
            )
            assert refused.returncode == 2
            assert "payload must contain ['by'] properties" in refused.stderr
            sent = await anyio.to_thread.run_sync(
                asyncflow, tmp_path, vhost, "signal", "release-1", "approved", "--payload", '{"by": "Ada"}', "--id", "1"
            )
            assert sent.returncode == 0, sent.stderr
            assert "has released Approval" in sent.stderr
            first.send_signal(signal.SIGKILL)
            first.wait()
        # While no dispatcher runs, the broker keeps what other systems send.
        program = of_guide(vhost, "release-2")
        done = await anyio.to_thread.run_sync(
            lambda: subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
            )
        )
        assert done.returncode == 0, done.stderr
        with daemon(tmp_path, vhost):
            outcomes = [await each.wait(timeout=60) for each in (run, other)]
    assert [outcome.state.value for outcome in outcomes] == ["succeeded", "succeeded"]
    assert sorted(ledger.read_text().splitlines()) == sorted(["asked", "escalated"] * 2 + ["Ada", "Grace"])
    assert outcomes[0].results("Approval") == [{"by": "Ada"}]
