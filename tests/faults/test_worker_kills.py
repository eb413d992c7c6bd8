"""Workers that are killed with all they run: every attempt has a verdict, and every run its end.

Short form: 5 workers for each way of acknowledging. ASYNCFLOW_FAULTS=long: 100.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest

from asyncflow.adapters.sqlite import SqliteStore
from asyncflow.dispatcher.watchdog import WatchdogSettings
from asyncflow.model.run import Status
from tests.faults.conftest import outcome_worker, serving, single
from tests.faults.seeds import in_time, sized, tell
from tests.servers import CeleryWorker

AT_ONCE = 5
BY_HEARTBEATS = WatchdogSettings(grace=1.0, answer=1.0, pause=2.0, settle=2.0)
"""No lease ends within an hour: that workers fall silent must be enough."""
ROUNDS = sized(1, 20)

pytestmark = pytest.mark.timeout(120 * ROUNDS)


@pytest.mark.parametrize("late", [False, True], ids=["early ack", "late ack"])
async def test_every_attempt_on_a_killed_worker_has_a_verdict(
    vhost: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], late: bool
) -> None:
    with ExitStack() as stack:
        survivor = start_workers(stack, tmp_path, vhost, late, 1)[0]
        rounds = 0
        for number in in_time(range(ROUNDS)):
            rounds += 1
            await kill_a_round(stack, vhost, tmp_path, late, number)
            assert survivor.running
    verdicts = verdicts_in(tmp_path)
    told = (
        f"{AT_ONCE * rounds} of {AT_ONCE * ROUNDS} workers killed ({'late' if late else 'early'} ack): {dict(verdicts)}"
    )
    tell(capsys, told)
    assert verdicts[None] == 0
    assert verdicts["succeeded"] == (AT_ONCE + 1) * rounds
    assert verdicts["lost"] == (0 if late else AT_ONCE * rounds)


async def kill_a_round(stack: ExitStack, vhost: str, tmp_path: Path, late: bool, number: int) -> None:
    """One run for each worker, all workers killed but the survivor, and all runs seen to their end."""
    ledger, release = tmp_path / f"ledger-{number}", tmp_path / f"release-{number}"
    ledger.touch()
    doomed = start_workers(stack, tmp_path, vhost, late, AT_ONCE)
    store = SqliteStore(tmp_path / "asyncflow.db")
    async with serving(single("hold", on_lost="retry"), vhost, store, watchdog=BY_HEARTBEATS) as client:
        names = [f"{number}-{each}" for each in range(AT_ONCE + 1)]
        runs = [
            await client.start("flow", {"ledger": str(ledger), "name": name, "release": str(release)}) for name in names
        ]
        await until(lambda: len(ledger.read_text().splitlines()) == len(runs))
        for worker in doomed:
            worker.kill()
        release.touch()
        outcomes = [await run.wait(timeout=60) for run in runs]
    assert [outcome.state for outcome in outcomes] == [Status.SUCCEEDED] * len(runs)
    assert Counter(attempt_of(outcome) for outcome in outcomes) == ({1: 6} if late else {1: 1, 2: AT_ONCE})
    lines = Counter(ledger.read_text().splitlines())
    assert sorted(lines.values()) == [1] + [2] * AT_ONCE


def attempt_of(outcome: object) -> int:
    return outcome.nodes[0]["attempt"]


def start_workers(stack: ExitStack, folder: Path, url: str, late: bool, count: int) -> list[CeleryWorker]:
    environ = {"ASYNCFLOW_TEST_LATE": "yes" if late else ""}
    workers = [outcome_worker(folder, url, "rpc://", environ=environ) for _ in range(count)]
    for worker in workers:
        stack.callback(worker.kill)
        worker.launch()
    return [worker.start() for worker in workers]


def verdicts_in(folder: Path) -> Counter[str | None]:
    with sqlite3.connect(folder / "asyncflow.db") as connection:
        return Counter(verdict for (verdict,) in connection.execute("SELECT verdict FROM attempts"))


async def until(holds: Callable[[], object]) -> None:
    with anyio.fail_after(60):
        while not holds():
            await anyio.sleep(0.05)
