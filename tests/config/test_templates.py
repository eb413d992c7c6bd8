"""Templates: JMESPaths, literals, and what they read."""

import pytest

from asyncflow.config.report import Report
from asyncflow.config.templates import TemplateReader
from asyncflow.config.tree import place_of_file
from asyncflow.model.flow import Literal, Path, Record
from tests.config.reading import values_in

DOCUMENT = {
    "node_args": {"x": 5, "list": [{"n": 1}, {"n": 2}]},
    "results": {"A": {"n": 1, "many": [3, 4]}, "B-2": 7},
    "errors": {},
}


def read(text: str):
    table, _ = values_in(f"value: {text}")
    report = Report()
    reader = TemplateReader(report)
    return reader.read(table["value"], place_of_file("f")), reader, report.problems


def test_texts_are_paths_and_everything_else_is_itself() -> None:
    for text, value in (("3", 3), ("1.5", 1.5), ("true", True), ("null", None), ("{value: {a: [1]}}", {"a": [1]})):
        template, _, problems = read(text)
        assert (template, problems) == (Literal(value), [])
    template, _, _ = read("node_args.x")
    assert isinstance(template, Path)
    assert template.search(DOCUMENT) == 5


def test_a_table_is_built_member_by_member() -> None:
    template, _, _ = read("{a: node_args.x, from: {value: b}, inner: {c: results.A.n}}")
    assert isinstance(template, Record)
    assert template.members["from"] == Literal("b")
    assert template.members["inner"].members["c"].search(DOCUMENT) == 1


def test_from_names_a_source_whatever_its_characters() -> None:
    template, reader, _ = read("{from: B-2}")
    assert template.search(DOCUMENT) == 7
    assert [each.name for each in reader.reads] == ["B-2"]


@pytest.mark.parametrize(
    ("path", "reads", "result"),
    [
        ("node_args", set(), DOCUMENT["node_args"]),
        ("results.A", {"A"}, DOCUMENT["results"]["A"]),
        ("results.A.many[0]", {"A"}, 3),
        ("results.A.many[]", {"A"}, [3, 4]),
        ("results.A.many | [0]", {"A"}, 3),
        ('results."B-2"', {"B-2"}, 7),
        ('[results.A.n, results."B-2"]', {"A", "B-2"}, [1, 7]),
        ("{a: results.A.n, b: node_args.x}", {"A"}, {"a": 1, "b": 5}),
        ("sum(results.A.many)", {"A"}, 7),
        ("not_null(results.A.zero, node_args.x)", {"A"}, 5),
        ("node_args.list[?n > `1`].n | [0]", set(), 2),
        ("node_args.list[*].results.A", set(), []),
        ("max_by(node_args.list, &n).n", set(), 2),
        ("results.A.n == `1` && node_args.x", {"A"}, 5),
        ("!(results.A.n)", {"A"}, False),
        ("results.*.n", None, [1]),
        ("values(results)", None, list(DOCUMENT["results"].values())),
        ("results", None, DOCUMENT["results"]),
        ("@", None, DOCUMENT),
        ("@.results.A.n", None, 1),
        ("keys(@)", None, list(DOCUMENT)),
        ("`[1, 2]`", set(), [1, 2]),
        ("'text'", set(), "text"),
        ("errors.A.type", set(), None),
    ],
)
def test_the_results_that_a_path_reads_are_known(path: str, reads: set[str] | None, result: object) -> None:
    report = Report()
    template = TemplateReader(report).read(path, place_of_file("f"))
    assert report.problems == []
    assert template.reads == reads
    assert template.search(DOCUMENT) == result


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("", "F211"),
        ("results.", "F211"),
        ("a b", "F211"),
        ("'open", "F211"),
        ("results.#", "F211"),
        ("nothing(results.A)", "F211"),
        ("name", "F212"),
        ("result.A", "F212"),
    ],
)
def test_wrong_paths_are_refused(path: str, code: str) -> None:
    report = Report()
    TemplateReader(report).read(path, place_of_file("f"))
    assert [problem.code for problem in report.problems] == [code]
