"""Reading YAML: values, places, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncflow.config.scalars import plain_value
from tests.config.reading import values_in


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("true", True),
        ("TRUE", True),
        ("False", False),
        ("0", 0),
        ("-17", -17),
        ("+3", 3),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("-2.5E-2", -0.025),
        ("y", "y"),
        ("n", "n"),
        ("nope", "nope"),
        ("1.2.3", "1.2.3"),
        ("10.0.0.1", "10.0.0.1"),
        ("v1", "v1"),
        ("-", "-"),
        (".", "."),
        ("3d", "3d"),
        ("=", "="),
    ],
)
def test_plain_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    found, code = plain_value(text)
    assert (found, type(found), code) == (value, type(value), "")


@pytest.mark.parametrize(
    ("text", "value", "code"),
    [
        ("yes", True, "F120"),
        ("On", True, "F120"),
        ("NO", False, "F120"),
        ("off", False, "F120"),
        ("12:30:45", "12:30:45", "F121"),
        ("1:30", "1:30", "F121"),
        ("1_000", "1_000", "F121"),
        ("010", "010", "F121"),
        ("0b101", "0b101", "F121"),
        ("2026-01-31", "2026-01-31", "F122"),
        ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00Z", "F122"),
        (".inf", ".inf", "F109"),
        ("-.INF", "-.INF", "F109"),
        (".nan", ".nan", "F109"),
        ("1e999", "1e999", "F109"),
    ],
)
def test_scalars_that_versions_of_yaml_read_differently_are_reported(text: str, value: object, code: str) -> None:
    assert plain_value(text) == (value, code)


def test_quoted_scalars_are_text() -> None:
    assert values_in("""['no', "12:30", '1', "null", "a\\tb"]""") == (["no", "12:30", "1", "null", "a\tb"], [])


def test_tags_of_json_types_are_followed() -> None:
    value, problems = values_in("[!!str 1, !!int '2', !!float 3, !!bool 'true', !!null '', !!seq [], !!map {}]")
    assert (value, problems) == (["1", 2, 3.0, True, None, [], {}], [])


@pytest.mark.parametrize(
    "text", ["!!timestamp 2026-01-01", "!mine x", "!!python/object:os.x {}", "!!set {a}", "!!int x", "!!int true"]
)
def test_other_tags_are_refused(text: str) -> None:
    _, problems = values_in(f"a: {text}")
    assert [problem.code for problem in problems] == ["F107"]


def test_keys_are_text_as_written() -> None:
    assert values_in("{on: 1, 2: 3, null: 4, 'x y': 5}") == ({"on": 1, "2": 3, "null": 4, "x y": 5}, [])


def test_merges_fill_in_what_a_table_does_not_say_itself() -> None:
    value, problems = values_in("""
        one: &one {a: 1, b: 1}
        two: &two {b: 2, c: 2}
        merged:
          b: 3
          <<: [*one, *two]
        before:
          <<: *two
          c: 3
        """)
    assert problems == []
    assert value["merged"] == {"a": 1, "b": 3, "c": 2}
    assert value["before"] == {"b": 2, "c": 3}


def test_an_alias_stands_for_its_anchor_scalars_and_keys_included() -> None:
    assert values_in("[&x [1, 2], *x, &y word, *y, {*y : 1}]") == ([[1, 2], [1, 2], "word", "word", {"word": 1}], [])


def test_an_anchor_may_be_set_again() -> None:
    assert values_in("[&x 1, *x, &x 2, *x]") == ([1, 1, 2, 2], [])


def test_an_unknown_alias_is_refused_where_it_stands() -> None:
    _, (problem,) = values_in("a: 1\nb: *nothing\n")
    assert (problem.code, problem.place.line, problem.place.column) == ("F103", 2, 4)


def test_every_repeated_key_is_reported_with_its_first_place() -> None:
    _, problems = values_in("a: 1\nb: 2\na: 3\nb: 4\n")
    places = [(problem.code, problem.place.line, problem.related[0][0].line) for problem in problems]
    assert places == [("F104", 3, 1), ("F104", 4, 2)]


def test_places_count_characters_and_not_bytes() -> None:
    _, (problem,) = values_in("ключ: [привет, no]\n")
    assert (problem.place.column, problem.place.end_column) == (16, 18)


@pytest.mark.parametrize("text", ["[" * 200 + "]" * 200, "{a: " * 200 + "1" + "}" * 200, "[" * 100_000])
def test_deep_nesting_is_refused_at_once(text: str) -> None:
    value, problems = values_in(text)
    assert (value, [problem.code for problem in problems]) == (None, ["F106"])


def test_aliases_that_multiply_are_refused_and_a_few_hundred_are_not() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    value, problems = values_in("\n".join(lines))
    assert (value, [problem.code for problem in problems]) == (None, ["F105"])
    shared = "\n".join(["base: &base {a: 1}", *(f"k{n}: *base" for n in range(500))])
    assert values_in(shared)[1] == []


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: [1\nb: 2", 2, 2),
        ("a: b: c", 1, 5),
        ("a: 'x", 1, 6),
        ("ä: \x07", 1, 4),
        ("x: 1\ny: \x7f", 2, 4),
        ("{a: 1}}", 1, 7),
        ("a:\n\t- b", 2, 1),
        ("a: @b", 1, 4),
        ("%YAML 3.0\n---\na: 1", 1, 1),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_place(text: str, line: int, column: int) -> None:
    value, (problem,) = values_in(text)
    assert (value, problem.code, problem.place.line, problem.place.column) == (None, "F103", line, column)


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*<>|!%#'\"?, \n\t0.é\x00\x7f"), max_size=60))
def test_any_text_is_read_or_refused_and_nothing_else_is_raised(text: str) -> None:
    _, problems = values_in(text)
    assert all(problem.place is None or problem.place.line >= 1 for problem in problems)
