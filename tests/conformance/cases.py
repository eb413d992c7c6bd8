"""Case files of the format `selinon-conformance/1`, and the configuration that a case makes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asyncflow.config.flow_sections import EDGE, FAILURE, FLOW, LEAF
from asyncflow.config.sections import Section
from tests.conformance.stubs import MODULE, condition_name, foreach_name, reuse_name

FORMAT = "selinon-conformance/1"
IDLE = "IdleTask"
"""What opaque flows start, were they ever run: a flow must have an edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case, with the file that it comes from."""

    file: Path
    written: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.written["name"])

    @property
    def steps(self) -> list[Mapping[str, Any]]:
        return list(self.written.get("steps", ()))

    @property
    def selective_vectors(self) -> list[Mapping[str, Any]]:
        return list(self.written.get("selective_vectors", ()))

    @property
    def flows(self) -> Mapping[str, Mapping[str, Any]]:
        flows: Mapping[str, Mapping[str, Any]] = self.written["config"]["flows"]
        return flows

    @property
    def reused(self) -> Mapping[str, str]:
        reused: Mapping[str, str] = self.written["config"].get("selective_reuse") or {}
        return reused


def read_cases(file: Path) -> list[Case]:
    """Every case of a file. ValueError for files of other formats."""
    written = json.loads(file.read_text("utf-8"))
    if not isinstance(written, dict) or written.get("format") != FORMAT:
        raise ValueError(f"{file} is not of the format {FORMAT}")
    return [Case(file=file, written=case) for case in written["cases"]]


def why_skipped(case: Case) -> str:
    """What the case needs that a simulation does not have; empty when there is nothing."""
    if case.written["config"].get("faults"):
        return "config.faults: caches and backends are not simulated, so they cannot fail"
    for number, step in enumerate(case.steps):
        raises = step["expect"].get("raises", "FlowError")
        if raises != "FlowError":
            return f"step {number} raises {raises}: a backend fails there, and backends are not simulated"
    if not case.steps and not case.selective_vectors:
        return "it has neither steps nor selective_vectors"
    return ""


def configuration_of(case: Case) -> dict[str, Any]:
    """What a nodes file and a flows file would say."""
    config = case.written["config"]
    stored = config.get("task2storage_mapping")
    queues = config.get("task_queues") or {}
    tasks = []
    for name in sorted(_task_names(case)):
        task = {"name": name, "import": MODULE}
        if stored is None or name in stored:
            task["storage"] = "Storage"
        if name in queues:
            task["queue"] = queues[name]
        if name in case.reused:
            task["selective_run_function"] = {"name": reuse_name(name), "import": MODULE}
        tasks.append(task)
    return {
        # Only where it is needed: with it, any unknown predicate would pass for one of the case's own.
        "global": {"predicates_module": MODULE} if _has_custom(case) else {},
        "tasks": tasks,
        "storages": [{"name": "Storage", "import": MODULE, "configuration": {}}],
        "flow-definitions": [_flow(case, name) for name in case.flows],
    }


def _task_names(case: Case) -> set[str]:
    config = case.written["config"]
    names = {IDLE, *(config.get("task2storage_mapping") or ()), *(config.get("task_queues") or ()), *case.reused}
    for flow in case.flows.values():
        names.update(_names_in(flow))
    return names - set(case.flows)


def _names_in(flow: Mapping[str, Any]) -> Iterator[str]:
    for edge in flow["edges"]:
        yield from edge["from"]
        yield from edge["to"]
    for failure in flow.get("failures") or ():
        yield from failure["nodes"]
        yield from failure["fallback"] if isinstance(failure["fallback"], list) else ()


def _flow(case: Case, name: str) -> dict[str, Any]:
    written = case.flows[name]
    flow = _known(FLOW, written)
    if written.get("opaque"):
        flow = {key: value for key, value in flow.items() if key == "throttling"}
        flow["edges"] = [{"from": [], "to": [IDLE]}]
    else:
        flow["edges"] = [_edge(name, index, edge) for index, edge in enumerate(written["edges"])]
    if "failures" in flow:
        flow["failures"] = [_failure(failure) for failure in written["failures"] or ()]
    flow["name"] = name
    queue = (case.written["config"].get("dispatcher_queues") or {}).get(name)
    return flow if queue is None else {**flow, "queue": queue}


def _edge(flow: str, index: int, written: Mapping[str, Any]) -> dict[str, Any]:
    edge = _known(EDGE, written)
    if "condition" in edge:
        custom = {"name": condition_name(flow, index)}
        edge["condition"] = custom if _is_custom(edge["condition"]) else _condition(edge["condition"])
    foreach = edge.pop("foreach", None)
    if foreach is not None:
        edge["foreach"] = {
            "function": foreach_name(flow, index),
            "import": MODULE,
            "propagate_result": foreach.get("propagate_result", False),
        }
    return edge


def _failure(written: Mapping[str, Any]) -> dict[str, Any]:
    failure = _known(FAILURE, written)
    condition = failure.get("condition")
    if isinstance(condition, str):
        failure["condition"] = {"name": condition}
    elif condition is not None:
        failure["condition"] = _condition(condition)
    return failure


def _has_custom(case: Case) -> bool:
    return any(_is_custom(edge.get("condition") or {}) for flow in case.flows.values() for edge in flow["edges"])


def _is_custom(condition: Mapping[str, Any]) -> bool:
    return condition.get("name") == "custom"


def _condition(written: Mapping[str, Any]) -> dict[str, Any]:
    condition = _known(LEAF, written)
    for operator in ("and", "or"):
        if operator in condition:
            condition[operator] = [_condition(part) for part in condition[operator]]
    if "not" in condition:
        condition["not"] = _condition(condition["not"])
    return condition


def _known(section: Section, written: Mapping[str, Any]) -> dict[str, Any]:
    """Without the keys that the configuration does not know: the format says to ignore them."""
    return {key: value for key, value in written.items() if key in section.spellings}
