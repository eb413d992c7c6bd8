"""Edges: sources, condition, targets, and how the targets are started."""

from __future__ import annotations

from dataclasses import dataclass

from asyncflow.config.conditions import Asked, ConditionReader
from asyncflow.config.fields import Fields, read_fields
from asyncflow.config.flow_sections import EDGE, FOREACH, JOIN, SELECTIVE
from asyncflow.config.report import did_you_mean
from asyncflow.config.scope import Scope
from asyncflow.config.templates import Read, TemplateReader
from asyncflow.config.tree import Table
from asyncflow.errors import Place
from asyncflow.model.flow import Edge, Foreach, Selective, Template
from asyncflow.model.names import FlowName, NodeName


@dataclass(frozen=True, slots=True)
class ReadEdge:
    """An edge, with what later checks need to point at."""

    edge: Edge
    fields: Fields
    asked: tuple[Asked, ...]
    reads: tuple[Read, ...]

    def place_of(self, name: str, key: str) -> Place:
        """Where `from` or `to` names a node."""
        return next((place for named, place in self.fields.named(key) if named == name), self.fields.place(key))


def read_edge(index: int, table: Table, scope: Scope) -> ReadEdge | None:
    """The edge; None when it is wrong, which is reported."""
    before = len(scope.report.problems)
    fields = read_fields(EDGE, table, scope.report)
    sources, targets = fields.names("from"), fields.names("to")
    scope.used_tasks.update(sources, targets)
    if not all(map(scope.is_node, (*sources, *targets))):
        for name, place in (*fields.named("from"), *fields.named("to")):
            scope.check_node(name, place)
    if len(set(sources)) < len(sources):
        _report_source_twice(fields, scope)
    source_names = tuple(map(NodeName, sources))
    conditions = ConditionReader(scope, source_names)
    condition = conditions.of(fields)
    templates = TemplateReader(scope.report, has_item="foreach" in fields)
    edge = Edge(
        index=index,
        sources=source_names,
        targets=tuple(map(NodeName, targets)),
        condition=condition,
        foreach=_foreach(fields, scope),
        selective=_selective(fields, scope),
        at_least=_at_least(fields, len(sources), scope),
        node_args=_node_args(fields, templates, scope),
    )
    if scope.report.has_errors_since(before):
        return None
    return ReadEdge(edge, fields, tuple(conditions.asked), tuple(templates.reads))


def _report_source_twice(fields: Fields, scope: Scope) -> None:
    seen: dict[str, Place] = {}
    for name, place in fields.named("from"):
        if name in seen:
            related = (seen[name], "first named here")
            hint = "a node counts once; to wait for several runs of it let its own edge start them with `foreach`"
            scope.report.contrast("F305", f"`{name}` is named twice in `from`", place, hint=hint, related=related)
        seen.setdefault(name, place)


def _foreach(fields: Fields, scope: Scope) -> Foreach | None:
    found = fields.get("foreach")
    if not isinstance(found, Table):
        return None
    foreach = read_fields(FOREACH, found, scope.report)
    name, module = foreach.get("function"), foreach.get("import")
    if name is None or module is None:
        return None
    propagates = foreach.get("propagate_result", False)
    if propagates:
        for target, place in fields.named("to"):
            if target in scope.tasks:
                message = f"`propagate_result` gives items to sub-flows, and `{target}` is a task"
                hint = "let the edge start a flow that holds the task"
                related = (foreach.key_place("propagate_result"), "asked for here")
                scope.report.contrast("F312", message, place, hint=hint, related=related)
        if "node_args" in fields:
            message = "`node_args` and `propagate_result` both say what the targets get"
            scope.report.add("F318", message, fields.key_place("node_args"), hint="remove one of the two")
    function = scope.function(module, name, foreach.place("function"), "foreach function")
    return Foreach(function=function, propagate_result=propagates)


def _selective(fields: Fields, scope: Scope) -> Selective | None:
    found = fields.get("selective")
    if not isinstance(found, Table):
        return None
    targets = fields.names("to")
    if len(targets) != 1 or targets[0] in scope.tasks:
        message = "`selective` needs exactly one target, a flow"
        scope.report.add("F313", message, fields.key_place("selective"), hint="give the flow an edge of its own")
        return None
    selective = read_fields(SELECTIVE, found, scope.report)
    subsequent = selective.get("run_subsequent", False)
    flows = tuple(map(FlowName, selective.names("run_subsequent")))
    for name, place in selective.named("run_subsequent"):
        if name not in scope.flows:
            hint = did_you_mean(name, scope.flows)
            scope.report.add("F313", f"no flow is named `{name}`", place, label="unknown flow", hint=hint)
    return Selective(
        tasks=tuple(map(NodeName, selective.names("tasks"))),
        run_subsequent=subsequent if isinstance(subsequent, bool) else flows,
        follow_subflows=selective.get("follow_subflows", False),
    )


def _at_least(fields: Fields, sources: int, scope: Scope) -> int | None:
    join = fields.get("join", "all")
    if join == "all":
        return None
    if isinstance(join, Table):
        wanted = read_fields(JOIN, join, scope.report)
        at_least = wanted.get("at_least")
        if at_least is None:
            return None
        if at_least > sources:
            message = f"the join waits for {at_least} sources, and the edge has {sources}"
            scope.report.add("F314", message, wanted.place("at_least"), hint="it would never be complete")
        return int(at_least)
    if sources < 2:
        scope.report.add("F319", "`join` matters with several sources only", fields.key_place("join"))
        return None
    return 1


def _node_args(fields: Fields, templates: TemplateReader, scope: Scope) -> Template | None:
    if "node_args" not in fields:
        return None
    template = templates.read(fields.get("node_args"), fields.place("node_args"))
    sources = fields.names("from")
    for read in templates.reads:
        if read.name not in sources:
            hint = did_you_mean(read.name, sources) or f"the sources are: {', '.join(sources) or 'none'}"
            scope.report.add("F316", f"`{read.name}` is no source of this edge", read.place, hint=hint)
        elif read.name in scope.flows:
            hint = "a flow has no result; read that of a task"
            scope.report.add("F316", f"`{read.name}` is a sub-flow", read.place, hint=hint)
    return template
