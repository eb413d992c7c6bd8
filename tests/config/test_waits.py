"""Waits and delays among the tasks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from asyncflow.config import load_mapping
from asyncflow.errors import ConfigurationError, Problem
from asyncflow.model.flow import Configuration, Delay, Literal, Wait
from asyncflow.model.flow import Path as JmesPath
from asyncflow.predicates import BUILT_INS

FLOW = "flow-definitions: [{name: f, edges: [{from: , to: N}]}]\n"


def tasks(*written: str) -> str:
    return "tasks:\n" + "".join(f"  - {one}\n" for one in written)


def configuration_of(text: str) -> Configuration:
    return load_mapping(yaml.safe_load(text), builtins=BUILT_INS, environ={}).configuration


def problems(text: str) -> Sequence[Problem]:
    try:
        mapping = yaml.safe_load(text)
        return load_mapping(mapping, builtins=BUILT_INS, environ={}).warnings
    except ConfigurationError as error:
        return error.problems


def codes(text: str) -> list[str]:
    return [problem.code for problem in problems(text)]


def messages(text: str) -> list[str]:
    return [problem.message for problem in problems(text)]


def test_a_wait_is_read() -> None:
    written = tasks("{name: N, wait: {event: approved, timeout: 3d, schema: {type: integer}}}")
    configuration = configuration_of(written + FLOW)
    node = configuration.flows["f"].nodes["N"]
    assert isinstance(node, Wait)
    assert (node.event, node.timeout, node.schema) == ("approved", 259200.0, {"type": "integer"})
    assert node.complaint(1) == ""
    assert node.complaint("one") == "payload must be integer"
    assert configuration.waits == {"N": node}


def test_the_schema_of_a_wait_can_be_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "approval.json").write_text(json.dumps({"type": "boolean"}))
    monkeypatch.chdir(tmp_path)
    configuration = configuration_of(tasks("{name: N, wait: {event: approved, schema: approval.json}}") + FLOW)
    assert configuration.waits["N"].schema == {"type": "boolean"}


@pytest.mark.parametrize(("written", "seconds"), [("90", 90), ("10m", "10m"), ("1h30m", "1h30m"), ("0", 0)])
def test_a_delay_is_a_duration(written: str, seconds: object) -> None:
    node = configuration_of(tasks(f"{{name: N, delay: {written}}}") + FLOW).flows["f"].nodes["N"]
    assert node == Delay(name="N", duration=Literal(seconds))


def test_a_delay_is_a_template() -> None:
    node = configuration_of(tasks("{name: N, delay: node_args.pause}") + FLOW).flows["f"].nodes["N"]
    assert isinstance(node, Delay)
    assert isinstance(node.duration, JmesPath)
    assert node.duration.search({"node_args": {"pause": 7}}) == 7


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("{name: N, wait: {}}", "F202"),
        ("{name: N, wait: approved}", "F203"),
        ("{name: N, wait: {event: ''}}", "F203"),
        ("{name: N, wait: {event: 'two words'}}", "F203"),
        ("{name: N, wait: {event: go, timeout: soon}}", "F203"),
        ("{name: N, wait: {event: go, timeout: 200000w}}", "F203"),
        ("{name: N, wait: {event: go, schema: {type: strange}}}", "F213"),
        ("{name: N, wait: {event: go, schema: missing.json}}", "F213"),
        ("{name: N, wait: {event: go, timout: 3d}}", "F201"),
        ("{name: N, wait: {event: go}, queue: slow}", "F201"),
        ("{name: N, wait: {event: go}, delay: 3d}", "F201"),
        ("{name: N, delay: 3d, max_retry: 3}", "F201"),
        ("{name: N, delay: 10x}", "F203"),
        ("{name: N, delay: -1}", "F203"),
        ("{name: N, delay: true}", "F203"),
        ("{name: N, delay: }", "F203"),
        ("{name: N, delay: {value: soon}}", "F203"),
        ("{name: N, delay: 'node_args.'}", "F211"),
        ("{name: N, delay: pause}", "F212"),
        ("{name: N, delay: results.M.pause}", "F304"),
    ],
)
def test_what_is_wrong_is_reported(written: str, code: str) -> None:
    assert codes(tasks(written) + FLOW) == [code]


def test_messages_name_the_kind_of_node() -> None:
    assert messages(tasks("{name: N, wait: {event: go}, queue: slow}") + FLOW) == ["wait `N` has no key `queue`"]
    assert messages(tasks("{name: N, delay: 1d}", "{name: M, delay: 1d}") + FLOW) == ["no flow uses the delay `M`"]


@pytest.mark.parametrize(
    ("node", "why"),
    [("wait: {event: go}", "`N` has no `timeout`, so it never fails"), ("delay: 3d", "`N` is a delay, so it never")],
)
def test_a_fallback_of_what_never_fails_can_never_run(node: str, why: str) -> None:
    flow = "flow-definitions: [{name: f, edges: [{from: , to: N}], failures: [{nodes: N, fallback: true}]}]\n"
    [message] = messages(tasks(f"{{name: N, {node}}}") + flow)
    assert why in message


def test_a_wait_that_nobody_waits_for_does_nothing() -> None:
    flow = "flow-definitions: [{name: f, edges: [{from: , to: N}], nowait: N}]\n"
    assert codes(tasks("{name: N, wait: {event: go}}") + flow) == ["F309"]


def test_the_result_of_a_wait_can_be_read_and_that_of_a_delay_cannot() -> None:
    condition = "condition: {name: fieldExist, args: {key: by}}"
    flow = f"flow-definitions: [{{name: f, edges: [{{from: , to: N}}, {{from: N, to: M, {condition}}}]}}]\n"
    assert codes(tasks("{name: N, wait: {event: go}}", "{name: M, celery_task: m}") + flow) == []
    assert codes(tasks("{name: N, delay: 1}", "{name: M, celery_task: m}") + flow) == ["F409"]


def test_names_are_shared_with_tasks() -> None:
    assert "F204" in codes(tasks("{name: N, wait: {event: go}}", "{name: N, import: m}") + FLOW)
