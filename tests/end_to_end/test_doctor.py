"""`asyncflow doctor` on real deployments: what it finds, what it advises, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from asyncflow.adapters.amqp import AmqpBroker
from asyncflow.app.diagnosis import Check, State, guarantees
from asyncflow.app.symptoms import Told, of_workers
from asyncflow.ports import Message
from tests.end_to_end.conftest import Serve, StartWorker, flow, plain
from tests.servers import free_port

pytestmark = pytest.mark.timeout(120)

ASYNCFLOW = Path(sys.executable).with_name("asyncflow")


def diagnose(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [ASYNCFLOW, "doctor", "--json", *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def checks_in(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in found["checks"]}


async def test_a_deployment_that_works_is_told_from_what_would_improve_it(
    serve: Serve, start_worker: StartWorker, vhost: str, tmp_path: Path
) -> None:
    start_worker()
    configuration = flow({"from": [], "to": "add"}, tasks=[plain("add"), plain("nothing", queue="ml")])
    (tmp_path / "flow.yaml").write_text(json.dumps(configuration))
    async with serve(configuration):
        where = ("-c", "flow.yaml", "--broker", vhost, "--store", "sqlite:///asyncflow.db")
        code, found = await anyio.to_thread.run_sync(lambda: diagnose(tmp_path, *where))
    assert code == 0
    checks = checks_in(found)
    fine = {"broker", "dispatcher", "workers", "result channel", "durable task queues", "heartbeats", "clocks", "store"}
    assert {name: checks[name]["state"] for name in fine} == dict.fromkeys(fine, "ok")
    assert "in use by a dispatcher" in checks["store"]["told"]
    assert checks["our queues"]["state"] == "ok"
    assert "quorum" in checks["our queues"]["told"]
    assert checks["pool"]["told"] == "prefork"
    assert checks["task_acks_late"]["state"] == "weak"
    assert checks["task_acks_late"]["advice"] == "app.conf.task_acks_late = True"
    assert "nothing" in checks["tasks"]["told"]
    assert checks["task queue"]["told"] == "queue 'ml' does not exist: no worker has ever served it"
    assert {one["name"]: one["holds"] for one in found["guarantees"]} == dict.fromkeys(
        ["N1", "N2", "N3", "N4", "N5", "N6"], True
    )


async def test_messages_without_a_consumer_are_found(start_worker: StartWorker, vhost: str, tmp_path: Path) -> None:
    worker = start_worker()
    worker.kill()
    (tmp_path / "flow.yaml").write_text(json.dumps(flow({"from": [], "to": "add"}, tasks=[plain("add")])))
    async with AmqpBroker(vhost, namespace="other") as broker:
        await broker.publish([Message(routing_key="celery", body=b"{}")] * 3)
        code, found = await anyio.to_thread.run_sync(lambda: diagnose(tmp_path, "-c", "flow.yaml", "--broker", vhost))
    assert code == 0
    checks = checks_in(found)
    assert checks["task queue"]["told"] == "queue 'celery' has 3 messages and 0 consumers"
    assert checks["workers"]["told"] == "no worker answers"


def test_a_broker_that_cannot_be_reached_ends_with_5(tmp_path: Path) -> None:
    code, found = diagnose(tmp_path, "--broker", f"amqp://guest:secret@127.0.0.1:{free_port()}/")
    assert code == 5
    assert not found["reachable"]
    broker = checks_in(found)["broker"]
    assert broker["state"] == "down"
    assert "secret" not in json.dumps(found)
    assert {one["name"]: one["holds"] for one in found["guarantees"]}["N3"] is None


def test_a_store_that_cannot_be_read_ends_with_5(tmp_path: Path) -> None:
    (tmp_path / "asyncflow.db").write_bytes(b"this is no database, but long enough to be taken for one" * 100)
    code, found = diagnose(tmp_path)
    assert code == 5
    assert checks_in(found)["store"]["state"] == "down"


def holding(*checks: Check) -> dict[str, bool | None]:
    return {one.name: one.holds for one in guarantees(checks)}


def test_a_guarantee_falls_with_a_check_that_it_leans_on() -> None:
    fine = [
        Check(name=name, state=State.OK, told="")
        for name in ("store", "free disk", "broker", "durable task queues", "our queues")
    ]
    assert holding(*fine) == {"N1": True, "N2": True, "N3": True, "N4": None, "N5": None, "N6": True}
    weak = Check(name="durable task queues", state=State.WEAK, told="")
    assert holding(*fine, weak) == {"N1": True, "N2": True, "N3": False, "N4": None, "N5": None, "N6": False}


SAFE = {
    "result_backend": "rpc:///",
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "result_persistent": True,
    "broker_transport_options": {"confirm_publish": True},
    "worker_prefetch_multiplier": 1,
    "task_track_started": True,
}


@pytest.mark.parametrize("missing", sorted(SAFE.keys() - {"result_backend"}))
def test_each_setting_that_is_missing_is_advised(missing: str) -> None:
    conf = {"w1": SAFE, "w2": {key: value for key, value in SAFE.items() if key != missing}}
    checks = of_workers(Told(conf=conf, registered={}, active_queues={}, stats={}, report={}), None)
    [weak] = [check for check in checks if check.state is State.WEAK]
    assert "1 of 2 workers (w2)" in weak.told
    assert missing in weak.advice or "confirm_publish" in weak.advice


def test_a_solo_pool_is_told_of() -> None:
    stats = {"w1": {"pool": {"implementation": "celery.concurrency.solo:TaskPool"}}}
    checks = of_workers(Told(conf={"w1": SAFE}, registered={}, active_queues={}, stats=stats, report={}), None)
    [weak] = [check for check in checks if check.state is State.WEAK]
    assert weak.told == "any worker uses the solo pool: it says nothing while a task runs"


def test_queues_that_a_restart_empties_are_named() -> None:
    queues = {"w1": [{"name": "celery", "durable": True}, {"name": "fast", "durable": False}]}
    checks = of_workers(Told(conf={"w1": SAFE}, registered={}, active_queues=queues, stats={}, report={}), None)
    [weak] = [check for check in checks if check.state is State.WEAK]
    assert "fast" in weak.told
    assert "celery" not in weak.told
