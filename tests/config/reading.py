"""Short ways to read configurations in tests."""

from collections.abc import Mapping
from textwrap import dedent

from asyncflow.config import Checked, check
from asyncflow.config.report import Report
from asyncflow.config.yaml_text import read_text
from asyncflow.errors import Problem
from asyncflow.model.flow import Configuration, Edge, Flow
from asyncflow.predicates import BUILT_INS, SELINON_1_4

TASKS = "tasks: [{name: A, import: m}, {name: B, import: m}, {name: C, import: m}, {name: D, import: m}]\n"


def read_yaml(folder, text: str, environ: Mapping[str, str] | None = None, importer=None) -> Checked:
    file = folder / "flows.yaml"
    file.write_text(dedent(text), "utf-8")
    return check([file], builtins=BUILT_INS, environ=environ or {}, selinon_builtins=SELINON_1_4, importer=importer)


def configuration_of(folder, text: str, environ: Mapping[str, str] | None = None) -> Configuration:
    checked = read_yaml(folder, text, environ)
    assert checked.loaded is not None, "\n".join(map(str, checked.problems))
    return checked.loaded.configuration


def flow_of(folder, body: str, more: str = "") -> Flow:
    """The flow `f`, of the tasks A to D, with these keys."""
    definition = "".join(f"    {line}\n" for line in dedent(body).strip().splitlines())
    text = f"{TASKS}flow-definitions:\n  - name: f\n{definition}{more}"
    return configuration_of(folder, text).flows["f"]


def edge_of(folder, edge: str) -> Edge:
    """An edge behind others that start A, B, and the sub-flow g, which runs C."""
    starts = "{from: , to: [A, B, g]}"
    more = "  - name: g\n    edges: [{from: , to: C}]\n"
    return flow_of(folder, f"edges:\n  - {starts}\n  - {edge}", more).edges[1]


def values_in(text: str) -> tuple[object, list[Problem]]:
    report = Report()
    return read_text("some.yaml", dedent(text), report), report.problems


def codes(checked: Checked) -> list[str]:
    return [problem.code for problem in checked.problems]
