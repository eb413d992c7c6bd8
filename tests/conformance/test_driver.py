"""The runner itself: it accepts what is right, and every rule of comparison bites."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from asyncflow.errors import ConfigurationError
from tests.conformance.cases import Case, read_cases, why_skipped
from tests.conformance.comparison import DifferenceError
from tests.conformance.conftest import ROOT
from tests.conformance.driver import drive

ALWAYS = {"name": "alwaysTrue"}
STARTED = {"kind": "task", "node_args": {"x": 5}, "parent": {}}


def state(active: str, finished: dict[str, list[str]], failed: dict[str, list[str]]) -> dict[str, Any]:
    nodes = [{"name": label.split("#")[0], "id": label} for label in active.split()]
    return {"active_nodes": nodes, "finished_nodes": finished, "failed_nodes": failed}


FIRST = state("A#0 A#1 B#0", {}, {})
SECOND = state("C#0", {"A": ["A#0"], "B": ["B#0"]}, {"A": ["A#1"]})
THIRD = state("F#0", {"A": ["A#0"], "B": ["B#0"], "C": ["C#0"]}, {})

EXAMPLE: dict[str, Any] = {
    "name": "example",
    "config": {
        "flows": {
            "flow1": {
                "unknown key": 1,
                "edges": [
                    {"from": [], "to": ["A", "A", "B"], "condition": ALWAYS},
                    {
                        "from": ["A", "B"],
                        "to": ["C"],
                        "condition": {"name": "fieldEqual", "node": "A", "args": {"key": "k", "value": 1}},
                    },
                ],
                "failures": [{"nodes": ["A"], "fallback": ["F"], "condition": "alwaysTrue"}],
            }
        },
        "task2storage_mapping": {"A": "S", "B": "S", "C": "S", "F": "S"},
    },
    "steps": [
        {
            "flow": "flow1",
            "input": {"node_args": {"x": 5}, "parent": None, "selective": None, "state": None},
            "events": [],
            "expect": {
                "started": [
                    {"node": "A#0", "name": "A", **STARTED},
                    {"node": "A#1", "name": "A", **STARTED},
                    {"node": "B#0", "name": "B", **STARTED},
                ],
                "flow_finished": False,
                "node_args": {"x": 5},
                "state": FIRST,
            },
        },
        {
            "flow": "flow1",
            "input": {"node_args": {"x": 5}, "parent": None, "selective": None, "state": FIRST},
            "events": [
                {"node": "A#0", "state": "finished", "result": {"k": 1}},
                {"node": "A#1", "state": "failed", "result": {"exception": "ValueError", "args": ["boom"]}},
                {"node": "B#0", "state": "finished", "result": None},
            ],
            "expect": {
                "started": [{"node": "C#0", "name": "C", **STARTED, "parent": {"A": "A#0", "B": "B#0"}}],
                "flow_finished": False,
                "node_args": {"x": 5},
                "state": SECOND,
            },
        },
        {
            "flow": "flow1",
            "input": {"node_args": {"x": 5}, "parent": None, "selective": None, "state": SECOND},
            "events": [{"node": "C#0", "state": "finished", "result": {}}],
            "expect": {
                "started": [{"node": "F#0", "name": "F", **STARTED, "parent": "*"}],
                "flow_finished": False,
                "node_args": {"x": 5},
                "state": THIRD,
            },
        },
        {
            "flow": "flow1",
            "input": {"node_args": {"x": 5}, "parent": None, "selective": None, "state": THIRD},
            "events": [{"node": "F#0", "state": "failed", "result": {"exception": "ValueError", "args": []}}],
            "expect": {
                "started": [],
                "raises": "FlowError",
                "error_state": {
                    "finished_nodes": {"A": ["A#0"], "B": ["B#0"], "C": ["C#0"]},
                    "failed_nodes": {"F": ["F#0"]},
                },
            },
        },
    ],
}


def case_of(written: dict[str, Any]) -> Case:
    return Case(file=Path("example.json"), written=written)


def changed(path: str, value: Any) -> dict[str, Any]:
    """The example with one value replaced; "steps.1.expect.started.0.parent.A" leads to it."""
    made = copy.deepcopy(EXAMPLE)
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    inside: Any = made
    for key in way:
        inside = inside[key]
    inside[last] = value
    return made


def test_the_example_of_the_format_passes() -> None:
    drive(case_of(EXAMPLE))


def test_every_step_can_stand_for_itself() -> None:
    for number in range(1, 4):
        drive(case_of({**EXAMPLE, "steps": EXAMPLE["steps"][number:]}))


def test_a_state_that_the_run_did_not_reach_by_itself_is_put_in() -> None:
    injected = state("C#0", {"A": ["A#0"], "B": ["B#0"]}, {"A": ["A#1", "<injected>"]})
    twice = copy.deepcopy(EXAMPLE)
    last = twice["steps"][2]
    last["input"]["state"] = injected
    fallback = last["expect"]["started"][0]
    last["expect"]["started"] = [fallback, {**fallback, "node": "F#1"}]
    last["expect"]["state"] = state("F#0 F#1", {"A": ["A#0"], "B": ["B#0"], "C": ["C#0"]}, {})
    drive(case_of({**twice, "steps": twice["steps"][:3]}))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("steps.0.expect.started.2.name", "C", "started nodes differ"),
        ("steps.0.expect.started.2.kind", "flow", "started nodes differ"),
        ("steps.0.expect.started.2.node_args", None, "started nodes differ"),
        ("steps.0.expect.started.2.node_args", {"x": "5"}, "started nodes differ"),
        ("steps.0.expect.started.2.node_args", {}, "started nodes differ"),
        ("steps.0.expect.started.2.parent", {"A": "A#0"}, "started nodes differ"),
        ("steps.0.expect.started.2.queue", "other", "started nodes differ"),
        ("steps.0.expect.started.2.countdown_approx", 2.0, "started nodes differ"),
        ("steps.0.expect.started", [], "started nodes differ"),
        ("steps.1.expect.started.0.parent.A", "A#1", "started nodes differ"),
        ("steps.1.expect.started.0.parent.A", "<literal>", "started nodes differ"),
        ("steps.1.expect.flow_finished", True, "flow_finished"),
        ("steps.1.expect.node_args", {"x": True}, "node_args of the flow"),
        ("steps.1.expect.state.active_nodes", [], "active_nodes"),
        ("steps.1.expect.state.finished_nodes.A", ["A#1"], "finished_nodes"),
        ("steps.1.expect.state.failed_nodes.A", ["A#1", "A#0"], "failed_nodes"),
        ("steps.1.expect.raises", "FlowError", "raises"),
        ("steps.3.expect.error_state.failed_nodes", {}, "failed_nodes"),
        ("steps.3.expect.error_state.finished_nodes.A", [], "finished_nodes"),
        ("steps.3.expect", {"started": [], "flow_finished": True}, "raises"),
    ],
)
def test_every_rule_of_comparison_bites(path: str, value: Any, message: str) -> None:
    with pytest.raises(DifferenceError, match=message):
        drive(case_of(changed(path, value)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("steps.0.expect.started.2.parent", None),
        ("steps.0.expect.started.2.node_args", {"x": 5.0}),
        ("steps.0.expect.started.2.countdown_approx", 0.2),
        ("steps.1.expect.state.failed_nodes", {"A": ["A#0"], "B": []}),
        ("steps.1.expect.state.waiting_edges", [77]),
        ("steps.2.expect.started.0.parent", None),
        ("steps.1.unknown", 1),
    ],
)
def test_what_the_format_leaves_open_is_left_open(path: str, value: Any) -> None:
    drive(case_of(changed(path, value)))


def test_equal_instances_are_told_apart_by_what_they_start_later() -> None:
    """A#0 of the case is whichever instance the case says finished with k = 1."""
    swapped = copy.deepcopy(EXAMPLE)
    text = json.dumps(swapped["steps"]).replace("A#0", "A#x").replace("A#1", "A#0").replace("A#x", "A#1")
    drive(case_of({**swapped, "steps": json.loads(text)}))


CUSTOM: dict[str, Any] = {
    "name": "custom",
    "config": {
        "flows": {
            "flow1": {
                "edges": [
                    {
                        "from": [],
                        "to": ["A"],
                        "condition": {"name": "custom", "source": "a remark"},
                        "foreach": {"function": "custom", "propagate_result": False},
                    }
                ]
            }
        }
    },
    "steps": [
        {
            "flow": "flow1",
            "input": {"node_args": None, "parent": None, "selective": None, "state": None},
            "events": [],
            "expect": {
                "started": [
                    {"node": "A#0", "kind": "task", "name": "A", "node_args": None, "parent": {}},
                    {"node": "A#1", "kind": "task", "name": "A", "node_args": None, "parent": {}},
                ],
                "evaluations": [
                    {"kind": "condition", "flow": "flow1", "edge": 0, "result": True},
                    {"kind": "foreach", "flow": "flow1", "edge": 0, "result": ["x", "y"]},
                ],
                "flow_finished": False,
            },
        }
    ],
}


def test_custom_conditions_and_foreach_functions_are_replayed() -> None:
    drive(case_of(CUSTOM))


def test_a_call_that_is_not_recorded_is_a_difference() -> None:
    silent = copy.deepcopy(CUSTOM)
    silent["steps"][0]["expect"]["evaluations"].pop()
    with pytest.raises(DifferenceError, match="nothing is recorded for foreach of flow flow1, edge 0"):
        drive(case_of(silent))


def test_reused_tasks_of_a_selective_run_count_as_finished() -> None:
    drive(
        case_of(
            {
                "name": "reuse",
                "config": {
                    "flows": {"flow1": {"edges": [{"from": [], "to": ["A"]}, {"from": ["A"], "to": ["B"]}]}},
                    "selective_reuse": {"A": "<old-a>"},
                },
                "selective_vectors": [
                    {
                        "flow": "flow1",
                        "task_names": ["B"],
                        "follow_subflows": False,
                        "run_subsequent": False,
                        "waiting_edges_subset": {"flow1": {"0": ["A"], "1": ["B"]}},
                    }
                ],
                "steps": [
                    {
                        "flow": "flow1",
                        "input": {
                            "node_args": None,
                            "parent": None,
                            "selective": {
                                "task_names": ["B"],
                                "waiting_edges_subset": {"flow1": {"0": ["A"], "1": ["B"]}},
                            },
                            "state": None,
                        },
                        "events": [],
                        "expect": {
                            "started": [
                                {
                                    "node": "B#0",
                                    "kind": "task",
                                    "name": "B",
                                    "node_args": None,
                                    "parent": {"A": "<old-a>"},
                                }
                            ],
                            "flow_finished": False,
                            "state": state("B#0", {"A": ["<old-a>"]}, {}),
                        },
                    }
                ],
            }
        )
    )


def test_a_wrong_selection_is_a_difference() -> None:
    vector = {"flow": "flow1", "task_names": ["C"], "follow_subflows": False, "run_subsequent": False}
    case = {**EXAMPLE, "steps": [], "selective_vectors": [{**vector, "waiting_edges_subset": {"flow1": {"0": ["B"]}}}]}
    with pytest.raises(DifferenceError, match="selective vector 0"):
        drive(case_of(case))
    case["selective_vectors"] = [{**vector, "raises": "SelectiveNoPathError"}]
    with pytest.raises(DifferenceError, match="selective vector 0: raises"):
        drive(case_of(case))


def test_cases_are_skipped_only_with_a_reason() -> None:
    assert why_skipped(case_of(EXAMPLE)) == ""
    assert "backends" in why_skipped(case_of(changed("config.faults", {"cache": 1})))
    assert "step 1 raises DispatcherRetry" in why_skipped(case_of(changed("steps.1.expect.raises", "DispatcherRetry")))
    assert "neither" in why_skipped(case_of({**EXAMPLE, "steps": []}))


def test_a_broken_configuration_fails_and_is_not_skipped() -> None:
    with pytest.raises(ConfigurationError):
        drive(case_of(changed("config.flows.flow1.edges.1.condition.name", "noSuchPredicate")))


def test_files_of_other_formats_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"format": "selinon-conformance/2", "cases": []}')
    with pytest.raises(ValueError, match="selinon-conformance/1"):
        read_cases(other)


def run_pytest(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(ROOT / "tests" / "conformance")]
    command += ["-k", "test_case", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_the_command_line_drives_the_files_named_and_sums_up(tmp_path: Path) -> None:
    cases = [EXAMPLE, changed("steps.0.expect.started", []), changed("config.faults", {"cache": 1})]
    named = [{**case, "name": f"case {number}"} for number, case in enumerate(cases)]
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"format": "selinon-conformance/1", "cases": named}))

    done = run_pytest("--cases", str(file))

    assert done.returncode == 1
    assert "1 passed, 1 failed, 1 skipped" in done.stdout
    assert "config.faults: caches and backends are not simulated" in done.stdout
    assert "case 1: step 0: started nodes differ" in done.stdout

    assert "1 passed, 1 failed, 1 skipped" in run_pytest(ASYNCFLOW_CONFORMANCE_CASES=str(tmp_path)).stdout
