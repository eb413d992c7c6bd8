"""A snapshot is the run that it was taken of, and the rest of the journal follows from it as from the whole."""

import random
import typing
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from immutables import Map

from asyncflow.engine import evolve
from asyncflow.model import facts as f
from asyncflow.model import journal, jsontext, snapshot
from asyncflow.model.run import Active, Ids, NodeKind, ParentNode, Run, Selection, Signal, Status, TaskError

texts = st.text(max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
counts = st.integers(0, 2**40)
reports = st.dictionaries(texts, json_values, max_size=3)
errors = st.builds(TaskError, type=texts, message=texts, module=texts, traceback=texts)
ids = st.lists(texts.filter(bool), max_size=4).map(Ids.of)


def maps(keys, values):
    return st.dictionaries(keys, values, max_size=3).map(Map)


active = st.builds(
    Active,
    name=texts,
    number=counts,
    kind=st.sampled_from(NodeKind),
    attempt=counts,
    failures=counts,
    waited=st.booleans(),
    parent=st.none() | reports,
    node_args=json_values,
    own_args=st.booleans(),
    edge=st.none() | counts,
    fallback=st.none() | counts,
)
selections = st.builds(
    Selection,
    tasks=st.lists(texts, max_size=3).map(tuple),
    edges=st.dictionaries(
        texts, st.dictionaries(counts, st.lists(texts, max_size=2).map(tuple), max_size=2), max_size=2
    ),
)
OF_FIELDS = {
    **dict.fromkeys(("id", "flow", "version", "root_id"), texts),
    "parent_node": st.none() | st.builds(ParentNode, run_id=texts, id=texts),
    "status": st.sampled_from(Status),
    "started_at": st.floats(allow_nan=False),
    "ended_at": st.none() | st.floats(allow_nan=False),
    **dict.fromkeys(("node_args", "first_node_args"), json_values),
    "parent": st.none() | reports,
    "selection": st.none() | selections,
    **dict.fromkeys(("attempt", "number", "waited"), counts),
    "active": maps(texts, active),
    **dict.fromkeys(("finished", "failed"), maps(texts, ids)),
    "held": ids,
    "reports_of": maps(texts, reports),
    "errors": maps(texts, errors),
    **dict.fromkeys(("met", "triggered"), maps(counts, counts)),
    **dict.fromkeys(("reports", "must_fail", "restarting"), st.booleans()),
    "labels": st.dictionaries(texts, texts, max_size=3),
    "error": st.none() | errors,
    "kept": st.none() | st.just({"A": ["t1"]}),
    "priority": st.none() | counts,
    "signals": st.sampled_from([(), (Signal(event="go", key="1", payload={"by": ["Ada"]}, at=1.5),)]),
    "signal_marks": st.sampled_from([(), ("go 1", "go 2")]),
}


def test_no_field_of_a_run_is_forgotten_here():
    assert set(OF_FIELDS) == {field.name for field in fields(Run)}


@given(st.builds(Run, **OF_FIELDS))
def test_any_run_comes_back_equal(run):
    back = snapshot.decode(snapshot.encode(run))
    assert back == run
    assert {name: type(value) for name, value in vars(back).items()} == {
        name: type(value) for name, value in vars(run).items()
    }


def play(seed, length):
    """Facts that follow from each other, as an engine could decide them."""
    draw = random.Random(seed)
    facts = [f.RunStarted(run_id="r", flow="dinner", version="1", root_id="r", node_args={"n": 1.5}, labels={"a": "b"})]
    run = evolve(None, facts[0], 0.0)
    while len(facts) < length:
        fact = draw_fact(draw, run)
        facts.append(fact)
        run = evolve(run, fact, float(len(facts)))
    return facts


def draw_fact(draw, run):
    here = sorted(run.active)
    id = f"t{run.number + 1}"
    name = f"Node{draw.randrange(5)}"
    kind = draw.choice(list(NodeKind))
    new = f.NodeStarted(
        id=id, name=name, number=run.number + 1, kind=kind, waited=draw.random() < 0.8, parent={"A": "t1"}, edge=2
    )
    if not here or draw.random() < 0.3:
        return new
    one = draw.choice(here)
    report = {"finished": {"X": ["x1"]}} if draw.random() < 0.3 else None
    failed = sorted(run.failed)
    choices = [
        new,
        f.NodeSucceeded(id=one, report=report),
        f.NodeFailed(id=one, error=TaskError(type="KeyError", message=one), report=report),
        f.AttemptRetried(id=one, next_id=f"{one}+", error=TaskError(type="E"), due=3.0, counts=draw.random() < 0.5),
        f.NodeCancelled(id=one),
        f.SourceMet(edge=draw.randrange(4)),
        f.EdgeFired(edge=draw.randrange(4)),
        f.NodeArgsReplaced(node_args=[draw.random(), None]),
        f.NodeReused(id=f"old{id}", name=name, edge=1),
        f.RunMigrated(version=f"v{run.number}", edges={2: draw.choice([None, 3]), 0: 1}, fallbacks={0: 4}, met={1: 2}),
        f.NodeReleased(id=one, name=name, event="go", key=str(draw.randrange(9))),
        f.SignalKept(event="go", key=str(draw.randrange(9)), payload={"n": draw.random()}),
        f.SignalPassed(event="go", key=str(draw.randrange(9)), run_id="child"),
    ]
    if failed:
        handled = {failed[0]: list(run.failed[failed[0]])[-1]}
        choices.append(f.FallbackStarted(fallbacks=(0,), handled=handled, must_fail=draw.random() < 0.2))
    if draw.random() < 0.05:
        choices = [f.RunRetried(attempt=run.attempt + 1, due=9.0, error=TaskError(type="E")), f.RunPaused()]
    if run.restarting or run.status is Status.PAUSED:
        return f.RunRestarted() if run.restarting else f.RunResumed()
    return draw.choice(choices)


@pytest.mark.parametrize("seed", range(20))
def test_the_rest_of_a_journal_gives_the_same_run_from_a_snapshot_as_from_the_beginning(seed):
    facts = play(seed, 120)
    run = None
    states = []
    for at, fact in enumerate(facts):
        run = evolve(run, fact, float(at))
        states.append(snapshot.encode(run))
    for cut in range(0, len(facts), 7):
        again = snapshot.decode(states[cut])
        for at in range(cut + 1, len(facts)):
            (fact,) = journal.decode(journal.encode([facts[at]]))
            again = evolve(again, fact, float(at))
        assert again == run


def test_a_snapshot_of_another_form_is_not_read():
    state = jsontext.dumps({"form": 0, "run": {"id": "r"}})
    assert snapshot.decode(state) is None


def test_snapshots_grow_rarer_as_runs_grow():
    small = Run(id="r", flow="f", version="1", root_id="r", number=10)
    large = Run(id="r", flow="f", version="1", root_id="r", number=10_000)
    assert [snapshot.is_due(small, entries) for entries in (0, 199, 200)] == [False, False, True]
    assert [snapshot.is_due(large, entries) for entries in (200, 999, 1000)] == [False, False, True]


def test_every_fact_that_changes_a_run_was_played():
    played = {type(fact) for seed in range(20) for fact in play(seed, 120)}
    ends = {f.RunSucceeded, f.RunFailed, f.RunCancelled, f.RunDelayed}
    silent = {f.EdgeNotFired, f.EdgeOmitted, f.FallbackNotStarted}
    assert played == set(typing.get_args(f.Fact)) - ends - silent
