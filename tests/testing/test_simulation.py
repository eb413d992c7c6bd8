"""Simulation, as users test their flows with it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from asyncflow.errors import (
    ConfigurationError,
    InvalidNodeArgsError,
    RequestError,
    SelectiveNoPathError,
    UnknownFlowError,
)
from asyncflow.model import facts as f
from asyncflow.model.flow import Selective
from asyncflow.testing import SimulatedRun, Simulation, Status, TaskError

NODES = """
tasks:
  - {name: Fetch, import: app.tasks, queue: web, max_retry: 2, retry_countdown: 60}
  - {name: Parse, celery_task: app.parse, kwargs: {text: results.Fetch.text}}
  - {name: Alarm, import: app.tasks}
"""
FLOWS = """
flow-definitions:
  - name: crawl
    edges:
      - {from: [], to: Fetch}
      - {from: Fetch, to: Parse, condition: {name: fieldEqual, args: {key: status, value: 200}}}
    failures:
      - {nodes: Fetch, fallback: Alarm}
  - name: crawl_all
    propagate_node_args: true
    edges:
      - {from: [], to: crawl, foreach: {import: app.pages, function: pages, propagate_result: false}}
"""
FOUND = {"status": 200, "text": "hello"}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    nodes, flows = tmp_path / "nodes.yaml", tmp_path / "flows.yaml"
    nodes.write_text(NODES)
    flows.write_text(FLOWS)
    return nodes, flows


@pytest.fixture
def sim(files: tuple[Path, Path]) -> Simulation:
    return Simulation.load(*files, functions={"app.pages.pages": lambda pool, node_args: node_args["pages"]})


def names(run: SimulatedRun) -> list[str]:
    return [str(node.name) for node in run.pending]


def mapping(*edges: dict[str, Any], tasks: str = "A B C", **keys: Any) -> dict[str, Any]:
    return {
        "tasks": [{"name": name, "import": "app"} for name in tasks.split()],
        "flow-definitions": [{"name": "main", "edges": list(edges), **keys}],
    }


CHAIN = mapping({"from": [], "to": "A"}, {"from": "A", "to": "B"}, {"from": "B", "to": "C"})
TWINS = mapping({"from": [], "to": ["A", "A", "B"]})


def test_a_flow_is_tested_as_its_user_would_tell_it(sim: Simulation) -> None:
    run = sim.start("crawl", node_args={"url": "http://example.org"})
    (fetch,) = run.pending
    assert (fetch.name, fetch.kind.value, fetch.queue, fetch.countdown, fetch.attempt) == ("Fetch", "task", "web", 0, 1)
    assert (fetch.node_args, fetch.parent, fetch.run) == ({"url": "http://example.org"}, None, run.id)

    sim.fail(fetch.id, error=ConnectionError("refused"))
    (fetch,) = run.pending
    assert (fetch.countdown, fetch.attempt) == (60, 2)
    sim.advance(seconds=60)
    assert run.pending[0].countdown == 0
    sim.succeed(fetch.id, result=FOUND)

    (parse,) = run.pending
    assert parse.parent == {"Fetch": fetch.id}
    assert parse.kwargs == {"text": "hello"}
    sim.succeed(parse.id)
    assert run.status is Status.SUCCEEDED
    assert run.finished == {"Fetch": [fetch.id], "Parse": [parse.id]}
    assert (run.failed, run.error, run.pending) == ({}, None, ())
    assert isinstance(run.facts[-1], f.RunSucceeded)


def test_folders_are_loaded_too(files: tuple[Path, Path]) -> None:
    run = Simulation.load(files[0].parent).start("crawl")
    assert names(run) == ["Fetch"]


def test_every_mistake_of_a_configuration_is_told() -> None:
    broken = mapping({"from": [], "to": "Nowhere"}, {"from": "A", "to": "Nobody"})
    with pytest.raises(ConfigurationError) as caught:
        Simulation(broken)
    assert {"Nowhere", "Nobody"} <= {problem.message.split("`")[1] for problem in caught.value.problems}


# --- Naming nodes -----------------------------------------------------------------------------------------------------


def test_nodes_are_named_by_id_by_node_or_by_a_task_that_is_pending_once() -> None:
    for name in (lambda run: run.pending[0].id, lambda run: run.pending[0], lambda run: "A"):
        sim = Simulation(CHAIN)
        run = sim.start("main")
        sim.succeed(name(run))
        assert names(run) == ["B"]


def test_several_nodes_end_at_once() -> None:
    for way in ("list", "arguments", "mapping", "keywords"):
        sim = Simulation(TWINS)
        run = sim.start("main")
        first, second, b = run.pending
        match way:
            case "list":
                sim.succeed([first, second.id, "B"], result=1)
            case "arguments":
                sim.succeed(first, second, b, result=1)
            case "mapping":
                sim.succeed({first.id: 1, second.id: 1, "B": 1})
            case "keywords":
                sim.succeed([first, second], B=1)
        assert run.status is Status.SUCCEEDED


def test_all_results_are_known_before_the_first_end_is_looked_at() -> None:
    reads_b = {"name": "fieldEqual", "node": "B", "args": {"key": "k", "value": 1}}
    sim = Simulation(mapping({"from": [], "to": ["A", "B"]}, {"from": ["A", "B"], "to": "C", "condition": reads_b}))
    run = sim.start("main")
    sim.succeed(A=None, B={"k": 1})
    assert names(run) == ["C"]


def test_errors_are_told_in_many_ways() -> None:
    class OwnError(Exception):
        pass

    told = {
        "boom": ("Exception", "boom"),
        ValueError("boom"): ("ValueError", "boom"),
        ValueError: ("ValueError", ""),
        OwnError("x"): ("OwnError", "x"),
        TaskError(type="Any", message="thing"): ("Any", "thing"),
        None: ("Exception", "failed by the simulation"),
    }
    for error, (type, message) in told.items():
        sim = Simulation(CHAIN)
        run = sim.start("main")
        (id,) = (node.id for node in run.pending)
        sim.fail(A=error)
        assert run.failed == {"A": [id]}
        (fact,) = (fact for fact in run.facts if isinstance(fact, f.NodeFailed))
        assert (fact.error.type, fact.error.message) == (type, message)


# --- What is refused --------------------------------------------------------------------------------------------------


def test_an_unknown_flow_is_told_with_those_that_are_configured() -> None:
    with pytest.raises(UnknownFlowError, match="'other'; configured flows: main"):
        Simulation(CHAIN).start("other")
    with pytest.raises(UnknownFlowError, match="other"):
        Simulation(CHAIN, opaque=["other"])


def test_an_unknown_node_is_told_with_those_that_are_pending() -> None:
    sim = Simulation(CHAIN)
    with pytest.raises(RequestError, match="no node 'A' is pending; there are: none"):
        sim.succeed("A")
    run = sim.start("main")
    with pytest.raises(RequestError, match=f"no node 'B' is pending; there are: A \\({run.pending[0].id}\\)"):
        sim.fail("B")
    with pytest.raises(RequestError, match="name the nodes to end"):
        sim.succeed()


def test_a_node_that_is_over_is_told_with_what_became_of_it() -> None:
    retried = {**CHAIN, "tasks": [{"name": name, "import": "app", "max_retry": 1} for name in "ABC"]}
    sim = Simulation(retried)
    run = sim.start("main")
    (first,) = run.pending
    sim.fail(first)
    (second,) = run.pending
    with pytest.raises(RequestError, match=f"it has failed, and is tried again as {second.id}"):
        sim.succeed(first)
    sim.succeed(second)
    with pytest.raises(RequestError, match="is not pending: it has succeeded"):
        sim.succeed(second)
    sim.cancel(run)
    with pytest.raises(RequestError, match="no node 'B' is pending"):
        sim.succeed("B")


def test_a_name_that_is_pending_twice_is_told_with_its_ids() -> None:
    sim = Simulation(TWINS)
    run = sim.start("main")
    with pytest.raises(RequestError, match=f"A is pending 2 times; say which by id: {run.pending[0].id}, "):
        sim.succeed("A")


def test_what_json_cannot_say_is_refused_and_changes_nothing() -> None:
    sim = Simulation(CHAIN)
    with pytest.raises(RequestError, match="node_args must be JSON"):
        sim.start("main", {"when": object()})
    run = sim.start("main")
    with pytest.raises(RequestError, match="A must be JSON"):
        sim.succeed(A={1, 2})
    assert names(run) == ["A"]


def test_results_are_copied_when_they_are_told() -> None:
    sim = Simulation(mapping({"from": [], "to": "A"}, {"from": "A", "to": "B"}, node_args_from_first=True))
    run = sim.start("main")
    result = {"k": [1]}
    sim.succeed(A=result)
    result["k"].append(2)
    assert run.pending[0].node_args == {"k": [1]}


def test_node_args_must_fit_the_schema_of_the_flow() -> None:
    sim = Simulation(mapping({"from": [], "to": "A"}, node_args_schema={"type": "object", "required": ["x"]}))
    with pytest.raises(InvalidNodeArgsError, match="x"):
        sim.start("main", {})
    assert names(sim.start("main", {"x": 1})) == ["A"]


def test_a_result_of_a_plain_task_must_fit_its_schema(tmp_path: Path) -> None:
    schema = tmp_path / "number.json"
    schema.write_text(json.dumps({"type": "integer"}))
    nodes = {"tasks": [{"name": "A", "celery_task": "app.a", "output_schema": str(schema)}]}
    sim = Simulation({**mapping({"from": [], "to": "A"}), **nodes})
    run = sim.start("main")
    sim.succeed(A="text")
    assert run.status is Status.FAILED
    assert run.error is not None
    assert "ValidationError" in run.error.message


def test_the_clock_only_moves_on() -> None:
    sim = Simulation(CHAIN, start_at=1000)
    sim.advance(5)
    assert sim.now == 1005
    with pytest.raises(RequestError, match="only moves on"):
        sim.advance(-1)


# --- Sub-flows --------------------------------------------------------------------------------------------------------


def test_sub_flows_run_for_real(sim: Simulation) -> None:
    run = sim.start("crawl_all", {"pages": [1, 2]})
    assert names(run) == ["Fetch", "Fetch"]
    assert [child.flow for child in run.children] == ["crawl", "crawl"]
    first, second = run.pending
    assert first.run == run.children[0].id
    sim.succeed([first, second], result=FOUND)
    sim.succeed([node.id for node in run.pending])
    assert [child.status for child in run.children] == [Status.SUCCEEDED] * 2
    assert run.status is Status.SUCCEEDED


@pytest.mark.parametrize("opaque", [True, ["crawl"]])
def test_opaque_sub_flows_are_ended_by_the_test(files: tuple[Path, Path], opaque: Any) -> None:
    sim = Simulation.load(*files, opaque=opaque, functions={"app.pages.pages": lambda *_: [1]})
    run = sim.start("crawl_all", {"x": 1})
    (node,) = run.pending
    assert (node.name, node.kind.value, node.node_args) == ("crawl", "flow", {"x": 1})
    assert run.children == ()
    sim.succeed(node, result={"finished_nodes": {"Fetch": ["some-id"]}, "failed_nodes": {}})
    assert run.status is Status.SUCCEEDED


def test_an_opaque_flow_can_be_started_itself() -> None:
    assert names(Simulation(CHAIN, opaque=True).start("main")) == ["A"]


# --- Selective runs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "selective",
    [
        "B",
        ["B"],
        {"tasks": ["B"]},
        {"task_names": ["B"], "waiting_edges_subset": {"main": {"0": ["A"], "1": ["B"]}}},
        Selective(tasks=("B",)),  # type: ignore[arg-type]  # a name
        Simulation(CHAIN).select("main", ["B"]),
    ],
    ids=["name", "names", "tasks", "Selinon's words", "Selective", "Selection"],
)
def test_a_selective_run_is_asked_for_in_many_ways(selective: Any) -> None:
    sim = Simulation(CHAIN)
    run = sim.start("main", selective=selective)
    sim.succeed("A")
    sim.succeed("B")
    assert (run.status, set(run.finished)) == (Status.SUCCEEDED, {"A", "B"})


def test_a_selective_run_of_an_unreachable_task_is_refused() -> None:
    with pytest.raises(SelectiveNoPathError):
        Simulation(CHAIN).start("main", selective="Z")


# --- Playing ----------------------------------------------------------------------------------------------------------


def test_play_calls_functions_as_workers_would(sim: Simulation) -> None:
    called = []

    def fetch(node_args: Any) -> Any:
        called.append(node_args)
        return FOUND

    def parse(text: str) -> int:
        called.append(text)
        return len(text)

    run = sim.start("crawl", {"url": "u"})
    sim.play({"Fetch": fetch, "Parse": parse})
    assert called == [{"url": "u"}, "hello"]
    assert run.status is Status.SUCCEEDED


def test_play_takes_results_and_exceptions_too(sim: Simulation) -> None:
    run = sim.start("crawl")
    sim.play({"Fetch": FOUND})
    assert set(run.finished) == {"Fetch", "Parse"}
    for failure in (ConnectionError("refused"), ConnectionError):
        run = sim.start("crawl")
        sim.play({"Fetch": failure})
        assert (run.status, set(run.finished)) == (Status.SUCCEEDED, {"Alarm"})


def test_play_moves_the_clock_where_only_countdowns_are_left(sim: Simulation) -> None:
    tries = []

    def fetch(node_args: Any) -> Any:
        tries.append(sim.now)
        raise ConnectionError("refused")

    sim.start("crawl")
    sim.play({"Fetch": fetch})
    assert tries == [0, 60, 120]


def test_play_waits_for_retries_of_flows() -> None:
    sim = Simulation({**mapping({"from": [], "to": "A"}, max_retry=2, retry_countdown=30)})
    run = sim.start("main")
    sim.play({"A": ValueError})
    assert (run.status, run.attempt, sim.now) == (Status.FAILED, 3, 60)


def test_play_refuses_names_that_no_flow_has(sim: Simulation) -> None:
    with pytest.raises(RequestError, match="no flow has a node Fecth; there are: Alarm, Fetch, Parse, crawl"):
        sim.play({"Fecth": None})
    with pytest.raises(RequestError, match="Fecth"):
        sim.play_random(1, fail={"Fecth": 0.5})


def test_play_gives_up_on_a_flow_that_never_ends() -> None:
    sim = Simulation(mapping({"from": [], "to": "A"}, {"from": "A", "to": "A"}))
    sim.start("main")
    with pytest.raises(RequestError, match="not over after 100 nodes"):
        sim.play(most=100)


def test_play_random_is_the_same_for_the_same_seed() -> None:
    def facts(seed: int) -> tuple[object, ...]:
        sim = Simulation(mapping({"from": [], "to": list("AABBCC")}, failures=[{"nodes": "A", "fallback": "B"}]))
        run = sim.start("main")
        sim.play_random(seed, fail={"A": 0.5, "C": 0.1})
        assert run.status.is_terminal
        return run.facts

    assert facts(7) == facts(7)
    assert len({str(facts(seed)) for seed in range(10)}) > 5


def test_play_random_fails_nodes_at_the_chances_given() -> None:
    sim = Simulation(mapping({"from": [], "to": ["A"] * 300 + ["B"] * 300}, tasks="A B"))
    run = sim.start("main")
    sim.play_random(3, fail={"A": 0.3})
    assert 60 < len(run.failed["A"]) < 120
    assert "B" not in run.failed
    everything = sim.start("main")
    sim.play_random(3, fail=1.0)
    assert everything.finished == {}


def test_ten_thousand_nodes_are_played_in_seconds() -> None:
    edges = ({"from": [], "to": "A", "foreach": {"import": "app", "function": "items"}}, {"from": "A", "to": "B"})
    sim = Simulation(mapping(*edges, tasks="A B"), functions={"app.items": lambda *_: range(5000)})
    run = sim.start("main")
    begun = time.monotonic()
    sim.play(most=20_000)
    assert time.monotonic() - begun < 10
    assert len(run.finished["B"]) == 5000


# --- Looking at runs, going on with them ------------------------------------------------------------------------------


def test_a_run_tells_itself_node_by_node() -> None:
    sim = Simulation(CHAIN)
    run = sim.start("main")
    sim.succeed("A")
    sim.fail("B", error=ValueError("boom"))
    assert [(node.name, node.state) for node in run.view.nodes.values()] == [("A", "succeeded"), ("B", "failed")]
    assert repr(run) == "<run run-1 of main: failed>"


def test_a_run_is_gone_on_with_from_its_facts() -> None:
    first = Simulation(CHAIN)
    run = first.start("main", {"x": 1})
    first.succeed("A")
    second = Simulation(CHAIN)
    again = second.continue_from(run.facts)
    assert again.pending == run.pending
    second.play()
    assert again.status is Status.SUCCEEDED
    assert run.status is Status.RUNNING


def test_only_facts_of_a_whole_run_can_be_gone_on_with() -> None:
    run = Simulation(CHAIN).start("main")
    with pytest.raises(RequestError, match="RunStarted"):
        Simulation(CHAIN).continue_from(run.facts[1:])
    with pytest.raises(UnknownFlowError):
        Simulation(TWINS | {"flow-definitions": [{"name": "other", "edges": [{"from": [], "to": "A"}]}]}).continue_from(
            run.facts
        )


def test_a_result_that_nobody_told_is_asked_for_by_name() -> None:
    sim = Simulation(
        mapping({"from": [], "to": "A", "foreach": {"import": "app", "function": "items"}}),
        functions={"app.items": lambda pool, node_args: pool.get("Before")},
    )
    with pytest.raises(RequestError, match=r"result of Before \(some-id\).*sim.remember\(\{'some-id': ...\}\)"):
        sim.start("main", parent={"Before": "some-id"})
    sim.remember({"some-id": [1, 2]})
    assert names(sim.start("main", parent={"Before": "some-id"})) == ["A", "A"]


def test_functions_are_imported_where_none_stands_for_them() -> None:
    edge = {"from": [], "to": "A", "condition": {"name": "envExist", "args": {"env": "PATH"}}}
    assert names(Simulation(mapping(edge)).start("main")) == ["A"]


def test_predicates_that_the_user_redefines_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "redefining_predicates.py").write_text("def alwaysTrue():\n    return False\n")
    monkeypatch.syspath_prepend(tmp_path)
    edge = {"from": [], "to": "A", "condition": {"name": "alwaysTrue"}}
    own = {"global": {"predicates_module": "redefining_predicates"}}
    assert names(Simulation(mapping(edge)).start("main")) == ["A"]
    assert names(Simulation({**mapping(edge), **own}).start("main")) == []
