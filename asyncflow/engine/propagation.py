"""What nodes are told of their sources, and what a child run reports of what happened inside it.

A tree is {task: [ids], flow: tree}: what finished, or failed, in a run and its sub-flows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from asyncflow.engine.step import Sources
from asyncflow.model.flow import Flow, SubFlow
from asyncflow.model.names import Json, NodeName, TaskId
from asyncflow.model.run import Ids, Run, TaskError

Tree = Mapping[str, Json]


def parent_of(flow: Flow, run: Run, sources: Sources) -> dict[str, Json]:
    """The parent that an edge's targets get: ids of tasks, and trees of the sub-flows that propagate (R11, R19)."""
    parent: dict[str, Json] = {}
    for name, id in sources.items():
        if not isinstance(flow.nodes[name], SubFlow):
            parent[name] = id
        elif name in flow.propagate_finished:
            parent[name] = _reported(run, id, "finished")
        elif name in flow.propagate_compound_finished:
            parent[name] = flattened(_reported(run, id, "finished"))
    return parent


def failed_parent_of(flow: Flow, run: Run, failed: Sources) -> dict[str, Json]:
    """The parent that fallbacks get: ids of the failed tasks, and trees of failed sub-flows that propagate."""
    parent: dict[str, Json] = {}
    for name, id in failed.items():
        if not isinstance(flow.nodes[name], SubFlow):
            parent[name] = id
        elif name in flow.propagate_failures:
            parent[name] = _reported(run, id, "failed")
        elif name in flow.propagate_compound_failures:
            parent[name] = flattened(_reported(run, id, "failed"))
    return parent


def errors_of(run: Run, parent: Tree | None) -> dict[str, Json] | None:
    """Why the tasks in a fallback's parent failed, by id."""
    errors: dict[str, Json] = {id: _told(run.errors[id]) for id in _ids_in(parent) if id in run.errors}
    return errors or None


def _ids_in(parent: Json) -> Iterator[TaskId]:
    """Every id in a parent or a tree, at any depth."""
    match parent:
        case str():
            yield TaskId(parent)
        case list():
            yield from parent
        case Mapping():
            for inside in parent.values():
                yield from _ids_in(inside)


def _told(error: TaskError) -> dict[str, Json]:
    """Without the traceback, which nobody can raise again."""
    return {"type": error.type, "message": error.message, "module": error.module}


def report_of(flow: Flow, run: Run) -> dict[str, Json]:
    """What an ended run tells its parent run, when that wants to know."""
    failed = _tree(flow, run, run.failed, "failed")
    report: dict[str, Json] = {"finished": _tree(flow, run, run.finished, "finished"), "failed": failed}
    errors = errors_of(run, failed)
    return report if errors is None else {**report, "errors": errors}


def flattened(tree: Tree) -> dict[str, list[TaskId]]:
    """Every task of a tree with all its ids, whatever the depth."""
    flat: dict[str, list[TaskId]] = {}
    for name, inside in tree.items():
        tasks = flattened(inside) if isinstance(inside, Mapping) else {name: inside}
        for task, ids in tasks.items():
            flat.setdefault(task, []).extend(ids)
    return flat


def instances_of(run: Run, child: TaskId, task: NodeName) -> list[TaskId]:
    """The ids of a task that finished inside an ended child run, at any depth."""
    return flattened(_reported(run, child, "finished")).get(task, [])


def _reported(run: Run, child: TaskId, what: str) -> Tree:
    tree: Tree = run.reports_of.get(child, {}).get(what, {})
    return tree


def _tree(flow: Flow, run: Run, names: Mapping[NodeName, Ids], what: str) -> dict[str, Json]:
    """Tasks before sub-flows, by name: the names come in any order, and lists put together must not."""
    tree: dict[str, Json] = {}
    flows = []
    for name, ids in sorted(names.items()):
        if _is_flow(flow, run, name, ids):
            flows.append((name, ids))
        else:
            tree[name] = list(ids)
    for name, ids in flows:
        tree[name] = merged_trees(_reported(run, id, what) for id in ids)
    return tree


def _is_flow(flow: Flow, run: Run, name: NodeName, ids: Ids) -> bool:
    """The flow may have lost the node since: then what its child run has reported tells."""
    node = flow.nodes.get(name)
    return isinstance(node, SubFlow) if node is not None else any(id in run.reports_of for id in ids)


def merged_trees(trees: Iterable[Tree]) -> dict[str, Json]:
    """Instances of the same sub-flow become one tree."""
    merged: dict[str, Json] = {}
    for tree in trees:
        for name, inside in tree.items():
            if name not in merged:  # as it is: trees of flows that start themselves can be very deep
                merged[name] = inside
            elif isinstance(inside, Mapping):
                merged[name] = merged_trees([merged[name], inside])
            else:
                merged[name] = [*merged[name], *inside]
    return merged
