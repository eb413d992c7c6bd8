"""Flows for tests: written short, made up by hypothesis, and the real ones."""

import string
from collections.abc import Iterator
from pathlib import Path

from hypothesis import strategies as st

from asyncflow.config import check, load_mapping
from asyncflow.model.condition import ALWAYS, And, Function, Not, Or, Predicate
from asyncflow.model.flow import Configuration, Edge, Fallback, Flow, Foreach, SubFlow, Task, TaskKind
from asyncflow.predicates import BUILT_INS

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
DOCS = CORPUS / "selinon-docs"
PROJECTS = [
    *(CORPUS / name for name in ("thoth", "demo", "demo-worker")),
    *sorted(DOCS.glob("*.yaml")),
    *sorted((DOCS / "migrations" / "migration_dirs" / "_configuration").glob("ver_*")),
    *sorted((DOCS / "migrations" / "input").glob("*/*")),
]
DINNER = ROOT / "examples" / "dinner"


def read(path: Path) -> Configuration:
    return check([path], builtins=BUILT_INS, environ={}).or_raise().configuration


def made(flows: dict[str, dict], *, tasks: dict[str, dict] | None = None, storages=()) -> Configuration:
    """A configuration of flows; every name that they use and do not define is a task."""
    named = [
        name
        for flow in flows.values()
        for edge in (
            *flow["edges"],
            *({"from": entry["nodes"], "to": entry["fallback"]} for entry in flow.get("failures", ())),
        )
        for side in (edge["from"], edge["to"])
        for name in ([side] if isinstance(side, str) else side if isinstance(side, list) else [])
    ]
    known = {name: {} for name in named if name not in flows} | (tasks or {})
    mapping = {
        "tasks": [{"name": name, "import": "tasks"} | keys for name, keys in known.items()],
        "flows": list(flows),
        "flow-definitions": [{"name": name} | keys for name, keys in flows.items()],
    }
    if storages:
        mapping["storages"] = [{"name": name, "import": "s", "configuration": {"a": 1}} for name in storages]
    return load_mapping(mapping, builtins=BUILT_INS, environ={}).configuration


EVERYTHING = made(
    {
        "main": {
            "nowait": ["Last"],
            "edges": [
                {"from": None, "to": "First"},
                {
                    "from": "First",
                    "to": ["A", "B"],
                    "condition": {"name": "fieldEqual", "args": {"key": "k", "value": 1}},
                },
                {"from": ["A", "B"], "to": "Both"},
                {"from": ["A", "B"], "to": "Either", "join": "any"},
                {"from": "Both", "to": "sub", "foreach": {"import": "f", "function": "items"}},
                {"from": "Either", "to": ["C", "C"]},
                {"from": "Either", "to": "First", "condition": {"name": "fieldExist", "args": {"key": "again"}}},
                {"from": "C", "to": "C", "condition": {"name": "fieldExist", "args": {"key": "more"}}},
                {"from": "sub", "to": "Last"},
            ],
            "failures": [
                {"nodes": ["A", "B", "Both", "Either", "First", "sub"], "fallback": ["Mend"]},
                {"nodes": "Both", "fallback": "Mend", "condition": {"name": "argsFieldExist", "args": {"key": "m"}}},
                {"nodes": "C", "fallback": True},
            ],
        },
        "sub": {"edges": [{"from": None, "to": "S"}, {"from": "S", "to": "main"}]},
    },
    tasks={"A": {"storage": "Box"}},
    storages=["Box"],
)
"""One of each thing that a drawing can show."""


# --- Made up ----------------------------------------------------------------------------------------------------------

_names = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=45).map(lambda tail: f"N{tail}")
_values = st.one_of(st.text(max_size=60), st.integers(), st.none(), st.lists(st.integers(), max_size=3))
_leaves = st.builds(
    lambda name, key, value: Predicate(name=name, args={"key": key, "value": value}),
    st.sampled_from(["fieldEqual", "argsFieldGreater"]),
    st.text(max_size=30),
    _values,
)
_conditions = st.one_of(
    st.just(ALWAYS),
    st.recursive(
        _leaves,
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.lists(inner, min_size=1, max_size=4).map(lambda parts: And(tuple(parts))),
            st.lists(inner, min_size=1, max_size=4).map(lambda parts: Or(tuple(parts))),
        ),
        max_leaves=5,
    ),
)
_foreach = st.sampled_from([None, None, Foreach(function=Function(module="m", name="iterate_over_many_things"))])


@st.composite
def configurations(draw, most_nodes: int = 10) -> Configuration:
    """Two flows of any shape, also those that no checked configuration has; `main` starts `inner`, and itself."""
    names = draw(st.lists(_names, min_size=1, max_size=most_nodes, unique=True))
    storages = st.sampled_from([None, None, "Storage", "AStorageWithALongName"])
    tasks = {
        name: Task(name=name, kind=TaskKind.FLOW, module="m", classname=name, storage=draw(storages)) for name in names
    }
    subflows = {name: SubFlow(name=name) for name in ("main", "inner")}
    flows = {}
    for flow in ("main", "inner"):
        nodes = {**tasks, **subflows}
        flows[flow] = draw(_flow(flow, nodes))
    return Configuration(tasks=tasks, flows=flows)


@st.composite
def _flow(draw, name: str, nodes: dict) -> Flow:
    some = st.sampled_from(sorted(nodes))
    edges = draw(
        st.lists(
            st.tuples(
                st.lists(some, max_size=3, unique=True), st.lists(some, min_size=1, max_size=3), _conditions, _foreach
            ),
            min_size=1,
            max_size=12,
        )
    )
    fallbacks = draw(
        st.lists(
            st.tuples(st.frozensets(some, min_size=1, max_size=3), st.lists(some, max_size=2), _conditions), max_size=3
        )
    )
    used = {each for sources, targets, *_ in edges for each in (*sources, *targets)}
    return Flow(
        name=name,
        nodes={each: node for each, node in nodes.items() if each in used},
        edges=tuple(
            Edge(index=index, sources=tuple(sources), targets=tuple(targets), condition=condition, foreach=foreach)
            for index, (sources, targets, condition, foreach) in enumerate(edges)
        ),
        fallbacks=tuple(
            Fallback(index=index, nodes=failed, targets=tuple(targets), condition=condition)
            for index, (failed, targets, condition) in enumerate(fallbacks)
        ),
        nowait=draw(st.frozensets(some, max_size=2)),
    )


def large(count: int) -> Configuration:
    """Stages of ten nodes, each after some of the stage before, with conditions, joins, ways back and fallbacks."""
    names = [f"Task{number:03}" for number in range(count)]
    edges: list[Edge] = []
    for number, name in enumerate(names):
        condition = Predicate(name="fieldEqual", args={"key": "n", "value": number}) if number % 3 == 0 else ALWAYS
        sources = [] if number < 10 else [names[number - 10]]
        if number >= 10 and number % 4 == 0:
            sources.append(names[number - 10 - number % 10 + (number * 7) % 10])
        edges.append(
            Edge(index=len(edges), sources=tuple(dict.fromkeys(sources)), targets=(name,), condition=condition)
        )
    for number in range(40, count, 37):
        loop = Predicate(name="fieldExist", args={"key": "again"})
        edges.append(Edge(index=len(edges), sources=(names[number],), targets=(names[number - 30],), condition=loop))
    fallbacks = tuple(
        Fallback(index=index, nodes=frozenset({names[number]}), targets=(names[(number + 11) % count],))
        for index, number in enumerate(range(5, count, 29))
    )
    tasks = {name: Task(name=name, kind=TaskKind.FLOW, module="m", classname=name) for name in names}
    return Configuration(
        tasks=tasks, flows={"large": Flow(name="large", nodes=tasks, edges=tuple(edges), fallbacks=fallbacks)}
    )


def subsets(configuration: Configuration) -> Iterator[tuple[str, int]]:
    """Every flow, folded and unfolded."""
    for name in configuration.flows:
        yield name, 0
        yield name, 9
