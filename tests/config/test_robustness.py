"""Whatever stands in a configuration, it is loaded or refused: nothing else is raised."""

from copy import deepcopy

from hypothesis import given, settings
from hypothesis import strategies as st

from asyncflow.config import load_mapping, render
from asyncflow.errors import ConfigurationError, Severity
from asyncflow.predicates import BUILT_INS

WHOLE = {
    "tasks": [
        {"name": "A", "import": "m", "storage": "S", "max_retry": 3, "queue": "{Q}", "throttling": {"seconds": 1}},
        {"name": "B", "celery_task": "m.b", "args": ["results.A.x", {"value": 1}], "kwargs": {"k": "node_args"}},
        {"name": "C", "import": "m", "selective_run_function": {"name": "f", "import": "m"}, "timeout": "1h"},
    ],
    "storages": [{"name": "S", "import": "m", "configuration": {"a": 1}, "cache": {"name": "LRU"}}],
    "flows": ["f", "g"],
    "global": {"trace": [{"logging": True, "storage": {"name": "S"}}], "default_task_queue": "q"},
    "flow-definitions": [
        {
            "name": "f",
            "edges": [
                {"from": None, "to": ["A", "g"]},
                {"from": "A", "to": "B", "condition": {"name": "fieldEqual", "args": {"key": "k", "value": 1}}},
                {"from": ["A", "B"], "to": "C", "join": {"at_least": 1}, "condition": {"expr": "results.A.x > 1"}},
                {"from": "A", "to": "g", "foreach": {"function": "f", "import": "m", "propagate_result": True}},
                {"from": "C", "to": "g", "selective": {"tasks": ["C"]}, "node_args": {"a": {"from": "C"}}},
                {"from": "g", "to": "C", "condition": {"and": [{"not": {"name": "isNone", "node": "g", "task": "C"}}]}},
            ],
            "failures": [{"nodes": ["A"], "fallback": ["B"], "condition": {"name": "argsIsDict"}}],
            "propagate_finished": ["g"],
            "sampling": {"name": "constant", "args": {"retry": 2}},
        },
        {"name": "g", "edges": [{"from": [], "to": "C"}], "nowait": ["C"], "node_args_schema": {"type": "object"}},
    ],
}

words = st.sampled_from(["", "A", "g", "f", "name", "{Q}", "{", "isNone", "results.A", "from", "1h", "true", "any"])
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), words),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(words, st.sampled_from(["to", "node", "task", "and", "expr", "value"])), inner, max_size=3
        ),
    ),
    max_leaves=4,
)


def places_in(value: object, path: tuple = ()):
    if path:
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places_in(inner, (*path, key))


PLACES = list(places_in(WHOLE))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), anything), min_size=1, max_size=3))
def test_a_configuration_with_anything_anywhere_is_loaded_or_refused(changes: list) -> None:
    changed = deepcopy(WHOLE)
    for path, value in changes:
        here = changed
        try:
            for key in path[:-1]:
                here = here[key]
            here[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    error = refusal_of(changed)
    if error is not None:
        assert any(problem.severity is Severity.ERROR for problem in error.problems)
        assert render(error.problems, error.sources)


def refusal_of(mapping: dict) -> ConfigurationError | None:
    try:
        load_mapping(mapping, builtins=BUILT_INS, environ={"Q": "q"})
    except ConfigurationError as error:
        return error
    return None
