"""Facts survive being written and read, whatever values are in them."""

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from immutables import Map

from asyncflow.model import facts as facts_module
from asyncflow.model import journal, jsontext
from asyncflow.model.facts import NodeArgsReplaced, NodeStarted, NodeSucceeded, RunFailed, RunStarted
from asyncflow.model.run import NodeKind, Selection, TaskError, Whereabouts

texts = st.text(st.characters(codec=None))  # lone surrogates too: file names in tracebacks have them
integers = (
    st.integers() | st.integers(-(2**80), 2**80) | st.sampled_from([2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1])
)
numbers = integers | st.floats(allow_nan=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))  # also those within other values
st.register_type_strategy(
    Selection,
    st.builds(
        Selection,
        tasks=st.lists(texts, max_size=3).map(tuple),
        edges=st.dictionaries(
            texts, st.dictionaries(st.integers(0, 99), st.lists(texts, max_size=3).map(tuple), max_size=3)
        ),
    ),
)


def strategy(hint: object) -> st.SearchStrategy[object]:
    """Values of a field, with JSON of every kind where the field takes JSON."""
    if hint is typing.Any:
        return values
    if hint is str or getattr(hint, "__supertype__", None) is str:
        return texts
    if hint is int:
        return integers
    if hint is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    arguments = typing.get_args(hint)
    if type(None) in arguments:
        return st.none() | strategy(next(one for one in arguments if one is not type(None)))
    if typing.get_origin(hint) is tuple:
        return st.lists(strategy(arguments[0]), max_size=4).map(tuple)
    if arguments:
        return st.dictionaries(strategy(arguments[0]), strategy(arguments[1]), max_size=4)
    if hint is TaskError:
        return st.builds(TaskError, type=texts, message=texts, module=texts, traceback=texts)
    return st.from_type(hint)


def facts_of(record: type) -> st.SearchStrategy[object]:
    hints = typing.get_type_hints(record)
    return st.builds(record, **{name: strategy(hint) for name, hint in hints.items()})


@pytest.mark.parametrize("record", typing.get_args(facts_module.Fact), ids=lambda record: record.__name__)
def test_every_fact_comes_back_equal(record):
    @given(st.lists(facts_of(record), min_size=1, max_size=3).map(tuple))
    def check(facts):
        assert journal.decode(journal.encode(facts)) == facts

    check()


@given(values | st.floats())
def test_every_value_comes_back_with_its_type(value):
    assert repr(jsontext.loads(jsontext.dumps(value))) == repr(value)


@pytest.mark.parametrize("integer", [2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**300])
def test_big_integers_keep_every_digit(integer):
    (fact,) = journal.decode(journal.encode([NodeArgsReplaced(node_args=[integer])]))
    assert fact.node_args == [integer]
    assert type(fact.node_args[0]) is int


def test_deep_nesting_comes_back():
    deep = None
    for _ in range(500):
        deep = [deep]
    (fact,) = journal.decode(journal.encode([NodeArgsReplaced(node_args=deep)]))
    assert fact.node_args == deep


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")], ids=str)
def test_numbers_that_json_lacks_do_not_become_null(number):
    node_args = {"bare": number, "inner": [None, Map(deep=({"list": [number]},))]}
    (fact,) = journal.decode(journal.encode([NodeArgsReplaced(node_args=node_args)]))
    assert repr(fact.node_args["bare"]) == repr(number)
    assert repr(fact.node_args["inner"]) == f"[None, {{'deep': [{{'list': [{number!r}]}}]}}]"


def test_text_that_says_null_is_written_as_fast_as_ever():
    assert jsontext.dumps(["null", None, 1.5]) == b'["null",null,1.5]'


def test_any_mapping_is_written_as_an_object():
    facts = [NodeArgsReplaced(node_args={"inner": Map(a=Map(b=2**70))})]
    assert journal.decode(journal.encode(facts)) == (NodeArgsReplaced(node_args={"inner": {"a": {"b": 2**70}}}),)


def test_numbered_edges_are_numbers_again_beside_a_big_integer():
    selection = Selection(tasks=("a",), edges={"f": {1: ("a", "b")}})
    fact = RunStarted(run_id="r", flow="f", version="1", root_id="r", node_args=2**70, selection=selection)
    assert journal.decode(journal.encode([fact])) == (fact,)


def test_what_json_cannot_say_is_refused():
    with pytest.raises(TypeError, match="JSON has no set"):
        journal.encode([NodeArgsReplaced(node_args={1, 2})])


def test_what_refers_to_itself_is_refused():
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(TypeError, match="JSON cannot say"):
        journal.encode([NodeArgsReplaced(node_args=endless)])


def test_a_field_that_an_older_version_did_not_write_has_its_default():
    raw = b'[["NodeStarted",{"id":"t1","name":"BakePie","number":1,"kind":"task"}]]'
    assert journal.decode(raw) == (NodeStarted(id="t1", name="BakePie", number=1, kind=NodeKind.TASK),)


def test_where_an_attempt_was_is_a_record_again_and_costs_nothing_where_it_is_not_known():
    facts = (NodeSucceeded(id="t1", where=Whereabouts(worker="w", since=1.5)), NodeSucceeded(id="t2"))
    raw = journal.encode(facts)
    assert journal.decode(raw) == facts
    assert b'["NodeSucceeded",{"id":"t2"}]' in raw


def test_errors_are_records_again():
    fact = RunFailed(error=TaskError(type="ValueError", message="burnt"))
    assert journal.decode(journal.encode([fact])) == (fact,)
