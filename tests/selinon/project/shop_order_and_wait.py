"""Starts a flow on asyncflow, and prints how Selinon's names tell it."""

import json
import sys

import shop_moved  # noqa: F401
from selinon import FlowError, UnknownFlowError, run_flow

flow, node_args = sys.argv[1], json.loads(sys.argv[2])
told = {}
try:
    result = run_flow(flow, node_args)
    told["id"] = result.id
    told["result"] = result.get(timeout=30)
except (FlowError, UnknownFlowError) as exc:
    told["error"] = type(exc).__name__
    told["failed"] = sorted(exc.state["failed_nodes"]) if isinstance(exc, FlowError) else None
if "id" in told:
    told["state"], told["ready"] = result.state, result.ready()
print(json.dumps(told))  # noqa: T201
