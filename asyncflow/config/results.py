"""What conditions and templates read: whether there is such a result."""

from __future__ import annotations

from collections.abc import Mapping

from asyncflow.config.conditions import Asked
from asyncflow.config.flows import ReadFlow
from asyncflow.config.known import KnownFlows
from asyncflow.config.report import did_you_mean
from asyncflow.config.scope import Scope
from asyncflow.config.tree import place_in
from asyncflow.errors import Place
from asyncflow.model.condition import Expression, Predicate
from asyncflow.model.names import FlowName


def check_results(flows: Mapping[FlowName, ReadFlow], known: KnownFlows, scope: Scope) -> None:
    sources_of: dict[str, set[str]] = {}
    started_first: set[str] = set()
    for read in flows.values():
        for each in read.edges:
            edge = each.edge
            for asked in each.asked:
                _check_asked(asked, edge.sources, known, scope)
            for node_args_read in each.reads:
                _check_readable(node_args_read.name, node_args_read.place, known, scope)
            for target in edge.targets:
                if target in scope.task_reads:
                    sources_of.setdefault(target, set()).update(edge.sources)
                    if not edge.sources:
                        started_first.add(target)
    for task, reads in scope.task_reads.items():
        for what in reads:
            if not scope.check_node(what.name, what.place):
                continue
            if what.name in scope.flows:
                hint = "a flow has no result; read that of a task"
                scope.report.add("F316", f"`{what.name}` is a flow", what.place, hint=hint)
            elif task in sources_of and task not in started_first and what.name not in sources_of[task]:
                message = f"`{task}` reads the result of `{what.name}`, but no edge leads from there"
                hint = f"it follows {', '.join(sorted(sources_of[task]))}; the result would be null"
                scope.report.add("F225", message, what.place, hint=hint)
            else:
                _check_readable(what.name, what.place, known, scope)


def _check_asked(asked: Asked, sources: tuple[str, ...], known: KnownFlows, scope: Scope) -> None:
    match asked.leaf:
        case Expression(source=source, nodes=nodes):
            for name in nodes:
                place = place_in(source, asked.place, source.find(name), len(name))
                if name not in sources:
                    hint = did_you_mean(name, sources) or f"the sources are: {', '.join(sources) or 'none'}"
                    scope.report.add("F414", f"`{name}` is no source of this edge", place, hint=hint)
                else:
                    _check_task(name, place, known, scope)
        case Predicate(node=node, task=None) if node is not None:
            if node in scope.flows or known.why_unreadable(node):
                _check_task(node, asked.place, known, scope)
        case Predicate(node=node, task=task) if node is not None and task is not None:
            _check_inside(node, task, asked.place, known, scope)


def _check_task(name: str, place: Place, known: KnownFlows, scope: Scope) -> None:
    if name in scope.flows:
        hint = "name a task inside it: `task: TASK`, and `instances: any` or `all`"
        scope.report.add("F407", f"`{name}` is a sub-flow, which has no result of its own", place, hint=hint)
    else:
        _check_readable(name, place, known, scope)


def _check_inside(node: str, task: str, place: Place, known: KnownFlows, scope: Scope) -> None:
    if node in scope.tasks:
        hint = "remove `task`, or let `node` name a sub-flow"
        scope.report.add("F408", f"`{node}` is a task, there is nothing inside it", place, hint=hint)
        return
    if not known.is_known(node):
        return
    inside = known.tasks_inside(FlowName(node))
    if task not in inside:
        hint = did_you_mean(task, inside) or f"it runs {', '.join(sorted(inside))}"
        scope.report.add("F408", f"no task `{task}` runs in the flow `{node}`", place, hint=hint)
    else:
        _check_readable(task, place, known, scope)


def _check_readable(name: str, place: Place, known: KnownFlows, scope: Scope) -> None:
    why = known.why_unreadable(name)
    if why:
        hint = "" if name in scope.made_waits else "give it a `storage` that keeps its results"
        scope.report.add("F409", f"the result of `{name}` cannot be read: {why}", place, hint=hint)
