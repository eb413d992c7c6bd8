"""What a retry keeps of a run, and what it runs again."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any
from zlib import crc32

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from asyncflow.engine.keeping import kept_of
from asyncflow.errors import RequestError
from asyncflow.model import facts as f
from asyncflow.model import journal
from asyncflow.model.events import RunRequested
from asyncflow.model.names import RunId
from asyncflow.testing import SimulatedRun, Simulation
from tests.engine.flows import edge, simulated, when
from tests.engine.test_properties import MOST, family, flows, properties, seeds, simulation_of

FORK = {"main": ["-> A", "A -> B C", "B C -> D"]}


def names(run: SimulatedRun) -> list[str]:
    return [node.name for node in run.pending]


def reused(run: SimulatedRun) -> list[str]:
    return [fact.name for each in family(run) for fact in each.facts if isinstance(fact, f.NodeReused)]


def test_what_failed_runs_again_and_what_succeeded_stands() -> None:
    sim = simulated(FORK)
    run = sim.start("main", {"x": 1})
    for name in "AB":
        sim.succeed(name)
    sim.fail("C")
    again = sim.retry(run)
    assert (names(again), reused(again), again.node_args) == (["C"], ["A", "B"], {"x": 1})
    sim.succeed("C")
    [joined] = again.pending
    assert joined.parent == {"B": run.finished["B"][0], "C": again.finished["C"][0]}
    sim.succeed("D")
    assert again.status.value == "succeeded"
    assert run.status.value == "failed"


def test_a_node_runs_again_with_all_that_follows_it() -> None:
    sim = simulated(FORK)
    run = sim.start("main")
    for name in "ABCD":
        sim.succeed(name)
    again = sim.retry(run, "B")
    assert (names(again), reused(again)) == (["B"], ["A", "C"])
    sim.succeed("B")
    assert names(again) == ["D"]


def test_of_a_retry_there_can_be_another() -> None:
    sim = simulated(FORK)
    first = sim.start("main")
    for name in "AB":
        sim.succeed(name)
    sim.fail("C")
    second = sim.retry(first)
    sim.fail("C")
    third = sim.retry(second)
    assert (names(third), reused(third)) == (["C"], ["A", "B"])
    labels = third.facts[0].labels  # type: ignore[union-attr]  # RunStarted
    assert labels == {"retry_of": second.id, "first_run": first.id}


def test_of_a_fan_out_only_the_items_that_failed_run_again_whatever_their_order() -> None:
    items = [["a", "b", "c"], ["d", "c", "b", "a"]]
    each = {"function": "items", "import": "user"}
    sim = simulated(
        {"main": [edge("-> A", foreach=each, node_args="item"), "A -> B"]}, functions={"items": lambda *_: items.pop(0)}
    )
    run = sim.start("main")
    done, failing, other = run.pending
    sim.succeed(other)
    sim.fail(failing)
    sim.succeed(done)
    for node in run.pending:
        sim.succeed(node)
    again = sim.retry(run)
    assert [(node.name, node.node_args) for node in again.pending] == [("A", "d"), ("A", "b")]
    assert reused(again) == ["A", "A", "B", "B"]


def test_inside_a_sub_flow_only_what_failed_runs_again() -> None:
    sim = simulated({"main": ["-> sub", "sub -> Z"], "sub": ["-> X Y"]})
    run = sim.start("main")
    sim.succeed("X")
    sim.fail("Y")
    again = sim.retry(run)
    assert (names(again), reused(again)) == (["Y"], ["X"])
    sim.succeed("Y")
    assert names(again) == ["Z"]


def test_a_sub_flow_that_succeeded_is_kept_whole_with_its_report() -> None:
    sim = simulated(
        {"main": {"edges": [edge("-> sub"), edge("sub -> Z")], "propagate_finished": True}, "sub": ["-> X"]}
    )
    run = sim.start("main")
    sim.succeed("X")
    told = run.pending[0].parent
    sim.fail("Z")
    again = sim.retry(run)
    assert (again.pending[0].parent, reused(again), again.children) == (told, ["sub"], ())
    inside = sim.retry(run, "X")
    assert [node.name for child in inside.children for node in child.pending] == ["X"]


def test_conditions_read_the_results_that_stand() -> None:
    sim = simulated({"main": ["-> A", edge("A -> B", condition=when("fieldEqual", "A", key="k", value=1))]})
    run = sim.start("main")
    sim.succeed("A", result={"k": 1})
    sim.fail("B")
    assert names(sim.retry(run)) == ["B"]


def test_the_first_result_becomes_the_node_args_again() -> None:
    sim = simulated({"main": {"edges": [edge("-> A"), edge("A -> B")], "node_args_from_first": True}})
    run = sim.start("main", {"x": 1})
    sim.succeed("A", result={"y": 2})
    sim.fail("B")
    assert sim.retry(run).pending[0].node_args == {"y": 2}


def test_a_changed_flow_keeps_what_it_still_starts_after_the_same() -> None:
    sim = simulated({"main": ["-> A", "A -> B", "B -> C"]})
    run = sim.start("main")
    sim.succeed("A")
    sim.succeed("B")
    sim.fail("C")
    again_id = RunId("again")
    changed = simulated({"main": ["-> A N", "A -> B", "A B -> C"]})
    survey = kept_of({run.id: run.facts}, run.id, frozenset())  # type: ignore[dict-item]  # a sequence of facts
    changed.deliver(RunRequested(at=0.0, run_id=again_id, flow=run.flow, root_id=again_id, kept=survey.kept))
    again = SimulatedRun(changed._world, again_id)
    assert (sorted(names(again)), reused(again)) == (["C", "N"], ["A", "B"])


@pytest.mark.parametrize(
    ("again", "said"),
    [
        (["Q"], "run run-1 has started no Q; the nodes that it has started: A, B, C, D"),
        ([], "run run-1 has succeeded; name a node from which it shall run again"),
    ],
)
def test_what_cannot_be_retried_is_said(again: list[str], said: str) -> None:
    sim = simulated(FORK)
    run = sim.start("main")
    for name in "ABCD":
        sim.succeed(name)
    with pytest.raises(RequestError, match=said):
        sim.retry(run, *again)


def test_a_run_that_is_not_over_is_not_retried() -> None:
    sim = simulated(FORK)
    run = sim.start("main")
    with pytest.raises(RequestError, match="is not over"):
        sim.retry(run)


# --- Any flow ---------------------------------------------------------------------------------------------------------


class Identities:
    """What an instance is, whatever its id: its name, and that of those after which it was started."""

    def __init__(self, known: Identities | None = None) -> None:
        self.of: dict[str, str] = {} if known is None else dict(known.of)

    def learn(self, run: SimulatedRun, within: str = "") -> Counter[str]:
        """Everything that was started or reused, counted."""
        seen: Counter[str] = Counter()
        sources: Any = {}
        for fact in run.facts:
            match fact:
                case f.EdgeFired():
                    sources = fact.sources
                case f.NodeStarted():
                    origin = sources if fact.fallback is None else f"fallback {fact.fallback}"
                    seen[self._name(fact.id, fact.name, within, origin)] += 1
                case f.NodeReused():
                    seen[self._name(fact.id, fact.name, within, fact.sources)] += 1
                case f.AttemptRetried():
                    self.of[fact.next_id] = self.of[fact.id]
        for child in run.children:
            seen += self.learn(child, self.of[child.id])
        return seen

    def _name(self, id: str, name: str, within: str, origin: Any) -> str:
        told = origin if isinstance(origin, str) else sorted(self.of[source] for source in origin.values())
        identity = f"{within}/{name}({told})"
        assert self.of.setdefault(id, identity) == identity, "what stands for an instance was such a one"
        return identity


def play(
    sim: Simulation, run: SimulatedRun, identities: Identities, seed: int, fails: Callable[[str], bool]
) -> Counter[str]:
    """Play to the end; the same instance has the same result wherever it succeeds."""
    for _ in range(MOST):
        seen = identities.learn(run)
        if not (nodes := [node for each in family(run) for node in each.pending]):
            return seen
        node = random.Random(seed).choice(nodes)
        identity = identities.of[node.id]
        if fails(identity):
            sim.fail(node)
        else:
            sim.succeed(node, result={"k": crc32(f"{seed} {identity}".encode()) // 4 % 2})
    assume(False)
    raise AssertionError


@properties
@given(flows(), seeds, st.sets(st.sampled_from("ABCXY"), max_size=2))
def test_a_retry_does_what_the_run_would_have_done_without_doing_again_what_it_did(
    configuration: dict[str, Any], seed: int, again: set[str]
) -> None:
    sim, identities = simulation_of(configuration), Identities()
    run = sim.start("main", {"x": 1})
    play(sim, run, identities, seed, lambda identity: crc32(f"{seed} {identity}".encode()) % 3 == 0)
    journals = {each.id: each.facts for each in family(run)}
    survey = kept_of(journals, run.id, frozenset(again))  # type: ignore[arg-type]  # names are texts
    wanted = again & survey.names
    assume(wanted or run.status.value == "failed")
    retried = sim.retry(run, *wanted)
    did = play(sim, retried, identities, seed, lambda _: False)

    inside, handled = inside_of_kept(retried, identities)
    fresh = simulation_of(configuration)
    reference = play(fresh, fresh.start("main", {"x": 1}), Identities(), seed, lambda identity: identity in handled)
    assert did + inside == reference
    stood = reused(retried)
    assert Counter(stood).total() == survey.reused.total()
    assert not wanted & set(stood)
    for each in family(retried):
        assert [journal.decode(journal.encode(entry.facts)) for entry in each.journal] == [
            entry.facts for entry in each.journal
        ]


def inside_of_kept(run: SimulatedRun, identities: Identities) -> tuple[Counter[str], set[str]]:
    """What ran inside the sub-flows that were kept whole, and what failed there, and was handled."""
    ran: Counter[str] = Counter()
    handled: set[str] = set()
    for fact in run.facts:
        if isinstance(fact, f.NodeReused) and fact.kind.value == "flow":
            child = SimulatedRun(run._world, fact.id)  # type: ignore[arg-type]  # a node's id
            ran += identities.learn(child, identities.of[fact.id])
            handled |= {identities.of[each.id] for each in child.facts if isinstance(each, f.NodeFailed)}
    return ran, handled


def test_a_paused_retry_keeps_what_its_held_sub_flows_had_done() -> None:
    flows = {
        "main": ["-> sub"],
        "sub": {"edges": [edge("-> inner")], "throttling": {"seconds": 60}},
        "inner": ["-> X", "X -> Y"],
    }
    sim = simulated(flows)
    run = sim.start("main")
    sim.succeed("X")
    sim.fail("Y")
    again = sim.retry(run)
    sim.pause(again)
    sim.advance(60)
    assert names(again) == []
    sim.resume(again)
    assert (names(again), reused(again)) == (["Y"], ["X"])
