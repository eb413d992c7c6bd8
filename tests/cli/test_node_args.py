"""What --node-args takes."""

import io
import sys
from pathlib import Path

import pytest

from asyncflow.cli.node_args import read_node_args
from asyncflow.errors import InvalidNodeArgsError


@pytest.mark.parametrize(
    ("given", "value"),
    [(None, None), ("null", None), ('{"a": [1, 2.5]}', {"a": [1, 2.5]}), ("73786976294838206464", 2**66), ('"é"', "é")],
)
def test_json_is_read_as_it_is_written(given: str | None, value: object) -> None:
    assert read_node_args(given) == value


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "args.json"
    file.write_text('\ufeff{"guests": 4}', "utf-8")
    assert read_node_args(f"@{file}") == {"guests": 4}


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"[1]")))
    assert read_node_args("@-") == [1]


def test_a_mistake_is_shown_in_its_place() -> None:
    with pytest.raises(InvalidNodeArgsError) as caught:
        read_node_args('{"a": 1,\n  "b" 2}')
    assert str(caught.value) == (
        "--node-args is not JSON: Expecting ':' delimiter at line 2, column 7\n      \"b\" 2}\n          ^"
    )


def test_a_long_line_is_cut_around_the_mistake() -> None:
    with pytest.raises(InvalidNodeArgsError) as caught:
        read_node_args(f"[{'1, ' * 500}x, {'1, ' * 500}1]")
    _, line, caret = str(caught.value).splitlines()
    assert len(line) < 80
    assert line[caret.index("^")] == "x"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "line 1, column 1"),
        ("NaN", "JSON has no NaN"),
        ("[" * 100_000, "not JSON"),
        ("@/nowhere/args.json", "/nowhere/args.json cannot be read: no such file or directory"),
        ("{'a': 1}", "property name enclosed in double quotes"),
    ],
)
def test_what_is_not_json_is_refused(given: str, said: str) -> None:
    with pytest.raises(InvalidNodeArgsError, match=said):
        read_node_args(given)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "args.json"
    file.write_bytes(b'"\xff"')
    with pytest.raises(InvalidNodeArgsError, match=r"is not UTF-8 \(byte 1\)"):
        read_node_args(f"@{file}")
