"""Flow tasks on a real worker with the plugin: what they are told, where their results go, how they fail."""

import json
import time
from pathlib import Path
from uuid import uuid4

import pytest

from asyncflow.model.commands import PublishTask
from asyncflow.model.events import Blame
from asyncflow.model.flow import Task, TaskKind
from asyncflow.model.run import HowFar
from asyncflow.ports import Completion, Progress
from asyncflow_celery.progress import PAUSE
from tests.celery_wire.bench import bench
from tests.servers import CeleryWorker, wait_until

HERE = Path(__file__).parent
CLASSES = ("Show", "ReadParents", "RetryOnce", "Fatal", "NoBaseAtAll", "SelinonsArguments", "OwnConstructor", "Count")


def write_configuration(folder: Path) -> Path:
    tasks = [{"name": name, "import": "flow_tasks"} for name in CLASSES]
    tasks.append({"name": "Keep", "import": "flow_tasks", "storage": "Files"})
    tasks.append({"name": "Checked", "import": "flow_tasks", "output_schema": str(folder / "schema.json")})
    tasks.append({"name": "Nowhere", "import": "no_such_module"})
    files = {"import": "asyncflow.storages.filesystem", "classname": "Filesystem"}
    configuration = {
        "tasks": tasks,
        "storages": [{"name": "Files", **files, "configuration": {"path": str(folder / "results")}}],
        "flows": ["dinner"],
        "flow-definitions": [{"name": "dinner", "edges": [{"from": None, "to": [task["name"] for task in tasks]}]}],
    }
    (folder / "schema.json").write_text('{"type": "integer"}')
    (folder / "flows.yaml").write_text(json.dumps(configuration))
    return folder / "flows.yaml"


@pytest.fixture(scope="module")
def worker(rabbit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("flow-tasks")
    environ = {"ASYNCFLOW_CONFIG": str(write_configuration(folder))}
    url = rabbit.add_vhost()
    worker = CeleryWorker(folder, "flow_tasks", broker=url, path=[HERE], environ=environ)
    worker.url = url
    yield worker.start()
    worker.kill()


def flow_task(name: str, **more) -> PublishTask:
    return PublishTask(
        run_id="run",
        root_id="run",
        flow="dinner",
        id=str(uuid4()),
        task=Task(name=name, kind=TaskKind.FLOW),
        **{"attempt": 1, **more},
    )


async def run(url: str, name: str, **more) -> Completion:
    command = flow_task(name, **more)
    async with bench(url, callbacks=False) as at:
        await at.publish(command)
        found = await at.completions(1)
        while found[-1].progress is Progress.RETRYING:
            found += await at.completions(1)
    assert {one.id for one in found} == {command.id}
    return found[-1]


async def test_a_flow_task_is_told_its_place(worker):
    found = await run(worker.url, "Show", attempt=3, parent={"Keep": "id-1"}, node_args={"x": 1})
    assert found.result == {
        "task_name": "Show",
        "flow_name": "dinner",
        "parent": {"Keep": "id-1"},
        "task_id": found.id,
        "dispatcher_id": "run",
        "attempt": 3,
        "node_args": {"x": 1},
    }


async def test_a_result_with_a_storage_stays_there_and_another_task_reads_it(worker):
    kept = await run(worker.url, "Keep", node_args=[1])
    assert (kept.progress, kept.result) == (Progress.SUCCEEDED, None)
    read = await run(worker.url, "ReadParents", parent={"Keep": kept.id}, node_args=["Keep"])
    assert read.result == [{"kept": [1], "in": "Filesystem"}]


async def test_inline_results_of_parents_come_with_the_message(worker):
    parent = {"Show": "id-1", "Fatal": "id-2"}
    results = {"id-1": {"a": 1}, "id-2": None}
    found = await run(worker.url, "ReadParents", parent=parent, results=results, node_args=["Show", "Fatal"])
    assert found.result == [{"a": 1}, None]


async def test_the_result_of_a_node_that_is_no_parent_cannot_be_read(worker):
    found = await run(worker.url, "ReadParents", parent={"Keep": "id"}, node_args=["Show"])
    assert (found.progress, found.error.type) == (Progress.FAILED, "NoParentNodeError")
    assert "its parents: Keep" in found.error.message


async def test_a_task_may_ask_to_be_run_again_as_the_same_attempt(worker):
    assert (await run(worker.url, "RetryOnce")).result == 2


async def test_a_fatal_failure_reaches_us_by_its_name(worker):
    found = await run(worker.url, "Fatal")
    assert (found.progress, found.blame) == (Progress.FAILED, Blame.TASK)
    assert (found.error.type, found.error.message) == ("FatalTaskError", "of no use to try again")


async def test_a_class_need_not_inherit_and_may_be_asynchronous(worker):
    assert (await run(worker.url, "NoBaseAtAll", node_args={"x": 1})).result == ["async", {"x": 1}]


async def test_a_constructor_gets_selinons_arguments_where_it_takes_them(worker):
    found = await run(worker.url, "SelinonsArguments")
    assert found.result == ["dinner", "SelinonsArguments", None, found.id, "run"]
    assert (await run(worker.url, "OwnConstructor", attempt=2)).result == [True, 2]


async def test_a_result_that_the_schema_forbids_is_a_failure(worker):
    assert (await run(worker.url, "Checked", node_args=5)).result == 5
    found = await run(worker.url, "Checked", node_args="five")
    assert (found.progress, found.error.type) == (Progress.FAILED, "ValidationError")
    assert "must be integer" in found.error.message


async def test_a_class_that_cannot_be_imported_is_a_failure_with_a_reason(worker):
    found = await run(worker.url, "Nowhere")
    assert (found.progress, found.error.type) == (Progress.FAILED, "ModuleNotFoundError")


async def test_a_task_that_the_worker_does_not_know_is_a_failure_that_says_what_to_do(worker):
    found = await run(worker.url, "Unheard")
    assert (found.progress, found.error.type) == (Progress.FAILED, "NotConfiguredError")
    assert "give the worker the same configuration as the dispatcher" in found.error.message


@pytest.mark.parametrize(
    ("configuration", "told"),
    [(None, "this worker has no configuration of flows: set ASYNCFLOW_CONFIG"), ("tasks: 5\n", "is wrong: ")],
    ids=["none", "wrong"],
)
async def test_a_worker_without_a_good_configuration_lives_says_so_once_and_fails_flow_tasks(
    rabbit, tmp_path, configuration, told
):
    environ = {}
    if configuration is not None:
        (tmp_path / "flows.yaml").write_text(configuration)
        environ["ASYNCFLOW_CONFIG"] = str(tmp_path / "flows.yaml")
    url = rabbit.add_vhost()
    worker = CeleryWorker(tmp_path, "flow_tasks", broker=url, path=[HERE], environ=environ)
    try:
        worker.start()
        for _ in range(2):
            found = await run(url, "Show")
            assert (found.progress, found.error.type) == (Progress.FAILED, "NotConfiguredError")
            assert told in found.error.message
        assert worker.running
        wait_until(lambda: "worker.not_configured" in worker.log.read_text(), "the worker to say so", seconds=5)
        assert worker.log.read_text().count("worker.not_configured") == 1
    finally:
        worker.kill()


@pytest.mark.parametrize("backend", ["rpc://", "disabled://"])
async def test_of_a_tight_loop_little_is_told_and_the_last_word_always(rabbit, tmp_path, backend):
    environ = {"ASYNCFLOW_CONFIG": str(write_configuration(tmp_path))}
    url, go = rabbit.add_vhost(), tmp_path / "go"
    worker = CeleryWorker(tmp_path, "flow_tasks", broker=url, backend=backend, path=[HERE], environ=environ)
    command = flow_task("Count", node_args={"to": 200_000, "go": str(go)})
    try:
        worker.start()
        async with bench(url) as at:
            await at.publish(command)
            began, found = time.monotonic(), []
            while not found or found[-1].how_far != HowFar(done=200_000, total=200_000, text="counting"):
                found += await at.completions(1)
            took = time.monotonic() - began
            go.touch()
            [ended] = await at.completions(1)
    finally:
        worker.kill()
    assert len(found) <= 2 + took / PAUSE
    assert (ended.progress, ended.result) == (Progress.SUCCEEDED, 200_000)


@pytest.mark.parametrize("pool", ["threads", "solo"])
async def test_flow_tasks_run_in_other_pools_too(rabbit, tmp_path, pool):
    environ = {"ASYNCFLOW_CONFIG": str(write_configuration(tmp_path))}
    url = rabbit.add_vhost()
    worker = CeleryWorker(tmp_path, "flow_tasks", broker=url, path=[HERE], environ=environ, pool=pool)
    try:
        worker.start()
        kept = await run(url, "Keep", node_args=[1])
        read = await run(url, "ReadParents", parent={"Keep": kept.id}, node_args=["Keep"])
        assert read.result == [{"kept": [1], "in": "Filesystem"}]
        assert (await run(url, "NoBaseAtAll", node_args=2)).result == ["async", 2]
        assert (await run(url, "RetryOnce")).result == 2
        assert (await run(url, "Fatal")).error.type == "FatalTaskError"
    finally:
        worker.kill()
