"""The flows that faults are tried on: reference flows, whose end does not depend on timing, and random ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from asyncflow.config import load_mapping
from asyncflow.model import flow as model
from asyncflow.model.flow import Configuration
from asyncflow.model.names import Json, TaskId
from asyncflow.predicates import BUILT_INS
from tests.engine.flows import Flow, configured, edge, fallback, foreach, when
from tests.faults.workers import SimulatedWorkers

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "user.items": lambda pool, node_args: [1, 2, 3],
    "user.none": lambda pool, node_args: [],
    "user.reads": lambda pool, node_args: [pool.get("A")],
    "user.signalled": lambda pool, node_args: [pool.get("W")["told"]],
    "user.big": lambda message, least: message is not None and message.get("k", 0) >= least,
    "user.always": lambda: True,
    "user.reuse": lambda flow, task, node_args, requested, pool: None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A flow "main" with what its tasks do, and what the client does meanwhile."""

    flows: Mapping[str, Flow]
    tasks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    fails: Mapping[str, int] = field(default_factory=dict)
    """How many first tries of a task fail."""
    slow: Mapping[str, float] = field(default_factory=dict)
    predicates: bool = False
    selection: Mapping[str, Any] = field(default_factory=dict)
    cancel: float | None = None
    pause: tuple[float, float] | None = None
    signals: Mapping[str, float] = field(default_factory=dict)
    """Events that the client tells of, and when."""

    def outcome(self, workers: SimulatedWorkers, task: str, id: TaskId) -> Json:
        number = workers.try_number(task, id)
        if number <= self.fails.get(task, 0):
            raise ValueError(f"try {number}")
        return {"k": 1, "of": task}

    def duration(self, task: str) -> float:
        return self.slow.get(task, 0.1)


REFERENCES: Mapping[str, Reference] = {
    "chain": Reference(flows={"main": ["-> A", "A -> B", "B -> C"]}),
    "fan-out and join": Reference(flows={"main": ["-> A", "A -> B C D", "B C D -> E"]}),
    "conditions": Reference(
        flows={
            "main": [
                "-> A",
                edge("A -> B", condition=when("fieldEqual", "A", key="k", value=1)),
                edge("A -> C", condition={"not": when("fieldEqual", "A", key="k", value=1)}),
                edge("B -> D", condition=when("fieldExist", "B", key="of")),
            ]
        }
    ),
    "users' predicates": Reference(
        flows={
            "main": [
                "-> A",
                edge("A -> B", condition=when("big", "A", least=1)),
                edge("B -> C", condition=when("always")),
            ]
        },
        predicates=True,
    ),
    "foreach": Reference(
        flows={
            "main": [
                "-> A",
                edge("A -> B", foreach=foreach("items")),
                edge("A -> low", foreach=foreach("reads", propagate_result=True)),
            ],
            "low": ["-> C"],
        }
    ),
    "nested sub-flows": Reference(
        flows={"main": ["-> A", "A -> mid mid", "mid -> B"], "mid": ["-> low", "low -> C"], "low": ["-> D E"]}
    ),
    "recursion": Reference(
        flows={
            "main": {
                "edges": ["-> A", edge("A -> main", condition=when("fieldEqual", "A", key="again", value=True))],
                "propagate_node_args": True,
            }
        }
    ),
    "fallbacks": Reference(
        flows={
            "main": {"edges": ["-> A B", "A B -> C", "D -> E"], "failures": [fallback("A B", "D"), fallback("E", True)]}
        },
        fails={"A": 9, "B": 9, "E": 9},
    ),
    "failing sub-flow": Reference(
        flows={"main": {"edges": ["-> sub", "sub -> B"], "failures": [fallback("sub", "C")]}, "sub": ["-> A"]},
        fails={"A": 9},
    ),
    "eager failure": Reference(
        flows={"main": {"edges": ["-> A B", "B -> C"], "eager_failures": True}}, fails={"A": 9}, slow={"B": 500.0}
    ),
    "flow retry": Reference(
        flows={"main": {"edges": ["-> A", "A -> B"], "max_retry": 2, "retry_countdown": 7}}, fails={"B": 1}
    ),
    "task retries": Reference(
        flows={"main": ["-> A", "A -> B"]},
        tasks={"A": {"max_retry": 3, "retry_countdown": 5}, "B": {"max_retry": 1}},
        fails={"A": 2, "B": 1},
    ),
    "nowait": Reference(flows={"main": {"edges": ["-> A B", "A -> C"], "nowait": ["B"]}}, slow={"B": 90.0}),
    "selective": Reference(
        flows={"main": ["-> A B", "A -> C", "B -> D", "C D -> E"]}, selection={"tasks": ("C",), "run_subsequent": False}
    ),
    "throttled": Reference(
        flows={"main": ["-> A A A", "A -> B"]},
        tasks={"A": {"throttling": {"seconds": 10}}, "B": {"throttling": {"seconds": 3}}},
    ),
    "stored results": Reference(
        flows={"main": ["-> A", edge("A -> B", condition=when("fieldEqual", "A", key="k", value=1)), "A B -> C"]},
        tasks={"A": {"storage": "S"}, "B": {"storage": "S"}},
    ),
    "node timeout": Reference(
        flows={"main": {"edges": ["-> A B", "B -> C"], "failures": [fallback("A", "D")]}},
        tasks={"A": {"timeout": 60}},
        slow={"A": 4000.0},
    ),
    "flow timeout": Reference(
        flows={"main": {"edges": ["-> A sub"], "timeout": 60}, "sub": ["-> B"]}, slow={"A": 900.0, "B": 900.0}
    ),
    "pause and resume": Reference(
        flows={"main": ["-> A sub", "A -> B", "sub -> C"], "sub": ["-> X", "X -> Y"]},
        slow={"A": 30.0, "X": 30.0},
        pause=(10.0, 120.0),
    ),
    "signals": Reference(
        flows={
            "main": [
                "-> A sub",
                edge("A -> W", foreach=foreach("items")),
                edge("W -> B", condition=when("fieldEqual", "W", key="told", value="go")),
                edge("W sub -> D", foreach=foreach("signalled")),
            ],
            "sub": ["-> V", "V -> C"],
        },
        tasks={"W": {"wait": {"event": "go", "timeout": 3000}}, "V": {"wait": {"event": "come"}}},
        signals={"go": 0.1, "go ": 30.0, "come": 40.0, " go": 50.0},
    ),
    "delays and timeouts": Reference(
        flows={"main": {"edges": ["-> D W", "D -> A", "W -> B"], "failures": [fallback("W", "C")]}},
        tasks={"D": {"delay": 30}, "W": {"wait": {"event": "go", "timeout": 20}}},
    ),
    "cancel": Reference(
        flows={"main": ["-> A sub", "A -> B"], "sub": ["-> X", "X -> Y"]}, slow={"A": 900.0, "Y": 900.0}, cancel=60.0
    ),
}


def configuration_of(
    flows: Mapping[str, Flow], tasks: Mapping[str, Mapping[str, Any]], *, predicates: bool = False
) -> Configuration:
    """Plain Celery tasks in one queue, but where `tasks` says "import"."""
    document = configured(flows, tasks, predicates=predicates)
    for task in document["tasks"]:
        if "wait" in task or "delay" in task:
            continue
        if "import" in task and "import" not in tasks.get(task["name"], {}):
            del task["import"]
            task["celery_task"] = f"t.{task['name']}"
        task["queue"] = "q"
    document["storages"] = [
        {"name": "S", "import": "asyncflow.storages.memory", "classname": "MemoryStorage", "configuration": {}}
    ]
    return load_mapping(document, builtins=BUILT_INS, environ={}).configuration


@cache
def reference_configuration(name: str) -> Configuration:
    reference = REFERENCES[name]
    return configuration_of(reference.flows, reference.tasks, predicates=reference.predicates)


# --- random flows -----------------------------------------------------------------------------------------------------

BEFORE, AFTER = "ABCD", "FG"
"""Edges lead on in this order, and fallbacks to the second part: so every run ends."""


def redefined(flow: model.Flow, draw: random.Random, kept: float) -> model.Flow:
    """The same flow with its edges and fallbacks in another order, and some of them left out."""
    edges = [edge for edge in flow.edges if not edge.sources or draw.random() < kept]
    fallbacks = [each for each in flow.fallbacks if draw.random() < kept]
    draw.shuffle(edges)
    draw.shuffle(fallbacks)
    return replace(
        flow,
        edges=tuple(replace(edge, index=index) for index, edge in enumerate(edges)),
        fallbacks=tuple(replace(each, index=index) for index, each in enumerate(fallbacks)),
        version=f"{draw.getrandbits(48):012x}",
    )


def random_configuration(draw: random.Random) -> Configuration:
    names = [*BEFORE[:2], "sub", *BEFORE[2:], *AFTER]
    edges = _edges(draw, names, 5)
    sources = {name for each in edges for name in each["from"]}
    targets = {name for each in edges for name in each["to"] if len(name) == 1}
    idle = sorted(targets - sources)
    main: dict[str, Any] = {
        "edges": edges,
        "failures": _failures(draw, [*BEFORE, "sub"], AFTER),
        "nowait": idle[:1] if idle and draw.random() < 0.3 else [],
        "propagate_finished": draw.random() < 0.5,
        "propagate_node_args": draw.random() < 0.5,
        "propagate_parent": draw.random() < 0.5,
    }
    sub: dict[str, Any] = {"edges": _edges(draw, ["X", "Y", "Z"], 2), "failures": _failures(draw, ["X", "Y"], "Z")}
    for flow in (main, sub):
        if draw.random() < 0.2:
            flow |= {"max_retry": draw.randint(1, 2), "retry_countdown": draw.choice([0, 3])}
        if draw.random() < 0.15:
            flow["eager_failures"] = True
        if draw.random() < 0.1:
            flow["timeout"] = draw.choice([5, 60])
    return configuration_of({"main": main, "sub": sub}, _tasks(draw))


def _tasks(draw: random.Random) -> dict[str, dict[str, Any]]:
    tasks: dict[str, dict[str, Any]] = {}
    for name in [*BEFORE, *AFTER, "X", "Y", "Z"]:
        keys = tasks[name] = {}
        if draw.random() < 0.3:
            keys |= {"max_retry": draw.randint(1, 2), "retry_countdown": draw.choice([0, 0, 4])}
        if draw.random() < 0.4:
            keys["timeout"] = draw.choice([2, 30, 300])
        if draw.random() < 0.3:
            keys["storage"] = "S"
        elif draw.random() < 0.2:
            keys["import"] = "tasks"
        if draw.random() < 0.1:
            keys["throttling"] = {"seconds": draw.choice([1, 20])}
        if draw.random() < 0.1:
            keys["on_lost"] = "fail"
    return tasks


def _edges(draw: random.Random, names: list[str], most: int) -> list[Any]:
    first = draw.choices(names[:3], k=draw.randint(1, 2))
    edges = [edge("-> " + " ".join(first))]
    reached = dict.fromkeys(first)
    for _ in range(draw.randint(1, most)):
        begun = [name for name in reached if name != names[-1]]
        if not begun:
            break
        sources = draw.sample(begun, min(len(begun), draw.choice([1, 1, 2, 3])))
        later = names[max(map(names.index, sources)) + 1 :]
        targets = draw.choices(later, k=draw.choice([1, 1, 2]))
        reached |= dict.fromkeys(targets)
        keys: dict[str, Any] = {}
        tasks = [name for name in sources if len(name) == 1]
        if tasks and draw.random() < 0.3:
            keys["condition"] = when("fieldEqual", draw.choice(tasks), key="k", value=draw.randint(0, 1))
        if draw.random() < 0.25:
            keys["foreach"] = foreach(draw.choice(["items", "none"]))
        edges.append(edge(" ".join(sources) + " -> " + " ".join(targets), **keys))
    return edges


def _failures(draw: random.Random, names: list[str], targets: str) -> list[dict[str, Any]]:
    found = []
    for _ in range(draw.choice([0, 1, 1, 2])):
        nodes = draw.sample(names, draw.randint(1, 2))
        found.append(
            fallback(" ".join(nodes), draw.choice([True, " ".join(draw.choices(targets, k=draw.randint(1, 2)))]))
        )
    return found
