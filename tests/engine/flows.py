"""Flows written briefly, for tests: "A B -> C D" is an edge, "-> A" a starting one; names that are no flows are tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from asyncflow.testing import SimulatedRun, Simulation

MODULE = "user"
"""Where predicates, foreach and selective run functions of tests seem to stand."""

Edge = str | dict[str, Any]
Flow = list[Edge] | dict[str, Any]


def edge(arrow: str, **keys: Any) -> dict[str, Any]:
    sources, targets = arrow.split("->")
    return {"from": sources.split(), "to": targets.split(), **keys}


def when(name: str, node: str | None = None, **args: Any) -> dict[str, Any]:
    condition: dict[str, Any] = {"name": name}
    if node is not None:
        condition["node"] = node
    return {**condition, "args": args} if args else condition


def foreach(function: str = "items", *, propagate_result: bool = False) -> dict[str, Any]:
    return {"function": function, "import": MODULE, "propagate_result": propagate_result}


def fallback(nodes: str, targets: str | bool, **keys: Any) -> dict[str, Any]:
    return {"nodes": nodes.split(), "fallback": targets if targets is True else str(targets).split(), **keys}


def configured(
    flows: Mapping[str, Flow], tasks: Mapping[str, Mapping[str, Any]] | None = None, *, predicates: bool = False
) -> dict[str, Any]:
    """A configuration; `tasks` adds keys to tasks, `predicates` says that conditions name the user's."""
    definitions = [_definition(name, flow) for name, flow in flows.items()]
    names = {name for flow in definitions for name in _names_in(flow)} - set(flows)
    given = tasks or {}
    return {
        "global": {"predicates_module": MODULE} if predicates else {},
        "tasks": [
            {
                "name": name,
                **({} if {"celery_task", "wait", "delay"} & set(given.get(name, {})) else {"import": "tasks"}),
                **given.get(name, {}),
            }
            for name in sorted(names)
        ],
        "flow-definitions": definitions,
    }


def simulated(
    flows: Mapping[str, Flow],
    tasks: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    predicates: bool = False,
    opaque: Any = (),
) -> Simulation:
    named = {f"{MODULE}.{name}": function for name, function in (functions or {}).items()}
    return Simulation(configured(flows, tasks, predicates=predicates), functions=named, opaque=opaque)


def started(
    *edges: Edge,
    node_args: Any = None,
    tasks: Mapping[str, Mapping[str, Any]] | None = None,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    predicates: bool = False,
    **keys: Any,
) -> tuple[Simulation, SimulatedRun]:
    """A run of a flow of these edges, with these keys; nothing in it has ended yet."""
    simulation = simulated({"main": {"edges": list(edges), **keys}}, tasks, functions=functions, predicates=predicates)
    return simulation, simulation.start("main", node_args)


def pending(run: SimulatedRun) -> list[str]:
    """The names of the pending nodes, in the order of their starts."""
    return [str(node.name) for node in run.pending]


def one(run: SimulatedRun, name: str) -> Any:
    """The pending node of that name; there must be exactly one."""
    (node,) = (node for node in run.pending if node.name == name)
    return node


def ids(run: SimulatedRun, name: str) -> list[str]:
    return [str(node.id) for node in run.pending if node.name == name]


def facts_of(run: SimulatedRun, kind: type) -> list[Any]:
    return [fact for fact in run.facts if isinstance(fact, kind)]


def _definition(name: str, flow: Flow) -> dict[str, Any]:
    keys = {"edges": flow} if isinstance(flow, list) else flow
    edges = [edge(each) if isinstance(each, str) else each for each in keys["edges"]]
    return {**keys, "name": name, "edges": edges}


def _names_in(flow: Mapping[str, Any]) -> set[str]:
    names = {name for each in flow["edges"] for name in (*each["from"], *each["to"])}
    for failure in flow.get("failures", ()):
        names.update(failure["nodes"])
        names.update(failure["fallback"] if isinstance(failure["fallback"], list) else ())
    return names
