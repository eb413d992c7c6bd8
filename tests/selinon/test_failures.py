"""What flow tasks learn of failures, on a real worker: in fallbacks of tasks and of sub-flows, and in storages."""

import json

import pytest

from asyncflow.app.daemon import serving
from asyncflow.app.settings import Settings
from asyncflow.client import connect
from asyncflow.model.run import Status
from asyncflow_celery.exceptions import exception_of
from tests.selinon.conftest import PROJECT, ids_of
from tests.servers import CeleryWorker


def configuration(folder):
    storage = {"name": "Errors", "import": "kitchen_tasks", "configuration": {"folder": str(folder)}}
    names = ("Look", "LookInside", "LookTooFar")
    return {
        "tasks": [
            {"name": "Bake", "import": "kitchen_tasks", "storage": "Errors", "max_retry": 1},
            *({"name": name, "import": "kitchen_tasks"} for name in names),
        ],
        "storages": [storage],
        "flows": ["dinner", "party", "house", "kitchen", "confused"],
        "flow-definitions": [
            {
                "name": "dinner",
                "edges": [{"from": None, "to": "Bake"}],
                "failures": [{"nodes": "Bake", "fallback": "Look"}],
            },
            {
                "name": "party",
                "edges": [{"from": None, "to": "house"}],
                "propagate_failures": "house",
                "failures": [{"nodes": "house", "fallback": "LookInside"}],
            },
            {"name": "house", "edges": [{"from": None, "to": "kitchen"}]},
            {"name": "kitchen", "edges": [{"from": None, "to": "Bake"}]},
            {
                "name": "confused",
                "edges": [{"from": None, "to": "Look"}],
                "failures": [{"nodes": "Look", "fallback": "LookTooFar"}],
            },
        ],
    }


@pytest.fixture(scope="module")
def kitchen(rabbit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kitchen")
    (folder / "flows.yaml").write_text(json.dumps(configuration(folder)))
    url = rabbit.add_vhost()
    environ = {"ASYNCFLOW_CONFIG": str(folder / "flows.yaml")}
    worker = CeleryWorker(folder, "kitchen_tasks", broker=url, path=[PROJECT], environ=environ)
    worker.url = url
    yield worker.start()
    worker.kill()


async def run(kitchen, flow):
    settings = Settings(config=(kitchen.folder / "flows.yaml",), broker_url=kitchen.url, store_url="memory:")
    async with serving(settings), connect(kitchen.url) as client:
        return await (await client.start(flow, {"guests": 4})).wait(timeout=30)


async def test_a_fallback_gets_the_exception_of_the_failed_task(kitchen):
    outcome = await run(kitchen, "dinner")
    assert outcome.succeeded, outcome.error
    assert outcome.results("Look") == [[True, "the pie burnt for 10 minutes"]]


async def test_a_fallback_of_a_sub_flow_gets_the_exception_of_a_task_deep_inside(kitchen):
    outcome = await run(kitchen, "party")
    [bake] = ids_of(outcome.nodes, "Bake")
    assert outcome.succeeded, outcome.report
    [[known, message, parent]] = outcome.results("LookInside")
    assert (known, message) == (True, "the pie burnt for 10 minutes")
    assert parent == {"house": {"kitchen": {"Bake": [bake]}}}


async def test_the_exception_of_what_is_no_parent_is_refused_by_name(kitchen):
    outcome = await run(kitchen, "confused")
    assert outcome.state is Status.SUCCEEDED
    [told] = outcome.results("LookTooFar")
    assert told == "task 'Bake' did not start 'Look'; its parents: none"


async def test_every_failed_attempt_reaches_a_storage_that_keeps_errors(kitchen):
    before = set(kitchen.folder.glob("error-*"))
    outcome = await run(kitchen, "dinner")
    kept = [json.loads(file.read_text()) for file in set(kitchen.folder.glob("error-*")) - before]
    [last] = ids_of(outcome.nodes, "Bake")
    assert len(kept) == 2
    assert last in {id for _, _, id, *_ in kept}
    said = ("dinner", "Bake", "BurntError", "the pie burnt for 10 minutes", {"guests": 4})
    assert {(flow, task, kind, text, json.dumps(args)) for flow, task, _, kind, text, args in kept} == {
        (*said[:-1], json.dumps(said[-1]))
    }


class WantsItsConstructorError(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code

    def __str__(self):
        return f"code {self.code}"


@pytest.mark.parametrize(
    ("type", "module", "made"),
    [
        ("KeyError", "builtins", "KeyError('the text')"),
        ("BrokerError", "asyncflow.errors", "BrokerError('the text')"),
        ("SoldOut", "no.such.module", "ParentTaskError('SoldOut: the text')"),
        ("SystemExit", "builtins", "ParentTaskError('SystemExit: the text')"),
        ("exit", "sys", "ParentTaskError('exit: the text')"),
        ("WantsItsConstructorError", __name__, "ParentTaskError('WantsItsConstructorError: the text')"),
    ],
)
def test_only_exceptions_of_classes_at_hand_are_made_again(type, module, made):
    assert repr(exception_of({"type": type, "message": "the text", "module": module})) == made
