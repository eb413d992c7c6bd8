"""Real configurations, and those of the conformance cases, load as they are."""

import json
from pathlib import Path

import fastjsonschema
import pytest

from asyncflow.config import Checked, check, load_mapping, schema
from asyncflow.config.report import Report
from asyncflow.config.yaml_text import read_text
from asyncflow.errors import Severity
from asyncflow.model.flow import SubFlow
from asyncflow.predicates import BUILT_INS

SHARED = Path(__file__).parents[3] / "shared"
CORPUS = SHARED / "corpus"
DOCS = CORPUS / "selinon-docs"
MIGRATIONS = DOCS / "migrations"

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"{CORPUS} holds the real configurations, and is absent")

PROJECTS = [
    *(CORPUS / name for name in ("thoth", "demo", "demo-worker")),
    *sorted(DOCS.glob("*.yaml")),
    *sorted((MIGRATIONS / "migration_dirs" / "_configuration").glob("ver_*")),
    *sorted((MIGRATIONS / "input").glob("*/*")),
]


def checked(path: Path) -> Checked:
    return check([path], builtins=BUILT_INS, environ={})


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.relative_to(CORPUS).as_posix())
def test_a_real_configuration_loads(path: Path) -> None:
    result = checked(path)
    assert [problem for problem in result.problems if problem.severity is Severity.ERROR] == []
    for flow in result.loaded.configuration.flows.values():
        assert {name for edge in flow.edges for name in (*edge.sources, *edge.targets)} <= set(flow.nodes)


def test_every_file_of_the_corpus_fits_the_schema() -> None:
    fits = fastjsonschema.compile(schema())
    files = [*CORPUS.rglob("*.yaml"), *CORPUS.rglob("*.yml")]
    for file in files:
        report = Report()
        fits(read_text(str(file), file.read_text("utf-8"), report))
        assert report.problems == []
    assert len(files) > 50


def test_the_recursive_demo_passes_its_arguments_and_parents_on() -> None:
    flow = checked(CORPUS / "demo").loaded.configuration.flows["fibonacci"]
    assert flow.propagate_node_args == flow.propagate_parent == {"fibonacci"}
    assert isinstance(flow.nodes["fibonacci"], SubFlow)
    assert flow.sampling == ("constant", {"retry": 2})


def test_merged_anchors_make_storages() -> None:
    configuration = checked(CORPUS / "thoth").loaded.configuration
    merged = configuration.storages["Project2VecModelStore"].configuration
    assert merged["prefix"] == "{THOTH_CEPH_BUCKET_PREFIX}project2vec/"
    assert merged["bucket"] == "{THOTH_CEPH_BUCKET}"
    assert configuration.flows["keywords"].reported == {"_pypi_keywords_flow"}
    solver, analysis = configuration.flows["_do_sync_flow"].edges
    assert str(analysis.condition) == f"(not {solver.condition})"


def recorded_cases() -> list[object]:
    files = sorted((SHARED / "conformance").glob("*_cases.json"))
    return [
        pytest.param(case["config"], id=case["name"])
        for file in files
        for case in json.loads(file.read_text())["cases"]
    ]


@pytest.mark.parametrize("config", recorded_cases())
def test_the_configuration_of_a_recorded_case_loads(config: dict) -> None:
    flows = config["flows"]
    names = {name for flow in flows.values() for edge in flow["edges"] for name in (*(edge["from"] or []), *edge["to"])}
    failures = [entry for flow in flows.values() for entry in flow.get("failures", [])]
    names |= {name for entry in failures for name in entry["nodes"]}
    names |= {name for entry in failures if entry["fallback"] is not True for name in entry["fallback"]}
    tasks = sorted(names - set(flows)) or ["Unused"]
    mapping = {
        "tasks": [{"name": name, "import": "stubs"} for name in tasks],
        "flow-definitions": [definition(name, flow, tasks[0]) for name, flow in flows.items()],
        "global": {"predicates_module": "stubs"},
    }
    loaded = load_mapping(mapping, builtins=BUILT_INS, environ={})
    assert set(loaded.configuration.flows) == set(flows)


def definition(name: str, flow: dict, some_task: str) -> dict:
    """A recorded flow in the language of the files: stubs are functions, opaque flows have some edge."""
    made = {key: value for key, value in flow.items() if key != "opaque"} | {"name": name}
    made["edges"] = [written(edge) for edge in flow["edges"]] or [{"from": None, "to": some_task}]
    return made


def written(edge: dict) -> dict:
    made = dict(edge)
    if made.get("condition", {}).get("name") == "custom":
        made["condition"] = {"name": "custom"}
    if "foreach" in made:
        made["foreach"] = {**made["foreach"], "import": "stubs"}
    return made
