"""Results of 50 MB: through a storage they never enter the dispatcher's memory, and inline they fail the task."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from asyncflow.client import connect
from asyncflow.model.outcome import Outcome
from asyncflow.model.run import Status
from tests.servers import CeleryWorker, RabbitServer, wait_until

pytestmark = pytest.mark.timeout(180)

MB = 1024 * 1024
SIZE = 50 * MB

FILES = {"import": "asyncflow.storages.filesystem", "classname": "Filesystem"}
APP = "tests.end_to_end.large_tasks"


def document(folder: Path) -> dict[str, object]:
    size = ["node_args.size"]
    return {
        "tasks": [
            {"name": "Make", "import": APP, "storage": "Files"},
            {"name": "Measure", "import": APP},
            {"name": "MakeInline", "import": APP},
            {"name": "PlainInline", "celery_task": f"{APP}.make", "args": size},
            {"name": "Small", "celery_task": f"{APP}.make", "args": [{"value": 3}]},
        ],
        "storages": [{"name": "Files", **FILES, "configuration": {"path": str(folder / "results")}}],
        "flow-definitions": [
            {
                "name": "kept",
                "propagate_node_args": True,
                "edges": [{"from": None, "to": "Make"}, {"from": "Make", "to": "Measure"}],
            },
            {"name": "inline", "edges": [{"from": None, "to": "MakeInline"}]},
            {"name": "plain", "edges": [{"from": None, "to": "PlainInline"}]},
            {"name": "small", "edges": [{"from": None, "to": "Small"}]},
        ],
    }


@dataclass(frozen=True, kw_only=True)
class Bakery:
    url: str
    pid: int

    @property
    def peak(self) -> int:
        """The most memory that the dispatcher's process has ever had, in bytes."""
        [line] = [one for one in Path(f"/proc/{self.pid}/status").read_text().splitlines() if one.startswith("VmHWM")]
        return int(line.split()[1]) * 1024

    async def run(self, flow: str, size: int) -> Outcome:
        async with connect(self.url) as client:
            return await (await client.start(flow, {"size": size})).wait(timeout=60)


@pytest.fixture(scope="module")
def bakery(rabbit: RabbitServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bakery]:
    folder = tmp_path_factory.mktemp("bakery")
    (folder / "flows.yaml").write_text(json.dumps(document(folder)))
    url = rabbit.add_vhost()
    environ = {"ASYNCFLOW_CONFIG": str(folder / "flows.yaml"), "PYTHONPATH": str(Path.cwd())}
    log = folder / "serve.log"
    with ExitStack() as stack:
        worker = CeleryWorker(folder, APP, broker=url, environ=environ)
        stack.callback(worker.kill)
        worker.launch()
        command = [Path(sys.executable).with_name("asyncflow"), "serve", "--broker", url]
        serving = {**os.environ, **environ, "ASYNCFLOW_STORE_URL": f"sqlite:///{folder / 'asyncflow.db'}"}
        with log.open("wb") as out:
            dispatcher = subprocess.Popen(command, env=serving, stdout=out, stderr=out)
        stack.callback(dispatcher.wait)
        stack.callback(dispatcher.kill)
        wait_until(lambda: "dispatching " in log.read_text(), "the dispatcher", seconds=30)
        worker.start()
        yield Bakery(url=url, pid=dispatcher.pid)


async def test_a_large_result_goes_from_worker_to_worker_and_not_through_the_dispatcher(bakery: Bakery) -> None:
    assert (await bakery.run("kept", 10)).results("Measure") == [10]
    before = bakery.peak
    outcome = await bakery.run("kept", SIZE)
    assert outcome.results("Measure") == [SIZE], outcome.report
    assert bakery.peak - before < SIZE // 5


async def test_a_large_inline_result_fails_a_flow_task_and_does_not_even_travel(bakery: Bakery) -> None:
    assert (await bakery.run("inline", MB - 100)).succeeded
    before = bakery.peak
    outcome = await bakery.run("inline", SIZE)
    assert outcome.state is Status.FAILED
    error = outcome.nodes[0]["error"]
    said = f"the result takes {SIZE + 2} bytes, more than the {MB} that are kept inline; give the task a `storage`"
    assert (error["type"], error["message"]) == ("ResultTooLargeError", said)
    assert bakery.peak - before < SIZE // 5


@pytest.mark.parametrize("size", [2 * MB, 20 * MB])
async def test_a_large_inline_result_fails_a_plain_task_and_stalls_nobody(bakery: Bakery, size: int) -> None:
    outcome = await bakery.run("plain", size)
    assert outcome.state is Status.FAILED
    assert outcome.nodes[0]["error"]["type"] == "ResultTooLargeError"
    assert "`storage`" in outcome.nodes[0]["error"]["message"]
    assert (await bakery.run("small", 3)).results("Small") == ["xxx"]
