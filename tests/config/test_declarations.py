"""What the nodes file says: tasks, storages, global."""

import json
from pathlib import Path

import pytest

from asyncflow.model.condition import Function
from asyncflow.model.durations import seconds_of
from asyncflow.model.flow import Cache, Literal, OnLost, Record, Retries, Task, TaskKind, Trace
from tests.config.reading import codes, configuration_of, read_yaml

FLOW = "flow-definitions: [{name: f, edges: [{from: , to: A}]}]\n"


def task_of(folder: Path, keys: str, more: str = "", environ: dict[str, str] | None = None) -> Task:
    return configuration_of(folder, f"tasks: [{{name: A, {keys}}}]\n{more}{FLOW}", environ).tasks["A"]


def test_a_task_with_little_said_of_it(tmp_path: Path) -> None:
    assert task_of(tmp_path, "import: m") == Task(name="A", kind=TaskKind.FLOW, module="m", classname="A")
    assert task_of(tmp_path, "celery_task: m.a") == Task(name="A", kind=TaskKind.CELERY, celery_task="m.a")


def test_every_key_of_a_task_arrives(tmp_path: Path) -> None:
    keys = """import: pkg.mod, classname: Klass, storage: S, storage_task_name: Old, storage_readonly: true,
      selective_run_function: {name: reuse, import: pkg.sel}, max_retry: 5, retry_countdown: 1.5, retry_backoff: 2,
      retry_ceiling: 10m, retry_jitter: 0.2, retry_on: [OSError, pkg.Busy], retry_never: ValueError, queue: q,
      throttling: {minutes: 1, seconds: 30}, time_limit: 1h30m, soft_time_limit: 250ms, timeout: 3d, on_lost: fail,
      priority: 7, exchange: ex, routing_key: rk"""
    storage = "storages: [{name: S, import: s, configuration: 1}]\n"
    assert task_of(tmp_path, keys, storage) == Task(
        name="A",
        kind=TaskKind.FLOW,
        module="pkg.mod",
        classname="Klass",
        storage="S",
        storage_task_name="Old",
        storage_readonly=True,
        selective_run_function=Function(module="pkg.sel", name="reuse"),
        retries=Retries(
            most=5,
            countdown=1.5,
            factor=2,
            ceiling=600,
            jitter=0.2,
            only=("OSError", "pkg.Busy"),
            never=("ValueError",),
        ),
        queue="q",
        throttling=90,
        time_limit=5400,
        soft_time_limit=0.25,
        timeout=259200,
        on_lost=OnLost.FAIL,
        priority=7,
        exchange="ex",
        routing_key="rk",
    )


def test_spellings_of_the_documentation_are_the_same_keys(tmp_path: Path) -> None:
    keys = "import: m, storage: S, storage_read_only: true, selective_run_function: {function: g, import: n}"
    task = task_of(tmp_path, keys, "storages: [{name: S, import: s, configuration: 1}]\n")
    assert (task.storage_readonly, task.selective_run_function) == (True, Function(module="n", name="g"))


def test_the_default_selective_run_function_counts_as_none(tmp_path: Path) -> None:
    keys = "import: m, selective_run_function: {name: always_run, import: selinon.routines}"
    assert task_of(tmp_path, keys).selective_run_function is None


@pytest.mark.parametrize("key", ["envelope", "worker"])
def test_tasks_of_selinon_workers_are_told_apart_one_by_one_or_all_at_once(tmp_path: Path, key: str) -> None:
    assert task_of(tmp_path, f"import: m, {key}: selinon").kind is TaskKind.SELINON
    assert task_of(tmp_path, "import: m", f"global: {{{key}: selinon}}\n").kind is TaskKind.SELINON
    assert task_of(tmp_path, f"import: m, {key}: asyncflow", f"global: {{{key}: selinon}}\n").kind is TaskKind.FLOW
    assert task_of(tmp_path, "celery_task: m.a", f"global: {{{key}: selinon}}\n").kind is TaskKind.CELERY


def test_arguments_of_a_plain_task_are_built_by_paths_and_literals(tmp_path: Path) -> None:
    keys = """celery_task: m.a, args: [node_args.x, 3, true, null, {value: [1, text]}, 'results."B".total'],
        kwargs: {y: {value: node_args.x}, z: {inner: node_args.x, n: 1}}"""
    flow = "flow-definitions: [{name: f, edges: [{from: , to: B}, {from: B, to: A}]}]\n"
    task = configuration_of(tmp_path, f"tasks: [{{name: A, {keys}}}, {{name: B, import: m}}]\n{flow}").tasks["A"]
    path, *rest, result = task.args
    assert rest == [Literal(3), Literal(True), Literal(None), Literal([1, "text"])]
    document = {"node_args": {"x": 5}, "results": {"B": {"total": 9}}}
    assert (path.search(document), path.reads) == (5, frozenset())
    assert (result.search(document), result.reads) == (9, frozenset({"B"}))
    assert task.kwargs["y"] == Literal("node_args.x")
    assert isinstance(task.kwargs["z"], Record)
    assert task.kwargs["z"].members["inner"].search(document) == 5


def test_queues_name_environment_variables(tmp_path: Path) -> None:
    environ = {"DEPLOYMENT": "prod", "N": "1"}
    assert task_of(tmp_path, "import: m, queue: '{DEPLOYMENT}_q{N}'", environ=environ).queue == "prod_q1"
    assert task_of(tmp_path, "import: m, queue: 'a{{b}}'").queue == "a{b}"
    default = "global: {default_task_queue: '{DEPLOYMENT}_tasks', default_dispatcher_queue: '{DEPLOYMENT}_flows'}\n"
    assert task_of(tmp_path, "import: m", default, environ).queue == "prod_tasks"
    text = f"tasks: [{{name: A, import: m}}]\n{default}{FLOW}"
    assert configuration_of(tmp_path, text, environ).flows["f"].queue == "prod_flows"


@pytest.mark.parametrize("queue", ["{A.b}", "{A!r}", "{A:>9}", "{}", "{0}", "{A[0]}"])
def test_braces_hold_nothing_but_names_of_variables(tmp_path: Path, queue: str) -> None:
    text = f"tasks: [{{name: A, import: m, queue: '{queue}'}}]\n{FLOW}"
    assert codes(read_yaml(tmp_path, text, {"A": "x"})) == ["F208"]


def test_the_schema_of_a_plain_task_is_loaded_beside_the_yaml_file(tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text(json.dumps({"type": "object"}))
    task = task_of(tmp_path, "celery_task: m.a, output_schema: out.json")
    assert (task.output_schema, task.schema) == ("out.json", {"type": "object"})
    flow_task = task_of(tmp_path, "import: m, output_schema: out.json")
    assert (flow_task.output_schema, flow_task.schema) == ("out.json", None)


def test_the_schema_may_stand_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "out.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert task_of(tmp_path / "flows", "celery_task: m.a, output_schema: out.json").schema == {}


@pytest.mark.parametrize("text", ["{", '{"type": 3}', '{"$ref": "http://127.0.0.1:9/x"}', '{"$ref": "#/nowhere"}'])
def test_a_wrong_schema_is_an_error_and_is_never_fetched(tmp_path: Path, text: str) -> None:
    (tmp_path / "out.json").write_text(text)
    yaml = f"tasks: [{{name: A, celery_task: m.a, output_schema: out.json}}]\n{FLOW}"
    assert codes(read_yaml(tmp_path, yaml)) == ["F213"]


def test_storages_keep_their_configuration_as_written(tmp_path: Path) -> None:
    text = f"""
tasks: [{{name: A, import: m, storage: S}}]
storages:
  - name: S
    import: selinon.storages.redis
    classname: Redis
    configuration: {{host: '{{HOST}}', port: 6379}}
    cache: {{name: RR, configuration: {{max_cache_size: 10}}}}
{FLOW}"""
    storage = configuration_of(tmp_path, text).storages["S"]
    assert (storage.module, storage.classname) == ("selinon.storages.redis", "Redis")
    assert storage.configuration == {"host": "{HOST}", "port": 6379}
    assert storage.cache == Cache(name="RR", module="selinon.caches", options={"max_cache_size": 10})


def test_parts_may_be_empty(tmp_path: Path) -> None:
    text = f"tasks: [{{name: A, import: m}}]\nstorages:\nglobal:\nflows:\n  - f\n{FLOW}"
    assert configuration_of(tmp_path, text).storages == {}


@pytest.mark.parametrize(
    ("trace", "made"),
    [
        ("", ()),
        ("false", ()),
        ("true", (Trace(kind="logging"),)),
        ("{logging: true, json: true}", (Trace(kind="logging"), Trace(kind="json"))),
        ("[logging: false]", ()),
        ("[json: true, logging: true]", (Trace(kind="json"), Trace(kind="logging"))),
        ("[sentry: {dsn: 'http://{HOST}/1'}]", (Trace(kind="sentry", options={"dsn": "http://h/1"}),)),
        ("[function: {import: m, name: t}]", (Trace(kind="function", options={"import": "m", "name": "t"}),)),
        ("[storage: {name: S}]", (Trace(kind="storage", options={"name": "S", "method": "trace"}),)),
    ],
)
def test_traces_are_lists_tables_or_flags(tmp_path: Path, trace: str, made: tuple[Trace, ...]) -> None:
    storage = "storages: [{name: S, import: s, configuration: 1}]\n"
    text = f"tasks: [{{name: A, import: m}}]\n{storage}global:\n  trace: {trace}\n{FLOW}"
    assert configuration_of(tmp_path, text, {"HOST": "h"}).traces == made


def test_global_names_the_celery_app_and_the_migrations(tmp_path: Path) -> None:
    text = f"tasks: [{{name: A, import: m}}]\nglobal: {{celery_app: 'p.app:app', migration_dir: '{{D}}/m'}}\n{FLOW}"
    configuration = configuration_of(tmp_path, text, {"D": "/d"})
    assert (configuration.celery_app, configuration.migration_dir) == ("p.app:app", "/d/m")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (0, 0.0),
        (90, 90.0),
        (1.5, 1.5),
        ("90s", 90.0),
        ("1h30m", 5400.0),
        ("3d", 259200.0),
        ("250ms", 0.25),
        ("1.5h", 5400.0),
        ("1w", 604800.0),
        ("90", None),
        ("", None),
        ("1h 30m", None),
        ("-1s", None),
        (-1, None),
        (True, None),
        (None, None),
        ([], None),
        (float("inf"), None),
    ],
)
def test_durations_are_numbers_or_amounts_with_units(written: object, seconds: float | None) -> None:
    assert seconds_of(written) == seconds


@pytest.mark.parametrize(
    "text",
    [
        f"tasks: [{{name: A, imprt: m}}]\n{FLOW}",
        f"tasks: [{{name: A, celery_tsk: m.a}}]\n{FLOW}",
        f"tasks: [{{name: A, import: m}}]\n{FLOW}".replace("from:", "form:"),
        f"tasks: [{{name: A, import: m}}]\n{FLOW}".replace("edges:", "egdes:"),
    ],
)
def test_a_misspelt_key_is_not_called_missing_too(tmp_path: Path, text: str) -> None:
    (problem,) = read_yaml(tmp_path, text).problems
    assert (problem.code, problem.hint[:13]) == ("F201", "did you mean ")
