"""The examples of Selinon's documentation on real workers, with what the documentation says of them."""

import http.server
import json
import os
import sys
import threading
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from itertools import product
from pathlib import Path

import pytest

from asyncflow.app.daemon import serving
from asyncflow.app.settings import Settings
from asyncflow.client import connect
from asyncflow.config import load
from asyncflow.model.run import Status
from asyncflow.predicates import BUILT_INS
from tests.environments import python_with_selinon
from tests.selinon.conftest import ids_of
from tests.servers import CeleryWorker

EXAMPLES = Path(__file__).parent / "examples"
DOCS = Path(__file__).parents[3] / "shared" / "corpus" / "selinon-docs"

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason=f"{DOCS} holds the examples, and is absent")


class Recipes(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(200 if self.path == "/recipes/how-to-bake-pie.html" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def recipes():
    """The address of a server of recipes."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recipes)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Example:
    """One file of the documentation, served by a dispatcher and a worker; `ran` is what its tasks wrote down."""

    def __init__(self, folder: Path, client) -> None:
        self.folder = folder
        self._client = client

    async def run(self, flow, node_args=None):
        return await (await self._client.start(flow, node_args)).wait(timeout=40)

    @property
    def ran(self):
        lines = (self.folder / "ran").read_text().splitlines() if (self.folder / "ran").exists() else []
        return [json.loads(line) for line in lines]

    def stored(self, storage):
        return [json.loads(file.read_text()) for file in sorted((self.folder / storage).glob("*"))]


@pytest.fixture
def example(tmp_path, vhost, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))

    @asynccontextmanager
    async def served(name: str, *, real: bool = False, host: str = ""):
        file = tmp_path / name
        file.write_text((DOCS / name).read_text().replace("recipes.lan", host))
        environ = {"MYAPP_BROKER": vhost, "MYAPP_CONFIG": str(file), "MYAPP_FOLDER": str(tmp_path)}
        for key, value in environ.items():
            monkeypatch.setenv(key, value)
        configuration = load([file], builtins=BUILT_INS, environ=os.environ).configuration
        worker = CeleryWorker(
            tmp_path,
            "myapp.app" if real else "myapp.moved",
            broker=vhost,
            queues=sorted({task.queue for task in configuration.tasks.values()}),
            path=[EXAMPLES],
            python=python_with_selinon() if real else sys.executable,
        )
        files = [file]
        if real:
            files.append(tmp_path / "workers.yaml")
            files[-1].write_text("global: {envelope: selinon}\n")
        settings = Settings(config=tuple(files), broker_url=vhost, store_url=f"sqlite:///{tmp_path / 'store.db'}")
        try:
            worker.start()
            async with serving(settings), connect(vhost) as client:
                yield Example(tmp_path, client)
        finally:
            worker.kill()

    yield served
    for name in [name for name in sys.modules if name.partition(".")[0] == "myapp"]:
        del sys.modules[name]


def counted(outcome) -> Counter:
    """How often each task ran, in sub-flows too."""

    def names(nodes):
        for node in nodes:
            yield from names(node["nodes"]) if node["kind"] == "flow" else [node["name"]]

    return Counter(names(outcome.nodes))


@pytest.mark.parametrize("real", [True, False], ids=["the real Selinon", "moved workers"])
async def test_the_dinner_is_bought_baked_and_served_to_every_guest(example, real):
    with recipes() as host:
        async with example("dinner.yaml", real=real, host=host) as dinner:
            outcome = await dinner.run("dinnerFlow", {"in_love": True})
    assert outcome.succeeded, outcome.error
    assert counted(outcome) == {
        "BuyEggsTask": 1,
        "BuyFlourTask": 1,
        "BuyAllRemainingTask": 1,
        "WarmUpOvenTask": 3,
        "MakeDoughTask": 1,
        "BakeTask": 1,
        "ServePlateTask": 3,
    }
    assert {record["task_name"] for record in dinner.stored("Basket")} == {
        "BuyEggsTask",
        "BuyFlourTask",
        "BuyAllRemainingTask",
    }
    results = [record["result"] for record in dinner.stored("Oven")]
    assert sorted(result["temperature"] for result in results if "temperature" in result) == [100, 200, 250]
    assert {"baked at": 250} in results


async def test_a_dinner_that_goes_wrong_is_pizza_with_cool_beer(example):
    async with example("dinner.yaml", host="127.0.0.1:9") as dinner:
        (dinner.folder / "no-BuyEggsTask").touch()
        outcome = await dinner.run("dinnerFlow")
    assert outcome.succeeded, outcome.error
    assert {node["name"] for node in outcome.nodes} == {"buyIngredientsFlow", "OrderPizzaTask", "OrderBeerTask"}
    [beer] = dinner.stored("Fridge")
    assert (beer["task_name"], beer["result"]) == ("OrderBeerTask", {"degrees": 5})


async def test_the_flower_is_bought_by_those_in_love_who_are_not_single(example):
    async with example("dinner.yaml", host="127.0.0.1:9") as dinner:
        loving = await dinner.run("buyIngredientsFlow", {"in_love": True})
        single = await dinner.run("buyIngredientsFlow", {"in_love": True, "single": True})
        without_recipe = await dinner.run("prepareFlow")
    assert "BuyFlowerTask" in counted(loving)
    assert "BuyFlowerTask" not in counted(single)
    assert without_recipe.succeeded
    assert without_recipe.nodes == []


async def test_the_two_flows_of_the_start_page_go_on_where_the_condition_holds(example):
    async with example("flow1.yaml") as start:
        held = await start.run("flow1", {"result": "bar"})
        ran = start.ran
        not_held = await start.run("flow1", {"result": "baz"})
    assert counted(held) == {"Task1": 1, "Task2": 1, "Task3": 1, "Task4": 1, "Task5": 1}
    parents = {name: parent for name, _, parent in ran}
    assert set(parents["Task2"]) == {"Task1"}
    assert parents["Task4"] in ({}, None)
    assert set(parents["Task5"]) == {"Task4"}
    assert set(parents["Task3"]) == {"Task2"}
    order = [name for name, _, _ in ran]
    assert order.index("Task3") > max(order.index("Task2"), order.index("Task5"))
    assert counted(not_held) == {"Task1": 1}
    assert not_held.succeeded


async def test_the_last_task_of_the_cyclic_diamond_runs_four_times_by_the_second_round(example):
    async with example("patterns.yaml") as patterns:
        outcome = await patterns.run("patterns_diamond_flow1")
    assert outcome.state is Status.FAILED, "the third round was refused"
    ran = counted(outcome)
    assert (ran["Task2"], ran["Task3"], ran["Task4"]) == (2, 2, 4)
    parents = [parent for name, _, parent in patterns.ran if name == "Task4"]
    every = list(product(ids_of(outcome.nodes, "Task2"), ids_of(outcome.nodes, "Task3")))
    assert sorted((parent["Task2"], parent["Task3"]) for parent in parents) == sorted(every)
