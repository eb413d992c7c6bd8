"""Selinon's names: what can be imported, what it does in one process, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from celery import Celery

from asyncflow_selinon.aliases import ALIASES
from asyncflow_selinon.config import ProcessConfig
from asyncflow_selinon.errors import ConfigNotInitializedError, ConfigurationError, GoneError, UnknownFlowError
from asyncflow_selinon.trace import Tracer
from tests.environments import python_with_selinon
from tests.selinon.conftest import PROJECT

NODES, FLOWS = str(PROJECT / "nodes.yaml"), str(PROJECT / "flows.yaml")

MEMORY = {"name": "Memory", "import": "selinon.storages.memory", "classname": "InMemoryStorage", "configuration": {}}
DICTS = (
    {
        "tasks": [{"name": "Keep", "import": "kitchen", "storage": "Results"}, {"name": "Drop", "import": "kitchen"}],
        "flows": ["dinner"],
        "storages": [{**MEMORY, "name": "Results", "configuration": {"echo": False}}],
    },
    [{"flow-definitions": [{"name": "dinner", "edges": [{"from": None, "to": ["Keep", "Drop"]}]}]}],
)

KITCHEN = """
from selinon import SelinonTask

class Keep(SelinonTask):
    def run(self, node_args):
        return [type(self.storage).__name__, self.parent_task_result("Keep")]

class Drop(SelinonTask):
    def run(self, node_args):
        return self.storage
"""


def python(code: str, *, path: str = "", interpreter: str = sys.executable) -> str:
    """What a program prints; where it fails, the last line of its traceback."""
    environ = os.environ | {"PYTHONPATH": path}
    command = [interpreter, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environ)
    return (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()[-1]


AS_SELINON = "import asyncflow_selinon.as_selinon\n"


def test_every_public_name_of_the_real_selinon_can_be_imported():
    names = """
import json, selinon, selinon.errors, selinon.strategies, selinon.predicates, selinon.caches, selinon.routines
from selinon import errors, strategies, predicates, caches, routines
found = {m.__name__: [n for n in vars(m) if not n.startswith("_")] for m in (selinon, errors, strategies, routines)}
found["selinon.predicates"] = [n for n in dir(predicates) if callable(getattr(predicates, n))]
found["selinon.caches"] = [n for n in dir(caches) if callable(getattr(caches, n))]
own = lambda value: callable(value) and value.__module__.startswith("selinon")
found = {m: [n for n in names if own(getattr(eval(m), n))] for m, names in found.items()}
print(json.dumps(found))
"""
    found = json.loads(python(names, interpreter=python_with_selinon()))
    assert len(found["selinon"]) > 20
    assert len(found["selinon.predicates"]) > 60
    imports = "\n".join(f"from {module} import {', '.join(names)}" for module, names in found.items())
    assert python(f"{AS_SELINON}{imports}\nprint('all there')") == "all there"


def test_every_alias_is_a_module():
    imports = "\n".join(f"import {name}" for name in ALIASES)
    assert python(f"{AS_SELINON}{imports}\nprint('all there')") == "all there"


def test_both_names_of_a_module_are_one_module():
    code = """
import selinon.errors, asyncflow_selinon.errors, asyncflow.errors
from selinon import StorageError
from selinon.storages.memory import InMemoryStorage
from asyncflow.storages.memory import InMemoryStorage as ours
print(selinon.errors is asyncflow_selinon.errors, StorageError is asyncflow.errors.StorageError, InMemoryStorage is ours)
"""
    assert python(AS_SELINON + code) == "True True True"


@pytest.fixture
def installed(tmp_path: Path) -> str:
    """A folder with a module that passes for the real Selinon."""
    (tmp_path / "selinon.py").write_text("REAL = True\n")
    return str(tmp_path)


def test_as_selinon_comes_before_an_installed_selinon(installed):
    assert python(AS_SELINON + "import selinon; print(selinon.__name__)", path=installed) == "asyncflow_selinon"


def test_as_selinon_is_refused_where_the_real_one_is_in_use(installed):
    said = python("import selinon\n" + AS_SELINON, path=installed)
    assert said.startswith(f"ImportError: the real selinon is imported already, from {installed}")
    assert "import asyncflow_selinon.as_selinon before every module that imports selinon" in said


def test_the_dispatcher_offers_the_names_only_where_no_selinon_is_installed(installed):
    code = (
        "from asyncflow_selinon.aliases import install; install(first=False); import selinon; print(selinon.__name__)"
    )
    assert python(code) == "asyncflow_selinon"
    assert python(code, path=installed) == "selinon"


def test_parts_of_selinon_that_nobody_imports_are_refused_by_name():
    assert python(AS_SELINON + "import selinon.lock_pool").startswith(
        "ModuleNotFoundError: selinon.lock_pool is a part of Selinon that asyncflow_selinon does not have"
    )


@pytest.mark.parametrize(
    "use", ["Dispatcher()", "Dispatcher.apply_async", "SystemState(1, 2)", "strategies.constant({})"]
)
def test_what_means_nothing_any_more_says_so_when_it_is_used(use):
    said = python(AS_SELINON + f"from selinon import Dispatcher, SystemState\nfrom selinon import strategies\n{use}")
    assert "GoneError: asyncflow has no selinon." in said


def test_nothing_can_be_changed_in_what_is_gone():
    code = "from selinon import Dispatcher\nDispatcher.run = print"
    assert "a `timeout`" in python(AS_SELINON + code)


# --- Config -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def config() -> ProcessConfig:
    made = ProcessConfig()
    made.set_config_yaml(NODES, [FLOWS])
    return made


def test_the_tables_that_users_read_are_there(config):
    assert config.initialized
    assert config.flows == ["shop", "packing"]
    assert set(config.dispatcher_queues.values()) == {"celery"}
    assert config.task_queues["Count"] == "celery"
    assert config.task2storage_mapping["Count"] == "Results"
    assert config.max_retry["Fail"] == 1
    assert config.edge_table["shop"][1] == {
        "from": ["Count"],
        "to": ["Double"],
        "condition_str": "fieldGreater(db.get('Count'), key='total', value=2)",
    }
    assert [index for index, _ in config.get_starting_edges("shop")] == [0]
    assert config.edge_table["shop"][3]["foreach_str"] == "foreach shop_functions.boxes(...)"


def test_nodes_are_told_apart_and_what_is_propagated_is_known(config):
    assert (config.is_flow("shop"), config.is_task("shop"), config.is_task("Count")) == (True, False, True)
    assert config.should_propagate_node_args("shop", "packing")
    assert config.should_propagate_finished("shop", "packing")
    assert not config.should_propagate_parent("shop", "packing")
    assert not config.should_propagate_compound_finished("shop", "packing")
    assert (config.has_storage("Count"), config.has_storage("Fail")) == (True, False)
    assert (config.has_readwrite_storage("Count"), config.has_readonly_storage("Count")) == (True, False)
    with pytest.raises(UnknownFlowError):
        config.should_propagate_parent("Count", "packing")


def test_before_a_configuration_tables_are_empty_and_questions_are_refused():
    config = ProcessConfig()
    assert config.dispatcher_queues == {}
    with pytest.raises(ConfigNotInitializedError, match="set_config_yaml"):
        config.is_flow("shop")


def test_a_wrong_configuration_is_refused_with_every_problem(tmp_path):
    (tmp_path / "nodes.yaml").write_text("tasks:\n  - {name: A, import: a, storage: S}\nflows: [f, g]\n")
    (tmp_path / "flows.yaml").write_text("flow-definitions:\n  - {name: f, edges: [{from: , to: [A, B]}]}\n")
    with pytest.raises(ConfigurationError) as caught:
        ProcessConfig().set_config_yaml(str(tmp_path / "nodes.yaml"), [str(tmp_path / "flows.yaml")])
    assert {"F206", "F302"} <= {part.partition("]")[0] for part in str(caught.value).split("[")}


def test_generated_code_is_refused():
    with pytest.raises(ConfigurationError, match="set_config_yaml"):
        ProcessConfig().set_config_py("config.py")


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("None", "ConfigNotInitializedError: no broker: call Config.set_celery_app(app), or set ASYNCFLOW_BROKER_URL"),
        ("Celery(broker='redis://h')", "RequestError: asyncflow dispatches over RabbitMQ only, and the broker of the "),
    ],
)
def test_flows_are_started_over_the_broker_of_the_celery_app_only(app, said):
    code = f"""
from celery import Celery
from selinon import Config, run_flow
Config.celery_app = {app}
run_flow("dinner")
"""
    assert said in python(AS_SELINON + code)


def test_the_broker_url_is_the_app_s_with_its_password_and_virtual_host():
    code = """
from celery import Celery
from selinon import Config
from asyncflow_selinon.run import broker_url
Config.celery_app = Celery(broker="pyamqp://me:secret@host:5673/mine")
print(broker_url())
"""
    assert python(AS_SELINON + code) == "amqp://me:secret@host:5673/mine"


def test_set_celery_app_registers_both_envelopes():
    app = Celery("names", set_as_current=False)
    ProcessConfig().set_celery_app(app)
    assert {"asyncflow.FlowTask", "selinon.SelinonTaskEnvelope", "selinon.Dispatcher"} <= set(app.tasks)


# --- Storages and tasks in a process without a worker -----------------------------------------------------------------


def in_kitchen(tmp_path: Path, code: str) -> str:
    (tmp_path / "kitchen.py").write_text(KITCHEN)
    setup = f"from selinon import *\nConfig.set_config_dict(*{DICTS!r})\n"
    return python(AS_SELINON + setup + code, path=str(tmp_path))


def test_the_storage_pool_stores_reads_and_deletes(tmp_path):
    code = """
StoragePool.set({}, "dinner", "Keep", "id-1", [1])
print(StoragePool({"Keep": "id-1"}, "dinner").get("Keep"), StoragePool.retrieve("dinner", "Keep", "id-1"), end=" ")
print(StoragePool.set_error({}, "dinner", "Keep", "id-2", (None, None, None)), end=" ")
print(StoragePool.get_storage_by_task_name("Keep") is StoragePool.get_connected_storage("Results"), end=" ")
print(StoragePool.get_storage_name_by_task_name("Drop", graceful=True), end=" ")
StoragePool.delete("dinner", "Keep", "id-1")
try:
    StoragePool.retrieve("dinner", "Keep", "id-1")
except StorageError as exc:
    print(exc)
"""
    gone = "storage 'Results' has no result of task 'Keep' in flow 'dinner' under the id id-1"
    assert in_kitchen(tmp_path, code) == f"[1] [1] False True None {gone}"


@pytest.mark.parametrize(
    ("use", "said"),
    [
        ("get_connected_storage('No')", "UnknownStorageError: no storage is named 'No'"),
        ("retrieve('dinner', 'Drop', 'id')", "UnknownStorageError: task 'Drop' has no storage; add the key `storage`"),
        (
            "get_storage_name_by_task_name('No')",
            "UnknownStorageError: the configuration of this worker declares no task",
        ),
    ],
)
def test_unknown_storages_are_told_by_selinons_exception(tmp_path, use, said):
    assert said in in_kitchen(tmp_path, f"StoragePool.{use}")


def test_a_task_can_be_run_where_there_is_no_worker(tmp_path):
    code = """
StoragePool.set({}, "dinner", "Keep", "id-1", [1])
keep = Config.get_task_instance("Keep", "dinner", {"Keep": "id-1"}, "id-2", "run")
drop = Config.task_classes["Drop"]("dinner", "Drop", None, "id-3", "run")
print(keep.run(None), drop.run(None), keep.task_id)
"""
    assert in_kitchen(tmp_path, code) == "['InMemoryStorage', [1]] None id-2"


@pytest.mark.parametrize(
    ("use", "said"),
    [
        ("parent_task_result('No')", "NoParentNodeError: task 'No' did not start 'Keep'; its parents: Keep, inner"),
        ("parent_task_result('Keep')", "StorageError: storage 'Results' has no result of task 'Keep'"),
        ("parent_flow_result('No', 'Keep')", "NoParentNodeError: 'Keep' knows of no task 'Keep' in No"),
        (
            "parent_flow_result(['inner', 'deep'], 'Keep', 2)",
            "NoParentNodeError: task 'Keep' ran 2 times in inner.deep",
        ),
        ("retry(countdown=3)", "Retry: again in 3 s"),
    ],
)
def test_what_a_task_cannot_have_is_told_by_selinons_exception(tmp_path, use, said):
    parent = {"Keep": "lost", "inner": {"deep": {"Keep": ["a", "b"]}}}
    code = f"Config.get_task_instance('Keep', 'dinner', {parent!r}, 'id', 'run').{use}"
    assert said in in_kitchen(tmp_path, code)


# --- Trace ------------------------------------------------------------------------------------------------------------


def test_trace_events_have_selinons_names_and_numbers():
    code = "import json; from selinon import Trace; print(json.dumps([Trace._event_strings, Trace.WARN_EVENTS]))"
    strings, warnings = json.loads(python(code, interpreter=python_with_selinon()))
    trace = Tracer()
    assert [trace.event2str(number) for number in range(53)] == strings
    assert [getattr(trace, name) for name in strings] == list(range(53))
    assert sorted(trace.WARN_EVENTS) == sorted(warnings)


def test_trace_functions_hear_what_is_logged_and_one_that_raises_disturbs_nobody(caplog):
    trace, heard = Tracer(), []
    trace.trace_by_func(lambda event, details: 1 / 0)
    trace.trace_by_func(lambda event, details: heard.append((event, details)))
    trace.log(trace.TASK_START, {"a": 1}, {"a": 2}, b=3)
    assert heard == [(trace.TASK_START, {"a": 2, "b": 3})]
    assert "ZeroDivisionError" in caplog.text


def test_trace_by_json_prints_warnings_to_stderr_and_the_rest_to_stdout(capsys):
    trace = Tracer()
    trace.trace_by_json()
    trace.log(trace.TASK_START, task_name="A")
    trace.log(trace.TASK_FAILURE, task_name="B")
    out, err = capsys.readouterr()
    assert (json.loads(out)["event"], json.loads(err)["event"]) == ("TASK_START", "TASK_FAILURE")
    assert json.loads(out)["details"] == {"task_name": "A"}


def test_trace_by_sentry_says_where_sentry_is_set_up():
    with pytest.raises(GoneError, match="global"):
        Tracer().trace_by_sentry("http://dsn")
