"""Flows: their names, what they take, their drawings."""

from __future__ import annotations

from starlette.responses import Response

from asyncflow import drawing
from asyncflow.errors import UnknownFlowError
from asyncflow.model.condition import ALWAYS
from asyncflow.model.flow import Delay, Flow, Node, SubFlow, Task, Wait
from asyncflow.model.names import FlowName, Json
from asyncflow.web.answers import answer
from asyncflow.web.endpoint import Call
from asyncflow.web.site import Site

DRAWING_MEDIA = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "json": "application/json",
    "dot": "text/vnd.graphviz",
    "mermaid": "text/plain",
}
_ALONE = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
"""A drawing that is opened by itself may use its own style, and nothing else."""


async def list_flows(site: Site, call: Call) -> Response:
    return answer({"flows": [_flow_json(flow) for flow in site.configuration.flows.values()]})


async def list_schedules(site: Site, call: Call) -> Response:
    return answer({"schedules": await site.client.schedules()})


async def show_flow(site: Site, call: Call) -> Response:
    return answer({"flow": _flow_json(flow_of(site, call.path("flow")))})


async def draw_flow(site: Site, call: Call) -> Response:
    flow = flow_of(site, call.path("flow"))
    expand = call.query["expand"]
    if call.query["format"] == "svg":
        return drawn(site.gallery.svg(flow.name, expand, {} if call.query["counted"] else None), "svg")
    format = call.query["format"]
    return drawn(drawing.draw(site.configuration, flow.name, format=format, expand=expand), format)


def drawn(content: str | bytes, format: str) -> Response:
    return Response(content, media_type=DRAWING_MEDIA[format], headers=_ALONE)


def flow_of(site: Site, name: str) -> Flow:
    """Raises UnknownFlowError."""
    flow = site.configuration.flows.get(FlowName(name))
    if flow is None:
        raise UnknownFlowError(name, tuple(site.configuration.flows))
    return flow


def _flow_json(flow: Flow) -> Json:
    return {
        "name": flow.name,
        "version": flow.version,
        "nodes": [_node_json(node) for node in flow.nodes.values()],
        "edges": [
            {
                "index": edge.index,
                "from": list(edge.sources),
                "to": list(edge.targets),
                "condition": "" if edge.condition == ALWAYS else str(edge.condition),
            }
            for edge in flow.edges
        ],
        "fallbacks": [{"index": one.index, "of": sorted(one.nodes), "to": list(one.targets)} for one in flow.fallbacks],
        "node_args_schema": flow.node_args_schema,
    }


def _node_json(node: Node) -> Json:
    match node:
        case Task():
            return {"name": node.name, "kind": "task", "queue": node.queue, "storage": node.storage}
        case SubFlow():
            return {"name": node.name, "kind": "flow"}
        case Wait():
            told = {"event": node.event, "timeout": node.timeout, "schema": node.schema}
            return {"name": node.name, "kind": "wait", **told}
        case Delay():
            return {"name": node.name, "kind": "delay"}
