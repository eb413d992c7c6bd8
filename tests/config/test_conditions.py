"""Conditions: predicates, their arguments and nodes, and CEL expressions."""

from pathlib import Path

import pytest

from asyncflow.config.expressions import results_in
from asyncflow.model.condition import And, Expression, Function, Not, Or, Predicate
from asyncflow.predicates import SELINON_1_4
from tests.config.reading import TASKS, codes, configuration_of, edge_of, read_yaml

CUSTOM = "global: {predicates_module: my.predicates}\n"


def condition_of(folder: Path, condition: str, sources: str = "A"):
    return edge_of(folder, f"{{from: {sources}, to: D, condition: {condition}}}").condition


def test_a_pure_predicate_can_be_called_and_knows_its_node(tmp_path: Path) -> None:
    made = condition_of(tmp_path, "{name: fieldEqual, args: {key: n, value: 1}}")
    assert (made.node, made.reads_result, made.reads_node_args, made.function) == ("A", True, False, None)
    assert made.call(message={"n": 1}, **made.args)
    assert str(made) == "fieldEqual(db.get('A'), key='n', value=1)"


def test_a_predicate_on_node_args_needs_no_node(tmp_path: Path) -> None:
    made = condition_of(tmp_path, "{name: argsFieldEqual, node: A, args: {key: n, value: 1}}")
    assert (made.node, made.reads_result, made.reads_node_args) == (None, False, True)
    assert made.call(node_args={"n": 1}, **made.args)


def test_a_predicate_that_looks_outside_is_named_for_the_shell(tmp_path: Path) -> None:
    made = condition_of(tmp_path, "{name: envExist, args: {env: X}}")
    assert (made.call, made.function) == (None, Function(module="asyncflow.predicates.outside", name="envExist"))


def test_an_argument_with_a_default_may_be_left_out(tmp_path: Path) -> None:
    args = "host: h, path: p, status: 200"
    assert condition_of(tmp_path, f"{{name: httpStatus, args: {{{args}}}}}").args["status"] == 200
    assert condition_of(tmp_path, f"{{name: httpStatus, args: {{{args}, timeout: 1}}}}").args["timeout"] == 1


def test_operators_make_trees(tmp_path: Path) -> None:
    made = condition_of(tmp_path, "{and: [alwaysTrue, {or: [{name: isNone}, {not: {name: isDict}}]}]}")
    assert isinstance(made, And)
    assert isinstance(made.parts[1], Or)
    assert isinstance(made.parts[1].parts[1], Not)
    assert str(made) == "(alwaysTrue() and (isNone(db.get('A')) or (not isDict(db.get('A')))))"


def test_of_several_keys_the_first_in_selinons_order_decides(tmp_path: Path) -> None:
    assert isinstance(condition_of(tmp_path, "{and: [alwaysTrue], not: alwaysTrue, or: [alwaysTrue]}"), Or)


def test_a_predicate_of_the_users_is_not_looked_for(tmp_path: Path) -> None:
    text = f"""{TASKS}{CUSTOM}flow-definitions:
  - name: f
    edges:
      - {{from: , to: [A, B], condition: {{name: mine}}}}
      - {{from: [A, B], to: C, condition: {{name: mine, args: {{limit: 3}}}}}}
      - {{from: A, to: D, condition: {{name: fieldExist, args: {{key: k}}}}}}
"""
    start, join, builtin = (edge.condition for edge in configuration_of(tmp_path, text).flows["f"].edges)
    function = Function(module="my.predicates", name="mine")
    assert start == Predicate(name="mine", function=function, reads_result=True, reads_node_args=True)
    assert (join.node, join.args, join.function) == (None, {"limit": 3}, function)
    assert builtin.call is not None


def test_selinons_own_predicates_module_adds_nothing(tmp_path: Path) -> None:
    text = f"{TASKS}global: {{predicates_module: selinon.predicates}}\nflow-definitions: [{{name: f, edges: "
    assert codes(read_yaml(tmp_path, text + "[{from: , to: A, condition: {name: mine}}]}]")) == ["F401"]


def test_a_condition_looks_inside_sub_flows_at_any_depth(tmp_path: Path) -> None:
    leaf = "{name: fieldEqual, node: g, task: C, instances: any, args: {key: n, value: 1}}"
    made = condition_of(tmp_path, leaf, sources="[A, g]")
    assert (made.node, made.task, made.instances) == ("g", "C", "any")
    assert condition_of(tmp_path, leaf.replace("instances: any, ", ""), sources="g").instances == "all"
    outer = f"""{TASKS}flow-definitions:
  - {{name: f, edges: [{{from: , to: h}}, {{from: h, to: A, condition: {leaf.replace("node: g", "node: h")}}}]}}
  - {{name: h, edges: [{{from: , to: g}}]}}
  - {{name: g, edges: [{{from: , to: B}}], failures: [{{nodes: B, fallback: C}}]}}
"""
    assert configuration_of(tmp_path, outer).flows["f"].reported == {"h"}


def test_what_selinon_meant_is_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    condition = "{name: argsEmpty}"
    text = f"{TASKS}flow-definitions: [{{name: f, edges: [{{from: , to: [A, B, C, D], condition: {condition}}}]}}]\n"
    assert codes(read_yaml(tmp_path, text)) == ["F413"]
    checked = read_yaml(tmp_path, text + "global: {compat_predicates: selinon-1.4}\n")
    assert codes(checked) == []
    assert checked.loaded.compat_predicates == "selinon-1.4"
    made = checked.loaded.configuration.flows["f"].edges[0].condition
    assert made.call is SELINON_1_4.pure["argsEmpty"]


def test_an_expression_is_compiled_and_knows_its_sources(tmp_path: Path) -> None:
    made = condition_of(tmp_path, '{expr: "results.A.score > 0.8 && node_args.force != true"}')
    assert isinstance(made, Expression)
    assert (made.nodes, str(made)) == (("A",), "results.A.score > 0.8 && node_args.force != true")
    assert made.call({"results": {"A": {"score": 1}}, "node_args": {"force": False}}) is True
    assert made.call({"results": {"A": {"score": 0.5}}, "node_args": {"force": False}}) is False


@pytest.mark.parametrize(
    ("expression", "result", "holds"),
    [
        ("results.A == 3", 3, True),
        ("results.A == 3", 3.0, True),
        ("results.A > 2.5", 3, True),
        ("results.A.n > 1", {}, False),
        ("results.A.n > 1", None, False),
        ("results.A.n > 1", {"n": "text"}, False),
        ("results.A[5] == 1", [1], False),
        ("results.A / 0 == 1", 1, False),
        ("results.A", True, True),
        ("results.A", 1, False),
        ("has(results.A.n) && results.A.n == null", {"n": None}, True),
        ("results.A.tags.exists(t, t.startsWith('x'))", {"tags": ["a", "xy"]}, True),
        ("size(results.A) == 2", ["é", 2**53], True),
        ("results['A'].matches('^a+$')", "aaa", True),
        ("results.A > 9007199254740992", 2**80, True),
        (
            "results.A.all(i, v, i >= 0 && v > 0) || results.A.map(x, x.n).filter(y, y > 1).size() == 1",
            [{"n": 2}],
            True,
        ),
        ("true", None, True),
    ],
)
def test_what_leads_nowhere_or_does_not_fit_makes_an_expression_false(
    tmp_path: Path, expression: str, result: object, holds: bool
) -> None:
    made = condition_of(tmp_path, f'{{expr: "{expression}"}}')
    assert made.call({"results": {"A": result}, "node_args": None}) is holds


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("results.A.n > results.B && results.A", ["A", "B"]),
        ("results['A'] == results[\"B-2\"].x", ["A", "B-2"]),
        ("node_args.results.A == 1", []),
        ("node_args.x == 'results.A' && node_args.y == \"results['B']\"", []),
        ("results . A == 1 // and results.B", ["A"]),
        ("results[node_args.which].n > results.A", None),
        ("r\"results.A\" == '''results.B''' && results.C", ["C"]),
        ("size(results) > 1", None),
        ("node_args.x", []),
    ],
)
def test_the_sources_that_an_expression_reads_are_found(source: str, names: list[str] | None) -> None:
    assert results_in(source) == names


@pytest.mark.parametrize(
    ("condition", "column"),
    [
        ("{expr: results.A.n >}", 78),
        ("{expr: 'results.A.n >'}", 79),
        ("{expr: 'results.A.n +* 2'}", 79),
        ('{expr: "results.A ยง 1"}', 76),
    ],
)
def test_a_wrong_expression_is_underlined_where_it_is_wrong(tmp_path: Path, condition: str, column: int) -> None:
    edges = f"edges: [{{from: , to: A}}, {{from: A, to: B, condition: {condition}}}]"
    (problem,) = read_yaml(tmp_path, f"{TASKS}flow-definitions:\n  - name: f\n    {edges}").problems
    assert (problem.code, problem.place.line, problem.place.column) == ("F410", 4, column)


def test_an_expression_over_several_lines_is_underlined_as_a_whole(tmp_path: Path) -> None:
    text = f"""{TASKS}flow-definitions:
  - name: f
    edges:
      - {{from: , to: A}}
      - from: A
        to: B
        condition:
          expr: >
            results.A.n > 1 &&
            results.A.m >
"""
    (problem,) = read_yaml(tmp_path, text).problems
    assert (problem.code, problem.place.line) == ("F410", 9)


def test_hostile_expressions_are_refused_or_false_and_never_stop_the_loader(tmp_path: Path) -> None:
    for expression in ("(" * 2000, "[" * 5000, "!" * 5000 + "true", "1" + "+1" * 5000 + " > 0", "'" * 999):
        checked = read_yaml(
            tmp_path,
            f'{TASKS}flow-definitions: [{{name: f, edges: [{{from: , to: A, condition: {{expr: "{expression}"}}}}]}}]',
        )
        assert set(codes(checked)) <= {"F410", "F217"}


def test_an_expression_on_all_results_reads_every_task_among_the_sources(tmp_path: Path) -> None:
    made = condition_of(
        tmp_path, "{expr: 'size(results) == 2 && results.exists(name, results[name] > 2)'}", "[A, g, B]"
    )
    assert made.nodes == ("A", "B")
    assert made.call({"results": {"A": 2, "B": 3}, "node_args": None}) is True
