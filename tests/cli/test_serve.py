"""`serve`, `worker` and what asks them, over a real broker."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import pytest

from asyncflow.client import connect
from asyncflow.errors import NoDispatcherError
from tests.cli.project import Project, read_until
from tests.servers import RabbitServer, free_port


class Kitchen(Project):
    """A project with a dispatcher and a worker at work."""

    dispatcher: subprocess.Popen[str]
    worker: subprocess.Popen[str]


@pytest.fixture(scope="module")
def kitchen(rabbit: RabbitServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kitchen]:
    url = rabbit.add_vhost()
    project = Kitchen(tmp_path_factory.mktemp("kitchen"), {"ASYNCFLOW_BROKER_URL": url})
    celery = ("--", "--pool", "threads", "-c", "2", "--without-mingle")
    with project.begin("serve") as dispatcher, project.begin("worker", "--log-format", "json", *celery) as worker:
        read_until(dispatcher, "dispatching")
        read_until(worker, " ready.")
        project.dispatcher, project.worker = dispatcher, worker
        yield project
        project.wake()
        for child in (worker, dispatcher):
            child.send_signal(signal.SIGTERM)
            _, err = child.communicate(timeout=20)
            assert child.returncode == 0, err


def test_a_run_is_watched_from_afar(kitchen: Project) -> None:
    done = kitchen.run("run", "good", "--node-args", '{"x": 2}', "--json")
    assert done.code == 0, done.err
    assert done.json["nodes"][0]["result"] == {"sum": 3}
    assert "succeeded  Add" in done.err


def test_logs_are_followed_until_the_run_is_over(kitchen: Project) -> None:
    assert kitchen.look("start", "long", "--run-id", "followed").code == 0
    with kitchen.begin("logs", "followed", "--follow") as told:
        assert told.stdout is not None
        first = told.stdout.readline()  # while the task waits
        kitchen.wake()
        rest = told.stdout.read()
        told.wait(20)
    (kitchen.folder / "alarm").unlink()  # for the tests after it
    assert told.returncode == 0
    assert (first + rest).splitlines() == kitchen.look("logs", "followed").out.splitlines()
    assert "Wait" in rest


def test_start_prints_the_id_and_status_and_list_ask_the_dispatcher(kitchen: Project) -> None:
    started = kitchen.look("start", "good", "--node-args", '{"x": 1}', "--run-id", "one")
    assert (started.code, started.out, started.err) == (0, "one\n", "")
    waited = kitchen.look("start", "good", "--node-args", '{"x": 1}', "--run-id", "one", "--wait", "--json")
    assert waited.json["state"] == "succeeded"
    assert kitchen.look("show", "one", "--json").json == waited.json
    assert "one" in [run["run_id"] for run in kitchen.look("list", "--json", "--state", "succeeded").json["runs"]]


def test_a_run_can_be_watched_by_the_beginning_of_its_id(kitchen: Project) -> None:
    assert kitchen.look("start", "good", "--node-args", '{"x": 1}', "--run-id", "seen").code == 0
    done = kitchen.look("watch", "see", "--json")
    assert done.code == 0
    assert done.json["run_id"] == "seen"
    assert kitchen.look("watch", "absent").code == 3


def test_a_store_that_is_typed_is_read_although_the_environment_names_a_broker(kitchen: Project) -> None:
    store = f"sqlite:///{kitchen.folder}/asyncflow.db"
    of_dispatcher = kitchen.look("list", "--json").json
    assert kitchen.look("list", "--json", "--store", store).json == of_dispatcher
    assert kitchen.look("list", "--store", "sqlite:///absent.db").code == 5


def test_start_and_wait_end_as_the_run_does(kitchen: Project) -> None:
    done = kitchen.look("start", "bad", "--wait", "-q")
    assert done.code == 1
    assert done.err == ""


def test_runs_are_cancelled_and_what_cannot_be_is_told(kitchen: Project) -> None:
    assert kitchen.look("start", "long", "--run-id", "night").code == 0
    done = kitchen.look("cancel", "nig", "absent", "--reason", "tired", "--json")
    assert done.code == 3
    assert done.json == {"runs": [{"run_id": "night", "flow": "long", "state": "cancelled"}]}
    assert "no run has the id 'absent'" in done.err
    assert kitchen.look("start", "long", "--run-id", "night", "--wait").code == 1


def test_runs_are_paused_and_resumed_and_what_is_so_already_is_told(kitchen: Project) -> None:
    assert kitchen.look("start", "long", "--run-id", "nap").code == 0
    done = kitchen.look("pause", "nap", "one", "absent")
    assert done.code == 3
    assert "paused run nap of flow long\n" in done.err
    assert "run one of flow good has succeeded already\n" in done.err
    assert "no run has the id 'absent'" in done.err
    assert kitchen.look("show", "nap", "--json").json["state"] == "paused"
    assert kitchen.look("pause", "nap").err == "run nap of flow long is paused already\n"
    resumed = kitchen.look("resume", "na", "--json")
    assert resumed.json == {"runs": [{"run_id": "nap", "flow": "long", "state": "running"}]}
    assert kitchen.look("resume", "nap").err == "run nap of flow long is running already\n"
    assert kitchen.look("cancel", "nap", "-q").code == 0


def test_an_interrupted_watcher_leaves_the_run_to_the_dispatcher(kitchen: Project) -> None:
    with kitchen.begin("run", "long", "--run-id", "far") as child:
        read_until(child, "started")
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=20)
    assert child.returncode == 130
    assert "run far goes on" in err
    assert kitchen.look("show", "far", "--json").json["state"] == "running"
    assert kitchen.look("cancel", "far").code == 0


def test_what_the_dispatcher_refuses_has_its_exit_code(kitchen: Project) -> None:
    assert kitchen.look("start", "absent").code == 3
    assert kitchen.look("start", "good").code == 2
    assert kitchen.look("show", "absent").code == 3


def test_a_broker_that_is_away_is_one_line(project: Project) -> None:
    url = f"amqp://guest:secret@127.0.0.1:{free_port()}/"
    for command in (["serve"], ["start", "good"], ["list"]):
        done = project.look(*command, "--broker", url)
        assert done.code == 5
        assert done.err.startswith("error: ")
        assert done.err.count("\n") == 2  # and the hint
        assert "secret" not in done.err


@pytest.fixture
def stranger(project: Project, kitchen: Kitchen) -> Project:
    """A project on the kitchen's broker, in a namespace in which nobody has served yet."""
    project.environ |= {
        "ASYNCFLOW_BROKER_URL": kitchen.environ["ASYNCFLOW_BROKER_URL"],
        "ASYNCFLOW_NAMESPACE": f"stranger-{uuid4().hex}",
    }
    return project


def test_the_log_of_a_dispatcher_can_be_json(stranger: Project) -> None:
    with stranger.begin("serve", "--log-format", "json") as child:
        line = read_until(child, "dispatching").splitlines()[-1]
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=20)
    assert child.returncode == 0
    told = json.loads(line)
    assert told["event"].startswith("dispatching")
    assert {"at", "level", "logger"} <= told.keys()


def test_without_a_dispatcher_it_is_said_whether_the_start_waits_for_one(stranger: Project) -> None:
    url, namespace = (stranger.environ[f"ASYNCFLOW_{name}"] for name in ("BROKER_URL", "NAMESPACE"))

    async def ask() -> str:
        async with connect(url, namespace=namespace, timeout=0.4) as client:
            with pytest.raises(NoDispatcherError) as caught:
                await client.start("good", {"x": 1}, run_id="early")
        return str(caught.value)

    assert "has no queue of a dispatcher yet, so nothing of it is kept" in anyio.run(ask)
    with stranger.begin("serve") as child:
        read_until(child, "dispatching")
        assert stranger.look("show", "early").code == 3
    assert "the start of run early waits in the broker" in anyio.run(ask)


def test_a_watcher_from_afar_hears_that_a_queue_is_missing(stranger: Project) -> None:
    flows = stranger.folder / "flows.yaml"
    flows.write_text(flows.read_text().replace("args: [node_args.x]}", "args: [node_args.x], queue: shop}"))
    with stranger.begin("serve") as dispatcher:
        read_until(dispatcher, "dispatching")
        with stranger.begin("run", "good", "--node-args", '{"x": 1}') as watcher:
            told = read_until(watcher, "waits")
    assert told.splitlines()[-1] == "waits      Add  no queue `shop`; start a worker with -Q shop"


def test_a_worker_without_a_broker_and_without_an_app_is_refused(project: Project) -> None:
    flows = project.folder / "flows.yaml"
    flows.write_text(flows.read_text().replace('global: {celery_app: "tasks:app"}\n', ""))
    done = project.look("worker", "-c", str(flows))
    assert done.code == 2
    assert "worker needs a broker" in done.err


def test_the_log_of_a_worker_can_be_json_and_names_the_task(kitchen: Kitchen) -> None:
    assert kitchen.look("start", "good", "--node-args", '{"x": 1}').code == 0
    lines = read_until(kitchen.worker, "a task prints this").splitlines()
    printed = json.loads(lines[-1])
    assert printed["event"] == "a task prints this"
    assert printed["task"] == "tasks.add"
    assert len(printed["task_id"]) == 36
    assert {"at", "level", "logger"} <= printed.keys()


# The last of the kitchen's: its worker takes a while to come back.
def test_a_broker_that_goes_and_comes_back_is_told_in_our_own_words(kitchen: Kitchen, rabbit: RabbitServer) -> None:
    rabbit.close_connections(kitchen.environ["ASYNCFLOW_BROKER_URL"])
    told = read_until(kitchen.dispatcher, "broker lost: ") + read_until(kitchen.dispatcher, "broker back: ")
    assert "tried again in 0.1 s" in told
    assert "guest:" not in told
    assert {line.rpartition(" ")[2].partition(".")[0] for line in told.splitlines()} == {"asyncflow"}, told


def test_q7_a_run_that_is_open_goes_on_right_though_its_flow_is_changed_meanwhile(
    rabbit: RabbitServer, tmp_path: Path
) -> None:
    """Killed, started again with edges put in front, reordered and taken out: the journal and the page still agree."""
    project = Project(tmp_path, {"ASYNCFLOW_BROKER_URL": rabbit.add_vhost(), "ASYNCFLOW_NAMESPACE": "changing"})
    begun = CHANGING.format(edges="{from: , to: [Mend, Wait]}, {from: [Mend, Wait], to: Add}, {from: Wait, to: Fail}")
    changed = CHANGING.format(edges="{from: Add, to: Last}, {from: [Wait, Mend], to: Add}, {from: , to: [Mend, Wait]}")
    (tmp_path / "flows.yaml").write_text(begun)
    with project.begin("worker", "--", "--pool", "threads", "-c", "2", "--without-mingle") as worker:
        read_until(worker, " ready.")
        with project.begin("serve") as dispatcher:
            read_until(dispatcher, "dispatching")
            assert project.look("start", "changing", "--node-args", '{"x": 1}', "--run-id", "open").code == 0
            _until(lambda: "succeeded" in {node["state"] for node in _nodes(project, "open")})
            dispatcher.kill()
        (tmp_path / "flows.yaml").write_text(changed)
        project.wake()  # its task ends while nobody dispatches
        with project.begin("serve") as dispatcher:
            said = read_until(dispatcher, "dispatching")
            assert "flow changed: changing" in said
            assert "open" in said
            assert project.run("start", "changing", "--run-id", "open", "--wait", "-q").code == 0
            dispatcher.send_signal(signal.SIGTERM)
            dispatcher.communicate(timeout=20)
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=20)
    store = ("--store", f"sqlite:///{tmp_path}/asyncflow.db", "--json")
    run = project.look("status", "open", *store).json
    assert run["state"] == "succeeded"
    assert [node["name"] for node in run["nodes"]] == ["Mend", "Wait", "Add", "Last"]


CHANGING = """
tasks:
  - {{name: Add, celery_task: tasks.add, args: [node_args.x]}}
  - {{name: Mend, celery_task: tasks.add, args: [{{value: 1}}]}}
  - {{name: Last, celery_task: tasks.add, args: [{{value: 1}}]}}
  - {{name: Fail, celery_task: tasks.fail, args: []}}
  - {{name: Wait, celery_task: tasks.wait, args: [{{value: alarm}}]}}
flows: [changing]
global: {{celery_app: "tasks:app"}}
flow-definitions:
  - {{name: changing, edges: [{edges}]}}
"""


def _nodes(project: Project, run_id: str) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = project.look("status", run_id, "--json").json["nodes"]
    return nodes


def _until(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it never came to that")
