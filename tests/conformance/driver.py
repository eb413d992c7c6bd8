"""Drives a simulation through a case: plays the workers, and compares after each step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from asyncflow.errors import SelectiveNoPathError
from asyncflow.model.facts import NodeStarted
from asyncflow.testing import SimulatedRun, Simulation, Status
from tests.conformance.cases import Case, configuration_of
from tests.conformance.comparison import (
    DifferenceError,
    Labels,
    Started,
    check,
    counts_by_name,
    essence,
    exact,
    ids_by_name,
    subset_text,
)
from tests.conformance.states import beginning, facts_of_state
from tests.conformance.stubs import Stubs


def drive(case: Case) -> None:
    """Raises DifferenceError at the first difference."""
    driver = Driver(case)
    for number, vector in enumerate(case.selective_vectors):
        driver.check_selection(number, vector)
    for number, step in enumerate(case.steps):
        try:
            driver.take(step)
        except DifferenceError as exc:
            raise DifferenceError(f"step {number}: {exc}") from None


class DrivenRun:
    """A run of one of the case's flows, with what has not reached it yet."""

    def __init__(self, run: SimulatedRun) -> None:
        self.run = run
        self.seen = 0
        """Facts that were looked at in earlier steps."""
        self.events: list[Mapping[str, Any]] = []
        """What happened to its nodes since it was last looked at: a case may tell that in a step of another flow."""
        self.state: Any = None

    def drain(self) -> list[Started]:
        facts = self.run.facts[self.seen :]
        self.seen += len(facts)
        pending = {node.id: node for node in self.run.pending}
        return [
            Started(pending[fact.id], by_fallback=fact.fallback is not None)
            for fact in facts
            if isinstance(fact, NodeStarted)
        ]


class Driver:
    def __init__(self, case: Case) -> None:
        self._flows = case.flows
        self._stubs = Stubs(case.flows, case.reused)
        # Sub-flows are instances that wait for their events; where a case runs them too, it does so by itself.
        self._simulation = Simulation(configuration_of(case), opaque=True, functions=self._stubs.functions)
        self._labels = Labels()
        self._runs: list[DrivenRun] = []
        self._owner_of: dict[str, DrivenRun] = {}

    def check_selection(self, number: int, vector: Mapping[str, Any]) -> None:
        options = {key: vector[key] for key in ("follow_subflows", "run_subsequent") if key in vector}
        found: str | None = None
        try:
            selection = self._simulation.select(vector["flow"], vector["task_names"], **options)
            found = subset_text(selection.edges)
        except SelectiveNoPathError:
            pass
        raises = None if found is not None else "SelectiveNoPathError"
        check(f"selective vector {number}: raises", vector.get("raises"), raises)
        if found is not None:
            check(f"selective vector {number}", subset_text(vector["waiting_edges_subset"]), found)

    def take(self, step: Mapping[str, Any]) -> None:
        expect = step["expect"]
        self._stubs.begin(expect.get("evaluations", ()))
        self._remember(step["events"])
        driven = self._run_of(step)
        self._tell_owners(step["events"])
        self._deliver(driven)
        if self._stubs.surprises:
            raise DifferenceError(f"nothing is recorded for {', '.join(self._stubs.surprises)}")
        self._compare(expect, driven)

    def _remember(self, events: list[Mapping[str, Any]]) -> None:
        """All results are known before any end is told."""
        for event in events:
            id = self._labels.id_of(event["node"]) or event["node"]
            if "result" in event and event.get("state") != "failed":
                self._simulation.remember({id: event["result"]})

    def _tell_owners(self, events: list[Mapping[str, Any]]) -> None:
        """Each node ends once, though older files may tell of it twice."""
        told = {event["node"]: event for event in events if "result" in event}
        for node in dict.fromkeys(event["node"] for event in events if "state" in event):
            owner = self._owner_of.get(node)
            if owner is not None:
                state = next(event["state"] for event in events if event["node"] == node and "state" in event)
                owner.events.append({"node": node, "result": None, **told.get(node, {}), "state": state})

    def _run_of(self, step: Mapping[str, Any]) -> DrivenRun:
        """The run that a step is about: a new one without a state, else the latest of the flow in that state."""
        given = step["input"]
        if given.get("state") is not None:
            mine = [driven for driven in reversed(self._runs) if driven.run.flow == step["flow"]]
            same = [driven for driven in mine if driven.state == essence(given["state"])]
            return same[0] if same else self._put_into(given, step["flow"], mine[0] if mine else None)
        selective = given.get("selective")
        run = self._simulation.start(step["flow"], given.get("node_args"), given.get("parent"), selective)
        self._runs.append(DrivenRun(run))
        return self._runs[-1]

    def _put_into(self, given: Mapping[str, Any], flow: str, driven: DrivenRun | None) -> DrivenRun:
        """A run in a state that it did not reach by itself here."""
        history = driven.run.facts if driven else beginning(f"given-{len(self._runs)}", flow, given)
        facts = facts_of_state(
            history, given, self._flows[flow], frozenset(self._flows), lambda label: self._labels.id_of(label) or label
        )
        run = self._simulation.continue_from(facts)
        if driven is None:
            driven = DrivenRun(run)
            self._runs.append(driven)
        driven.seen = len(facts)
        self._owner_of.update((node["id"], driven) for node in given["state"]["active_nodes"])
        for node in given["state"]["active_nodes"]:
            self._labels.learn(node["id"], self._labels.id_of(node["id"]) or node["id"])
        return driven

    def _deliver(self, driven: DrivenRun) -> None:
        for event in driven.events:
            id = self._labels.id_of(event["node"])
            assert id is not None, "only nodes that were started have an owner"
            if event["state"] == "finished":
                self._simulation.succeed(id, result=event["result"])
            else:
                error = event["result"] or {}
                self._simulation.fail(id, error=error, report=_report_in(error))
        driven.events.clear()

    def _compare(self, expect: Mapping[str, Any], driven: DrivenRun) -> None:
        run = driven.run
        started = driven.drain()
        self._labels.bind(expect["started"], started)
        for entry in expect["started"]:
            self._owner_of[entry["node"]] = driven
        failed = run.error.type if run.status is Status.FAILED and run.error else None
        check("raises", expect.get("raises"), failed)
        if failed is not None:
            if "error_state" in expect:
                self._compare_ends(expect["error_state"], run)
            return
        check("flow_finished", expect["flow_finished"], run.status is Status.SUCCEEDED)
        if "node_args" in expect:
            check("node_args of the flow", exact(expect["node_args"]), exact(run.node_args))
        driven.state = essence(expect.get("state"))
        if "state" in expect:
            self._compare_state(expect["state"], run)

    def _compare_state(self, state: Mapping[str, Any], run: SimulatedRun) -> None:
        active = sorted((str(node.name), self._labels.label_of(node.id)) for node in run.pending if node.waited)
        expected = sorted((node["name"], node["id"]) for node in state["active_nodes"])
        check("active_nodes", exact(expected), exact(active))
        self._compare_ends(state, run)

    def _compare_ends(self, state: Mapping[str, Any], run: SimulatedRun) -> None:
        finished = ids_by_name(run.finished, self._labels.label_of)
        check("finished_nodes", ids_by_name(state["finished_nodes"], str), finished)
        check("failed_nodes", counts_by_name(state["failed_nodes"]), counts_by_name(run.failed))


def _report_in(error: Mapping[str, Any]) -> Any:
    """What a failed sub-flow reports stands as JSON text in its exception."""
    args = error.get("args") or [None]
    if error.get("exception") != "FlowError" or not isinstance(args[0], str):
        return None
    try:
        return json.loads(args[0])
    except ValueError:
        return None
