"""The tables of built-in predicates: which names they hold, and what a reader of signatures sees."""

from __future__ import annotations

import inspect

import pytest

from asyncflow.predicates import BUILT_INS, SELINON_1_4

TEXT = """
    alwaysFalse alwaysTrue
    argsEmpty
    argsFieldBool argsFieldContain argsFieldDict argsFieldEqual argsFieldExist argsFieldFloat argsFieldGreater
    argsFieldGreaterEqual argsFieldInt argsFieldLenEqual argsFieldLenGreater argsFieldLenGreaterEqual argsFieldLenLess
    argsFieldLenLessEqual argsFieldLenNotEqual argsFieldLess argsFieldLessEqual argsFieldList argsFieldNone
    argsFieldNotEqual argsFieldStr argsFieldUrlNetloc argsFieldUrlPath argsFieldUrlScheme
    argsIsBool argsIsDict argsIsFloat argsIsInt argsIsList argsIsNone argsIsStr
    empty
    envEqual envExist
    fieldBool fieldContain fieldDict fieldEqual fieldExist fieldFloat fieldGreater fieldGreaterEqual fieldInt
    fieldLenEqual fieldLenGreater fieldLenGreaterEqual fieldLenLess fieldLenLessEqual fieldLenNotEqual fieldLess
    fieldLessEqual fieldList fieldNone fieldNotEqual fieldStr fieldUrlNetloc fieldUrlPath fieldUrlScheme
    httpStatus
    isBool isDict isFloat isInt isList isNone isStr
"""
NAMES = TEXT.split()

PARAMETERS = [
    ("alwaysTrue", []),
    ("isInt", ["message"]),
    ("argsIsInt", ["node_args"]),
    ("argsEmpty", ["node_args"]),
    ("fieldExist", ["message", "key"]),
    ("fieldGreaterEqual", ["message", "key", "value"]),
    ("argsFieldGreaterEqual", ["node_args", "key", "value"]),
    ("argsFieldLenLessEqual", ["node_args", "key", "length"]),
    ("argsFieldUrlScheme", ["node_args", "key", "scheme"]),
    ("argsFieldUrlNetloc", ["node_args", "key", "netloc"]),
    ("argsFieldUrlPath", ["node_args", "key", "path"]),
    ("envExist", ["env"]),
    ("envEqual", ["env", "value"]),
    ("httpStatus", ["host", "path", "status", "timeout"]),
]
ALL = {**BUILT_INS.pure, **BUILT_INS.outside}


def test_names_are_the_sixty_nine_of_the_ancestor() -> None:
    assert len(NAMES) == 69
    assert set(ALL) == set(NAMES)


def test_only_predicates_that_look_at_the_world_are_outside() -> None:
    assert set(BUILT_INS.outside) == {"envExist", "envEqual", "httpStatus"}
    assert not set(BUILT_INS.outside) & set(BUILT_INS.pure)


def test_selinon_1_4_differs_in_four_names_only() -> None:
    assert set(SELINON_1_4.pure) == set(BUILT_INS.pure)
    assert SELINON_1_4.outside == BUILT_INS.outside
    differing = {name for name in BUILT_INS.pure if BUILT_INS.pure[name] is not SELINON_1_4.pure[name]}
    assert differing == {"empty", "argsEmpty", "fieldLenGreaterEqual", "argsFieldLenGreaterEqual"}


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS)
def test_signature_names_the_subject_first_and_then_the_arguments(name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(ALL[name]).parameters) == parameters


@pytest.mark.parametrize("name", NAMES)
def test_predicate_is_a_documented_function_of_its_own_name(name: str) -> None:
    predicate = ALL[name]
    assert inspect.isfunction(predicate)
    assert predicate.__name__ == name
    assert predicate.__doc__


def test_only_the_timeout_of_http_status_may_be_left_out() -> None:
    optional = {
        (name, parameter.name)
        for name, predicate in ALL.items()
        for parameter in inspect.signature(predicate).parameters.values()
        if parameter.default is not inspect.Parameter.empty
    }
    assert optional == {("httpStatus", "timeout")}


def test_twin_takes_its_arguments_by_position_too() -> None:
    assert ALL["argsFieldEqual"]({"a": 1}, "a", 1) is True


def test_tables_cannot_be_written_to() -> None:
    for table in (BUILT_INS.pure, BUILT_INS.outside, SELINON_1_4.pure):
        with pytest.raises(TypeError):
            table["mine"] = bool  # type: ignore[index]  # that is what is tested
