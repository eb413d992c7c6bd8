"""The JSON Schema of the files says what the loader does."""

from pathlib import Path

import fastjsonschema
import orjson
import pytest

from asyncflow.config import check, schema
from asyncflow.config.flow_sections import SECTIONS
from asyncflow.config.report import Report
from asyncflow.config.yaml_text import read_text
from asyncflow.predicates import BUILT_INS
from tests.config.reading import TASKS, values_in

BROKEN = Path(__file__).parent / "broken"
FITS = fastjsonschema.compile(schema())
NOT_YAML = {"F103", "F105", "F106", "F111", "F113"}
"""Nothing comes out of these files that a schema could be held against."""
ABOUT_KEYS = {"F112", "F201", "F202", "F203"}


def test_it_is_json_and_a_schema_of_draft_7() -> None:
    text = orjson.dumps(schema())
    assert orjson.loads(text)["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_it_knows_every_key_with_its_meaning() -> None:
    made = schema()
    for section in SECTIONS:
        table = made if section.name == "file" else made["definitions"][section.name]
        table = table["anyOf"][1] if section.name == "condition" else table
        for key in section.keys:
            for spelling in (key.name, *key.aliases):
                assert table["properties"][spelling]["description"] == key.summary


def test_every_reference_leads_somewhere() -> None:
    made = schema()
    text = orjson.dumps(made).decode()
    names = {part.split('"')[0] for part in text.split("#/definitions/")[1:]}
    assert names == set(made["definitions"])


@pytest.mark.parametrize(
    "path", [path for path in sorted(BROKEN.glob("*.yaml")) if path.stem not in NOT_YAML], ids=lambda path: path.stem
)
def test_it_refuses_what_the_loader_refuses_for_its_keys_and_nothing_else(path: Path) -> None:
    value = read_text(path.name, path.read_text("utf-8"), Report())
    problems = check([path], builtins=BUILT_INS, environ={}).problems
    found = {problem.code for problem in problems}
    if found & ABOUT_KEYS:
        with pytest.raises(fastjsonschema.JsonSchemaValueException):
            FITS(value)
    elif not found & {"F115", "F205", "F404"} and not any(code.startswith("F10") for code in found):
        FITS(value)


@pytest.mark.parametrize(
    "edge",
    [
        "{from: A, to: B, join: some}",
        "{from: A, to: B, join: {at_least: 0}}",
        "{from: A, to: []}",
        "{from: A}",
        "{to: A}",
        "{from: A, to: B, condition: {nope: 1}}",
        "{from: A, to: B, condition: {and: []}}",
        "{from: A, to: B, foreach: {function: f}}",
        "{from: A, to: B, selective: {tasks: []}}",
        "{from: A, to: B, node_args: [1]}",
        "{from: A, to: B, when: x}",
    ],
)
def test_wrong_edges_do_not_fit(edge: str) -> None:
    value, _ = values_in(f"{TASKS}flow-definitions: [{{name: f, edges: [{{from: , to: A}}, {edge}]}}]")
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        FITS(value)
