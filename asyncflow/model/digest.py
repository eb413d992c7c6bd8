"""A run of any size in few words: of many nodes of one name, how many stand how, when they ran, and some of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from heapq import nsmallest

from asyncflow.model.history import NodeView, RunView, by_start, head_json, instant, node_json
from asyncflow.model.names import Json, NodeName
from asyncflow.model.spread import spread_json

SLICES = 60
"""Into so many parts of the same length the time of a group is cut."""

_FIRST = {"failed": 0, "retrying": 1, "running": 2, "waiting": 3, "cancelled": 4}
"""Which nodes of a group are told: those in trouble first, then those at work."""


def digest_json(run: RunView, most: int, now: float) -> dict[str, Json]:
    """As `run_json` tells it, but no results, and of each name no more than `most` nodes; `groups` tells of the rest."""
    by_name: dict[NodeName, list[NodeView]] = {}
    for node in run.nodes.values():
        by_name.setdefault(node.name, []).append(node)
    shown: list[NodeView] = []
    groups = []
    for name, nodes in by_name.items():
        if len(nodes) <= most:
            shown += nodes
        else:
            shown += nsmallest(most, nodes, key=_interest)
            groups.append(_group_json(name, nodes, now))
    return {
        **head_json(run),
        "nodes": [node_json(node, None) for node in sorted(shown, key=by_start)],
        "groups": groups,
    }


def _interest(node: NodeView) -> tuple[bool, int, int]:
    return node.handled, _FIRST.get(node.state, 9), node.number


def _group_json(name: NodeName, nodes: Sequence[NodeView], now: float) -> dict[str, Json]:
    begin = min(node.started_at for node in nodes)
    end = max(now if node.ended_at is None else node.ended_at for node in nodes)
    ended = all(node.ended_at is not None for node in nodes)
    return {
        "name": name,
        "kind": nodes[0].kind.value,
        "count": len(nodes),
        "states": dict(Counter(node.state for node in nodes)),
        "handled": sum(node.handled for node in nodes),
        "attempts": sum(node.attempt for node in nodes),
        "started_at": instant(begin),
        "ended_at": instant(end) if ended else None,
        "slices": _slices(nodes, begin, end, now),
        "seconds": spread_json(node.ended_at - node.started_at for node in nodes if node.ended_at is not None),
    }


def _slices(nodes: Sequence[NodeView], begin: float, end: float, now: float) -> list[list[int]]:
    """How many were under way in each part of the time, and how many of those were to fail."""
    scale = SLICES / (end - begin) if end > begin else 0.0
    change = [[0, 0] for _ in range(SLICES + 1)]
    for node in nodes:
        first = min(SLICES - 1, int((node.started_at - begin) * scale))
        last = min(SLICES - 1, int(((now if node.ended_at is None else node.ended_at) - begin) * scale))
        failed = node.state == "failed"
        change[first][0] += 1
        change[last + 1][0] -= 1
        change[first][1] += failed
        change[last + 1][1] -= failed
    slices, all_at_once, failed_at_once = [], 0, 0
    for all_changes, failed_changes in change[:SLICES]:
        all_at_once += all_changes
        failed_at_once += failed_changes
        slices.append([all_at_once, failed_at_once])
    return slices
