"""What every pure predicate says of JSON values: one table for those on results, which holds for their twins too."""

from __future__ import annotations

import inspect
from collections import defaultdict

import pytest

from asyncflow.model.names import Json
from asyncflow.predicates import BUILT_INS, SELINON_1_4

DOCUMENT = {
    "text": "abc",
    "one": 1,
    "half": 0.5,
    "yes": True,
    "nothing": None,
    "list": [10, 20, [30]],
    "object": {"inner": {"deep": "x"}},
    "none": [],
    "url": "https://me@example.org:8443/a/b?q=1#f",
    "7": "seven",
}

# name, subject, arguments, answer
Row = tuple[str, Json, dict[str, Json], bool]

WHOLE: list[Row] = [
    ("isNone", None, {}, True),
    ("isNone", 0, {}, False),
    ("isNone", {}, {}, False),
    ("isStr", "", {}, True),
    ("isStr", 1, {}, False),
    ("isStr", None, {}, False),
    ("isInt", 1, {}, True),
    ("isInt", True, {}, True),
    ("isInt", 1.0, {}, False),
    ("isInt", "1", {}, False),
    ("isInt", None, {}, False),
    ("isBool", False, {}, True),
    ("isBool", 1, {}, False),
    ("isBool", None, {}, False),
    ("isFloat", 1.0, {}, True),
    ("isFloat", 1, {}, False),
    ("isFloat", None, {}, False),
    ("isList", [], {}, True),
    ("isList", {}, {}, False),
    ("isList", "[]", {}, False),
    ("isDict", {}, {}, True),
    ("isDict", [], {}, False),
    ("isDict", None, {}, False),
    ("empty", [], {}, True),
    ("empty", {}, {}, True),
    ("empty", "", {}, True),
    ("empty", None, {}, True),
    ("empty", 0, {}, True),
    ("empty", [None], {}, False),
    ("empty", {"a": None}, {}, False),
    ("empty", "0", {}, False),
]

ON_DOCUMENT: list[tuple[str, dict[str, Json], bool]] = [
    ("fieldExist", {"key": "one"}, True),
    ("fieldExist", {"key": "nothing"}, True),
    ("fieldExist", {"key": []}, True),
    ("fieldExist", {"key": "absent"}, False),
    ("fieldExist", {"key": ["object", "inner", "deep", "deeper"]}, False),
    ("fieldExist", {"key": ["one", "x"]}, False),
    ("fieldExist", {"key": ["nothing", "x"]}, False),
    ("fieldExist", {"key": ["list", 2, 0]}, True),
    ("fieldExist", {"key": ["list", 3]}, False),
    ("fieldExist", {"key": ["list", -3]}, True),
    ("fieldExist", {"key": ["list", -4]}, False),
    ("fieldExist", {"key": ["list", "0"]}, False),
    ("fieldExist", {"key": "7"}, True),
    ("fieldExist", {"key": 7}, False),
    ("fieldExist", {"key": [["one"]]}, False),
    ("fieldExist", {"key": {"one": 1}}, False),
    ("fieldEqual", {"key": "one", "value": 1}, True),
    ("fieldEqual", {"key": "one", "value": 1.0}, True),
    ("fieldEqual", {"key": "yes", "value": True}, True),
    ("fieldEqual", {"key": "yes", "value": 1}, True),
    ("fieldEqual", {"key": "one", "value": "1"}, False),
    ("fieldEqual", {"key": "yes", "value": "true"}, False),
    ("fieldEqual", {"key": "nothing", "value": None}, True),
    ("fieldEqual", {"key": "absent", "value": None}, False),
    ("fieldEqual", {"key": ["list", -1, 0], "value": 30}, True),
    ("fieldEqual", {"key": ["object", "inner"], "value": {"deep": "x"}}, True),
    ("fieldEqual", {"key": ("object", "inner", "deep"), "value": "x"}, True),
    ("fieldNotEqual", {"key": "one", "value": 2}, True),
    ("fieldNotEqual", {"key": "one", "value": "1"}, True),
    ("fieldNotEqual", {"key": "one", "value": 1}, False),
    ("fieldNotEqual", {"key": "absent", "value": 1}, False),
    ("fieldNotEqual", {"key": ["one", "x"], "value": 1}, False),
    ("fieldGreater", {"key": "one", "value": 0}, True),
    ("fieldGreater", {"key": "one", "value": 1}, False),
    ("fieldGreater", {"key": "text", "value": "abb"}, True),
    ("fieldGreater", {"key": "text", "value": 0}, False),
    ("fieldGreater", {"key": "nothing", "value": 0}, False),
    ("fieldGreater", {"key": "absent", "value": 0}, False),
    ("fieldGreaterEqual", {"key": "one", "value": 1}, True),
    ("fieldGreaterEqual", {"key": "one", "value": 1.5}, False),
    ("fieldGreaterEqual", {"key": "text", "value": 1}, False),
    ("fieldGreaterEqual", {"key": "absent", "value": 1}, False),
    ("fieldLess", {"key": "half", "value": 1}, True),
    ("fieldLess", {"key": "one", "value": 1}, False),
    ("fieldLess", {"key": "text", "value": 1}, False),
    ("fieldLess", {"key": "absent", "value": 1}, False),
    ("fieldLessEqual", {"key": "one", "value": 1}, True),
    ("fieldLessEqual", {"key": "one", "value": 0.5}, False),
    ("fieldLessEqual", {"key": "one", "value": "1"}, False),
    ("fieldLessEqual", {"key": "absent", "value": 1}, False),
    ("fieldContain", {"key": "list", "value": 20}, True),
    ("fieldContain", {"key": "list", "value": [30]}, True),
    ("fieldContain", {"key": "object", "value": "inner"}, True),
    ("fieldContain", {"key": "text", "value": "bc"}, True),
    ("fieldContain", {"key": "list", "value": 30}, False),
    ("fieldContain", {"key": "list", "value": "20"}, False),
    ("fieldContain", {"key": "text", "value": 1}, False),
    ("fieldContain", {"key": "one", "value": 1}, False),
    ("fieldContain", {"key": "object", "value": ["inner"]}, False),
    ("fieldContain", {"key": "absent", "value": 1}, False),
    ("fieldNone", {"key": "nothing"}, True),
    ("fieldNone", {"key": "none"}, False),
    ("fieldNone", {"key": "absent"}, False),
    ("fieldStr", {"key": "text"}, True),
    ("fieldStr", {"key": "one"}, False),
    ("fieldStr", {"key": "absent"}, False),
    ("fieldInt", {"key": "one"}, True),
    ("fieldInt", {"key": "yes"}, True),
    ("fieldInt", {"key": "half"}, False),
    ("fieldInt", {"key": "absent"}, False),
    ("fieldBool", {"key": "yes"}, True),
    ("fieldBool", {"key": "one"}, False),
    ("fieldBool", {"key": "absent"}, False),
    ("fieldFloat", {"key": "half"}, True),
    ("fieldFloat", {"key": "one"}, False),
    ("fieldFloat", {"key": "absent"}, False),
    ("fieldList", {"key": "none"}, True),
    ("fieldList", {"key": "object"}, False),
    ("fieldList", {"key": "absent"}, False),
    ("fieldDict", {"key": ["object", "inner"]}, True),
    ("fieldDict", {"key": "list"}, False),
    ("fieldDict", {"key": ["object", "absent"]}, False),
    ("fieldLenEqual", {"key": "list", "length": 3}, True),
    ("fieldLenEqual", {"key": "none", "length": 0}, True),
    ("fieldLenEqual", {"key": "list", "length": 2}, False),
    ("fieldLenEqual", {"key": "list", "length": "3"}, False),
    ("fieldLenEqual", {"key": "one", "length": 1}, False),
    ("fieldLenEqual", {"key": "absent", "length": 0}, False),
    ("fieldLenNotEqual", {"key": "text", "length": 2}, True),
    ("fieldLenNotEqual", {"key": "text", "length": 3}, False),
    ("fieldLenNotEqual", {"key": "one", "length": 2}, False),
    ("fieldLenNotEqual", {"key": "absent", "length": 2}, False),
    ("fieldLenGreater", {"key": "text", "length": 2}, True),
    ("fieldLenGreater", {"key": "text", "length": 3}, False),
    ("fieldLenGreater", {"key": "nothing", "length": -1}, False),
    ("fieldLenGreater", {"key": "absent", "length": -1}, False),
    ("fieldLenGreaterEqual", {"key": "text", "length": 3}, True),
    ("fieldLenGreaterEqual", {"key": "text", "length": 2}, True),
    ("fieldLenGreaterEqual", {"key": "text", "length": 4}, False),
    ("fieldLenGreaterEqual", {"key": "text", "length": "3"}, False),
    ("fieldLenGreaterEqual", {"key": "absent", "length": 0}, False),
    ("fieldLenLess", {"key": "object", "length": 2}, True),
    ("fieldLenLess", {"key": "object", "length": 1}, False),
    ("fieldLenLess", {"key": "yes", "length": 9}, False),
    ("fieldLenLess", {"key": "absent", "length": 9}, False),
    ("fieldLenLessEqual", {"key": "text", "length": 3}, True),
    ("fieldLenLessEqual", {"key": "text", "length": 4}, True),
    ("fieldLenLessEqual", {"key": "text", "length": 2}, False),
    ("fieldLenLessEqual", {"key": "half", "length": 9}, False),
    ("fieldLenLessEqual", {"key": "absent", "length": 9}, False),
    ("fieldUrlScheme", {"key": "url", "scheme": "https"}, True),
    ("fieldUrlScheme", {"key": "url", "scheme": "http"}, False),
    ("fieldUrlScheme", {"key": "one", "scheme": ""}, False),
    ("fieldUrlScheme", {"key": "nothing", "scheme": ""}, False),
    ("fieldUrlScheme", {"key": "absent", "scheme": "https"}, False),
    ("fieldUrlNetloc", {"key": "url", "netloc": "me@example.org:8443"}, True),
    ("fieldUrlNetloc", {"key": "url", "netloc": "example.org"}, False),
    ("fieldUrlNetloc", {"key": "list", "netloc": ""}, False),
    ("fieldUrlNetloc", {"key": "absent", "netloc": "example.org"}, False),
    ("fieldUrlPath", {"key": "url", "path": "/a/b"}, True),
    ("fieldUrlPath", {"key": "url", "path": "a/b"}, False),
    ("fieldUrlPath", {"key": "object", "path": ""}, False),
    ("fieldUrlPath", {"key": "absent", "path": "/a/b"}, False),
]
FIELDS: list[Row] = [(name, DOCUMENT, arguments, answer) for name, arguments, answer in ON_DOCUMENT]

OTHER_SUBJECTS: list[Row] = [
    ("fieldExist", [5], {"key": 0}, True),
    ("fieldExist", [5], {"key": -2}, False),
    ("fieldExist", None, {"key": "a"}, False),
    ("fieldExist", 5, {"key": "a"}, False),
    ("fieldExist", "text", {"key": "a"}, False),
    ("fieldEqual", [[1, 2]], {"key": [0, -1], "value": 2}, True),
    ("fieldEqual", 5, {"key": [], "value": 5}, True),
    ("fieldUrlScheme", {"a": "http://[::1"}, {"key": "a", "scheme": "http"}, False),
    ("fieldUrlScheme", {"a": "HTTP://x"}, {"key": "a", "scheme": "http"}, True),
]

ROWS = WHOLE + FIELDS + OTHER_SUBJECTS


def twin(name: str) -> str:
    return f"args{name[0].upper()}{name[1:]}"


@pytest.mark.parametrize(("name", "subject", "arguments", "answer"), ROWS)
def test_predicate_and_its_twin_give_the_answer_of_the_table(
    name: str, subject: Json, arguments: dict[str, Json], answer: bool
) -> None:
    assert BUILT_INS.pure[name](message=subject, **arguments) is answer
    assert BUILT_INS.pure[twin(name)](node_args=subject, **arguments) is answer


def test_table_has_three_rows_and_both_answers_for_every_predicate() -> None:
    answers = defaultdict(list)
    for name, _, _, answer in ROWS:
        answers[name].append(answer)
    covered = {name for name in answers if len(answers[name]) >= 3 and {*answers[name]} == {True, False}}
    expected = {name for name in BUILT_INS.pure if "message" in inspect.signature(BUILT_INS.pure[name]).parameters}
    assert covered == expected


def test_constants_say_what_they_are_called() -> None:
    assert BUILT_INS.pure["alwaysTrue"]() is True
    assert BUILT_INS.pure["alwaysFalse"]() is False


@pytest.mark.parametrize(
    ("name", "subject", "arguments", "answer"),
    [
        ("empty", [1], {}, True),
        ("empty", [], {}, False),
        ("empty", None, {}, False),
        ("fieldLenGreaterEqual", {"a": "xyz"}, {"key": "a", "length": 4}, True),
        ("fieldLenGreaterEqual", {"a": "xyz"}, {"key": "a", "length": 3}, True),
        ("fieldLenGreaterEqual", {"a": "xyz"}, {"key": "a", "length": 2}, False),
        ("fieldLenGreaterEqual", {"a": "xyz"}, {"key": "b", "length": 4}, False),
        ("fieldLenGreaterEqual", {"a": 5}, {"key": "a", "length": 4}, False),
    ],
)
def test_selinon_1_4_turns_two_predicates_and_their_twins_around(
    name: str, subject: Json, arguments: dict[str, Json], answer: bool
) -> None:
    assert SELINON_1_4.pure[name](message=subject, **arguments) is answer
    assert SELINON_1_4.pure[twin(name)](node_args=subject, **arguments) is answer
