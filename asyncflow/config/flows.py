"""Flows: their edges, fallbacks, and what is said of some of their nodes."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import orjson

from asyncflow.config.edges import ReadEdge, read_edge
from asyncflow.config.failures import ReadFallback, read_failures
from asyncflow.config.fields import Fields, read_fields, tables_in
from asyncflow.config.flow_sections import EDGE, FLOW
from asyncflow.config.propagation import named_nodes, read_propagation
from asyncflow.config.retries import read_retries, read_throttling
from asyncflow.config.sampling import read_sampling
from asyncflow.config.schemas import check_schema, read_schema
from asyncflow.config.scope import Scope
from asyncflow.config.storages import read_cache
from asyncflow.config.tree import Table
from asyncflow.model.durations import seconds_of
from asyncflow.model.flow import Flow, Node, SubFlow
from asyncflow.model.names import FlowName, Json, NodeName


@dataclass(frozen=True, slots=True)
class Draft:
    """A flow definition whose keys are read, and its edges not yet: those name other flows."""

    name: FlowName
    fields: Fields
    throttling: float | None


@dataclass(frozen=True, slots=True)
class ReadFlow:
    """A flow, with what later checks need to point at."""

    flow: Flow
    fields: Fields
    edges: tuple[ReadEdge, ...]
    fallbacks: tuple[ReadFallback, ...]


def read_draft(table: Table, scope: Scope) -> Draft | None:
    fields = read_fields(FLOW, table, scope.report)
    name = fields.get("name")
    if name is None:
        return None
    return Draft(FlowName(name), fields, read_throttling(fields, scope.report))


def read_flow(draft: Draft, drafts: dict[FlowName, Draft], scope: Scope) -> ReadFlow | None:
    """The flow; None when any part of it is wrong, which is reported."""
    before, fields = len(scope.report.problems), draft.fields
    tables = tables_in(EDGE, fields.get("edges"), scope.report)
    edges = tuple(edge for index, table in enumerate(tables) if (edge := read_edge(index, table, scope)) is not None)
    fallbacks = tuple(read_failures(fields, scope))
    is_complete = not scope.report.has_errors_since(before)
    retries, sampling = read_retries(fields, scope.report), read_sampling(fields, scope)
    queue = scope.expanded(fields, "queue", scope.default_flow_queue)
    node_args_schema = _node_args_schema(fields, scope)
    read_cache(fields, scope)
    names = _names(edges, fallbacks)
    nodes = _nodes(names, drafts, scope)
    if not is_complete or not edges or len(nodes) < len(names):
        return None  # what is said of single nodes cannot be checked
    propagation = read_propagation(fields, edges, fallbacks, scope)
    flow = Flow(
        name=draft.name,
        nodes=nodes,
        edges=tuple(each.edge for each in edges),
        fallbacks=tuple(each.fallback for each in fallbacks),
        nowait=named_nodes(fields, "nowait"),
        eager_failures=_eager(fields, nodes),
        node_args_from_first=fields.get("node_args_from_first", False),
        **propagation,
        retries=retries,
        timeout=seconds_of(fields.get("timeout")),
        throttling=draft.throttling,
        node_args_schema=node_args_schema,
        queue=queue,
        sampling=sampling,
        version=_version(fields),
    )
    return None if scope.report.has_errors_since(before) else ReadFlow(flow, fields, edges, fallbacks)


def _names(edges: tuple[ReadEdge, ...], fallbacks: tuple[ReadFallback, ...]) -> list[NodeName]:
    """The nodes of a flow, each once, in the order that the definition names them."""
    names = [name for read in edges for name in (*read.edge.sources, *read.edge.targets)]
    names += [name for each in fallbacks for name in (*sorted(each.fallback.nodes), *each.fallback.targets)]
    return list(dict.fromkeys(names))


def _nodes(names: list[NodeName], drafts: dict[FlowName, Draft], scope: Scope) -> dict[NodeName, Node]:
    """Those of them that could be read."""
    nodes: dict[NodeName, Node] = {}
    for name in names:
        if name in scope.made_tasks:
            nodes[name] = scope.made_tasks[name]
        elif name in scope.made_waits:
            nodes[name] = scope.made_waits[name]
        elif (draft := drafts.get(FlowName(name))) is not None:
            nodes[name] = SubFlow(name=name, throttling=draft.throttling)
    return nodes


def _eager(fields: Fields, nodes: dict[NodeName, Node]) -> frozenset[NodeName]:
    if fields.get("eager_failures") is True:
        return frozenset(nodes) - named_nodes(fields, "nowait")
    return named_nodes(fields, "eager_failures")


def _node_args_schema(fields: Fields, scope: Scope) -> Json:
    found = fields.get("node_args_schema")
    if found is None:
        return None
    place = fields.key_place("node_args_schema")
    if isinstance(found, str):
        return read_schema(found, fields.place("node_args_schema"), scope.report)
    return check_schema(found, place, scope.report)


def _version(fields: Fields) -> str:
    """A digest of what is written, whatever its layout, comments and order of keys."""
    text = orjson.dumps(fields.table, option=orjson.OPT_SORT_KEYS)
    return blake2b(text, digest_size=6).hexdigest()
