"""What holds for every flow and every order in which its nodes end."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any
from zlib import crc32

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from asyncflow.dispatcher.runs import folded
from asyncflow.model import facts as f
from asyncflow.model import journal
from asyncflow.model.commands import PublishTask
from asyncflow.model.events import AttemptFailed, AttemptSucceeded, ChildRunEnded
from asyncflow.model.run import Run, TaskError
from asyncflow.ports import Entry
from asyncflow.testing import PendingNode, SimulatedRun, Simulation
from tests.engine.flows import edge, simulated, when

BEFORE, AFTER = "ABCDE", "FGH"
"""Edges lead on in this order, and fallbacks to the second part: so every run ends."""
MOST = 150
"""Nodes of a run: joins multiply, and a few large runs show nothing that many small ones do not."""

properties = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


@st.composite
def edges_among(draw: st.DrawFn, names: list[str], most: int) -> list[Any]:
    first = draw(st.lists(st.sampled_from(names[:3]), min_size=1, max_size=3))
    edges = [edge("-> " + " ".join(first))]
    reached = dict.fromkeys(first)
    for _ in range(draw(st.integers(0, most))):
        begun = [name for name in reached if name != names[-1]]
        if not begun:
            break
        sources = draw(st.lists(st.sampled_from(begun), min_size=1, max_size=3, unique=True))
        later = names[max(map(names.index, sources)) + 1 :]
        targets = draw(st.lists(st.sampled_from(later), min_size=1, max_size=2))
        reached |= dict.fromkeys(targets)
        keys: dict[str, Any] = {}
        tasks = [name for name in sources if len(name) == 1]
        if tasks and draw(st.integers(0, 3)) == 0:
            keys["condition"] = when("fieldEqual", draw(st.sampled_from(tasks)), key="k", value=draw(st.integers(0, 1)))
        if draw(st.integers(0, 5)) == 0:
            keys["foreach"] = {"function": "items", "import": "user"}
        edges.append(edge(" ".join(sources) + " -> " + " ".join(targets), **keys))
    return edges


@st.composite
def failures_among(draw: st.DrawFn, names: list[str], targets: list[str]) -> list[dict[str, Any]]:
    sets = draw(st.lists(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True), max_size=3))
    return [
        {
            "nodes": nodes,
            "fallback": draw(st.one_of(st.just(True), st.lists(st.sampled_from(targets), min_size=1, max_size=2))),
        }
        for nodes in sets
    ]


@st.composite
def flows(draw: st.DrawFn) -> dict[str, Any]:
    names = [*BEFORE[:2], "sub", *BEFORE[2:], *AFTER]
    main_edges = draw(edges_among(names, 5))
    sources = {name for each in main_edges for name in each["from"]}
    targets = {name for each in main_edges for name in each["to"] if len(name) == 1}
    idle = sorted(targets - sources)
    main = {
        "edges": main_edges,
        "failures": draw(failures_among([*BEFORE, "sub"], list(AFTER))),
        "nowait": draw(st.lists(st.sampled_from(idle), max_size=1)) if idle else [],
        "propagate_finished": draw(st.booleans()),
        "propagate_node_args": draw(st.booleans()),
        "propagate_parent": draw(st.booleans()),
    }
    sub = {"edges": draw(edges_among(["X", "Y", "Z"], 2)), "failures": draw(failures_among(["X", "Y"], ["Z"]))}
    return {"main": main, "sub": sub}


def simulation_of(configuration: dict[str, Any]) -> Simulation:
    return simulated(
        configuration,
        {"A": {"max_retry": 1}, "X": {"max_retry": 2}},
        functions={"items": lambda *_: [1, 2]},
    )


class Identities:
    """What a node is, whatever its id: its name, what started it, and what that was told of."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}
        self._seen: Counter[str] = Counter()

    def learn(self, run: SimulatedRun, within: str = "") -> None:
        """Look at what was started since the last time."""
        for fact in run.facts[self._seen[run.id] :]:
            match fact:
                case f.NodeStarted():
                    self._of[fact.id] = f"{within}/{fact.name}({self._origin(fact)})"
                case f.AttemptRetried():
                    self._of[fact.next_id] = self._of[fact.id]
        self._seen[run.id] = len(run.facts)
        for child in run.children:
            self.learn(child, self._of[child.id])

    def of(self, id: str) -> str:
        return self._of[id]

    def _origin(self, fact: f.NodeStarted) -> str:
        if fact.fallback is not None:  # which of several failed instances it handles depends on their order
            return f"fallback {fact.fallback}"
        return f"edge {fact.edge}, {self._told(fact.parent)}"

    def _told(self, parent: Any) -> str:
        if isinstance(parent, dict):
            return "{" + ", ".join(f"{name}: {self._told(inside)}" for name, inside in sorted(parent.items())) + "}"
        if isinstance(parent, list):
            return str(sorted(self._told(id) for id in parent))
        return self._of.get(parent, str(parent))


def family(run: SimulatedRun) -> Iterator[SimulatedRun]:
    yield run
    for child in run.children:
        yield from family(child)


def starts_of(run: SimulatedRun, identities: Identities) -> Counter[str]:
    facts = (fact for each in family(run) for fact in each.facts)
    return Counter(identities.of(fact.id) for fact in facts if isinstance(fact, f.NodeStarted))


def end(sim: Simulation, node: PendingNode, identity: str, seed: int) -> None:
    """The same node always ends in the same way."""
    drawn = crc32(f"{seed} {identity} {node.attempt}".encode())
    if drawn % 4 == 0:
        sim.fail(node)
    else:
        sim.succeed(node, result={"k": drawn // 4 % 2})


def played(configuration: dict[str, Any], seed: int, order: random.Random | None) -> tuple[SimulatedRun, Identities]:
    """A run to its end; without `order` the nodes end in the order of their starts."""
    sim, identities = simulation_of(configuration), Identities()
    run = sim.start("main", {"x": 1})
    ended = 0
    while nodes := run.pending:
        identities.learn(run)
        ended += 1
        assume(ended + len(nodes) < MOST)
        node = order.choice(nodes) if order else nodes[0]
        end(sim, node, identities.of(node.id), seed)
    identities.learn(run)
    return run, identities


seeds = st.integers(0, 2**32)


@properties
@given(flows(), seeds, seeds)
def test_the_order_of_independent_ends_does_not_change_what_is_started(
    configuration: dict[str, Any], seed: int, order: int
) -> None:
    run, identities = played(configuration, seed, None)
    other, others = played(configuration, seed, random.Random(order))
    assert starts_of(run, identities) == starts_of(other, others)
    assert run.status is other.status


@properties
@given(flows(), seeds, seeds)
def test_folding_the_facts_gives_the_same_run_also_after_they_were_written_and_read(
    configuration: dict[str, Any], seed: int, order: int
) -> None:
    run, _ = played(configuration, seed, random.Random(order))
    for each in family(run):
        read = [
            Entry(version=entry.version, at=entry.at, facts=journal.decode(journal.encode(entry.facts)))
            for entry in each.journal
        ]
        assert [entry.facts for entry in read] == [entry.facts for entry in each.journal]
        assert folded(read).run == folded(each.journal).run == state_of(each)


def state_of(run: SimulatedRun) -> Run:
    """The run as the rules left it, not folded anew."""
    return run._run


@properties
@given(flows(), seeds, seeds)
def test_no_node_starts_twice_and_none_ends_twice(configuration: dict[str, Any], seed: int, order: int) -> None:
    run, _ = played(configuration, seed, random.Random(order))
    facts = [fact for each in family(run) for fact in each.facts]
    attempts = [fact.id for fact in facts if isinstance(fact, f.NodeStarted)]
    attempts += [fact.next_id for fact in facts if isinstance(fact, f.AttemptRetried)]
    ends = [fact.id for fact in facts if isinstance(fact, (f.NodeSucceeded, f.NodeFailed, f.AttemptRetried))]
    assert len(attempts) == len(set(attempts))
    assert len(ends) == len(set(ends))
    assert set(ends) == set(attempts)


@properties
@given(flows(), seeds, seeds)
def test_every_end_that_is_told_again_decides_nothing(configuration: dict[str, Any], seed: int, order: int) -> None:
    sim, identities, drawn = simulation_of(configuration), Identities(), random.Random(order)
    run = sim.start("main", {"x": 1})
    for _ in range(MOST):
        nodes = run.pending
        if not nodes:
            break
        identities.learn(run)
        node = drawn.choice(nodes)
        end(sim, node, identities.of(node.id), seed)
        before = [each.facts for each in family(run)]
        sim.deliver(AttemptSucceeded(at=sim.now, run_id=node.run, id=node.id))
        sim.deliver(AttemptFailed(at=sim.now, run_id=node.run, id=node.id, error=TaskError(type="Late")))
        for child in run.children:
            if child.status.is_terminal:
                sim.deliver(ChildRunEnded(at=sim.now, run_id=run.id, id=child.id))  # type: ignore[arg-type]  # its node's id
        assert [each.facts for each in family(run)] == before


@properties
@given(flows(), seeds, seeds)
def test_a_run_can_be_gone_on_with_from_its_facts_at_any_point(
    configuration: dict[str, Any], seed: int, order: int
) -> None:
    """Only where no sub-flow is active: its run is not among the facts of its parent."""
    drawn = random.Random(order)
    sim, identities = simulation_of(configuration), Identities()
    run = sim.start("main", {"x": 1})
    for _ in range(drawn.randrange(10)):
        if nodes := run.pending:
            identities.learn(run)
            node = drawn.choice(nodes)
            end(sim, node, identities.of(node.id), seed)
    assume(all(child.status.is_terminal for child in run.children))
    again = simulation_of(configuration)
    again.remember({id: {"k": crc32(f"{seed} {identities.of(id)} 1".encode()) // 4 % 2} for id in known_ids(run)})
    resumed = again.continue_from(run.facts)
    assert [(n.id, n.name, n.node_args, n.parent, n.attempt) for n in resumed.pending] == [
        (n.id, n.name, n.node_args, n.parent, n.attempt) for n in sorted(run.pending, key=lambda n: number_of(run, n))
    ]


def known_ids(run: SimulatedRun) -> list[str]:
    return [id for ids in run.finished.values() for id in ids]


def number_of(run: SimulatedRun, node: PendingNode) -> int:
    return state_of(run).active[node.id].number


def test_the_orders_given_to_workers_bear_the_ids_of_the_nodes() -> None:
    sim = simulated({"main": ["-> A A"]})
    run = sim.start("main")
    orders = list(sim._world.orders.values())
    assert all(isinstance(order, PublishTask) for order in orders)
    assert [order.id for order in orders] == [fact.id for fact in run.facts if isinstance(fact, f.NodeStarted)]
