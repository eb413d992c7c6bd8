"""Problems as text, for people and for programs."""

import json

import pytest

from asyncflow.config import CODES, render
from asyncflow.errors import Place, Problem, Severity

TEXT = "flows:\n  - name: A\n    wiederholen: 3\n    漢字: ö\n"
SOURCES = {"some dir/flows.yaml": TEXT}


def place(line: int, column: int, end_column: int, end_line: int | None = None) -> Place:
    file = "some dir/flows.yaml"
    return Place(file=file, line=line, column=column, end_line=end_line or line, end_column=end_column)


KEY = Problem(
    code="F201",
    message="100% wrong:\nreally, `x`",
    place=place(3, 5, 16),
    label="unknown key",
    hint="did you mean `max_retry`?",
    related=((place(2, 11, 12), "here"),),
)
WARNING = Problem(code="F120", message="odd", place=place(4, 9, 10), severity=Severity.WARNING)
NOWHERE = Problem(code="F222", message="no tasks")


def test_the_full_form_draws_the_lines() -> None:
    assert render([KEY, NOWHERE], SOURCES).splitlines() == [
        "error[F201]: 100% wrong:",
        "really, `x`",
        " --> some dir/flows.yaml:3:5",
        "  |",
        "1 | flows:",
        "2 |   - name: A",
        "3 |     wiederholen: 3",
        "  |     ^^^^^^^^^^^ unknown key",
        " ::: some dir/flows.yaml:2:11",
        "  |",
        "1 | flows:",
        "2 |   - name: A",
        "  |           - here",
        "  |",
        "  = hint: did you mean `max_retry`?",
        "  = explain: asyncflow explain F201",
        "",
        "error[F222]: no tasks",
        "  = explain: asyncflow explain F222",
    ]


def test_wide_characters_do_not_move_the_caret() -> None:
    line, caret = render([WARNING], SOURCES).splitlines()[5:7]
    assert line == "4 |     漢字: ö"
    assert caret == "  |           ^"


def test_a_span_of_several_lines_is_underlined_in_its_first() -> None:
    drawn = render([Problem(code="F201", message="m", place=place(2, 5, 3, end_line=4))], SOURCES)
    assert "  |     ^^^^^^^" in drawn.splitlines()


def test_a_very_long_line_is_cut_around_the_place() -> None:
    sources = {"f": "x" * 500 + "y" + "z" * 500}
    there = Place(file="f", line=1, column=501, end_line=1, end_column=502)
    line, caret = render([Problem(code="F201", message="m", place=there)], sources).splitlines()[3:5]
    assert len(line) < 200
    assert line[caret.index("^")] == "y"
    assert (line[4], line[-1]) == ("…", "…")


def test_control_characters_reach_no_terminal() -> None:
    there = Place(file="f", line=1, column=3, end_line=1, end_column=4)
    drawn = render([Problem(code="F201", message="m", place=there)], {"f": "\x1b[31m\tred"})
    assert "\x1b" not in drawn
    assert "\t" not in drawn


def test_a_place_in_a_text_that_is_gone_is_named_and_not_drawn() -> None:
    assert render([KEY], {}).splitlines()[2:4] == [" --> some dir/flows.yaml:3:5", " ::: some dir/flows.yaml:2:11"]


def test_the_concise_form_is_one_line_each() -> None:
    assert render([KEY, WARNING, NOWHERE], SOURCES, "concise").splitlines() == [
        "some dir/flows.yaml:3:5: error[F201]: 100% wrong: really, `x` (hint: did you mean `max_retry`?)",
        "some dir/flows.yaml:4:9: warning[F120]: odd",
        "error[F222]: no tasks",
    ]


def test_json_has_a_version_counts_and_every_field() -> None:
    document = json.loads(render([KEY, WARNING, NOWHERE], SOURCES, "json"))
    assert (document["version"], document["errors"], document["warnings"]) == (1, 2, 1)
    first, _, last = document["problems"]
    where = {"file": "some dir/flows.yaml", "line": 3, "column": 5, "end_line": 3, "end_column": 16}
    assert first == {
        "code": "F201",
        "name": "unknown-key",
        "severity": "error",
        "message": KEY.message,
        "place": where,
        "label": "unknown key",
        "hint": KEY.hint,
        "related": [{"place": {**where, "line": 2, "column": 11, "end_line": 2, "end_column": 12}, "message": "here"}],
    }
    assert last["place"] is None


def test_github_commands_are_escaped() -> None:
    assert render([KEY, WARNING, NOWHERE], SOURCES, "github").splitlines() == [
        (
            "::error file=some dir/flows.yaml,line=3,endLine=3,col=5,endColumn=16,title=F201 unknown-key"
            "::100%25 wrong:%0Areally, `x` (did you mean `max_retry`?)"
        ),
        "::warning file=some dir/flows.yaml,line=4,endLine=4,col=9,endColumn=10,title=F120 word-for-boolean::odd",
        "::error title=F222 no-tasks::no tasks",
    ]


def test_sarif_names_rules_and_regions() -> None:
    run = json.loads(render([WARNING, KEY, NOWHERE], SOURCES, "sarif"))["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == ["F120", "F201", "F222"]
    assert [result["level"] for result in run["results"]] == ["warning", "error", "error"]
    physical = run["results"][1]["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == "some%20dir/flows.yaml"
    assert physical["region"] == {"startLine": 3, "startColumn": 5, "endLine": 3, "endColumn": 16}
    assert run["results"][1]["relatedLocations"][0]["message"] == {"text": "here"}
    assert "locations" not in run["results"][2]


def test_nothing_wrong_is_nothing_said_or_an_empty_document() -> None:
    assert [render([], {}, form) for form in ("full", "concise", "github")] == ["", "", ""]
    assert json.loads(render([], {}, "json"))["problems"] == []
    assert json.loads(render([], {}, "sarif"))["runs"][0]["results"] == []


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="no format is named 'xml'"):
        render([], {}, "xml")


def test_every_code_is_explained_wrong_and_right() -> None:
    for code, rule in CODES.items():
        assert rule.code == code
        assert rule.summary.endswith(".")
        assert rule.explanation.index("Wrong:") < rule.explanation.index("Right:")
    assert len({rule.name for rule in CODES.values()}) == len(CODES)
