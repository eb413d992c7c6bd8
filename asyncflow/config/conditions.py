"""Conditions of edges and fallbacks: trees of predicates and expressions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from asyncflow.config.arguments import check_arguments
from asyncflow.config.expressions import read_expression
from asyncflow.config.fields import Fields, read_fields, words_for
from asyncflow.config.flow_sections import LEAF
from asyncflow.config.report import did_you_mean
from asyncflow.config.scope import Scope
from asyncflow.config.tree import Series, Table
from asyncflow.errors import Place
from asyncflow.model.condition import ALWAYS, And, Condition, Expression, Function, Not, Or, Predicate
from asyncflow.model.names import Json, NodeName

_OPERATORS = ("name", "expr", "or", "not", "and")
"""The first of these that a table has says what it is, as in Selinon."""
_CHANGED = {"empty", "argsEmpty", "fieldLenGreaterEqual", "argsFieldLenGreaterEqual"}
"""These do what their names say, unlike in Selinon 1.4."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A leaf of a condition that reads results, and where; what it may read is checked with the edge."""

    leaf: Predicate | Expression
    table: Table
    key: str

    @property
    def place(self) -> Place:
        return self.table.place_at(self.key)


class ConditionReader:
    """Reads one edge's or fallback's condition; `asked` collects its leaves that read results."""

    def __init__(self, scope: Scope, sources: tuple[NodeName, ...], *, is_fallback: bool = False) -> None:
        self._scope = scope
        self._sources = sources
        self._is_fallback = is_fallback
        self.asked: list[Asked] = []

    def of(self, fields: Fields) -> Condition:
        """The condition of an edge or a fallback; one that is wrong is reported, and stands for none."""
        found = fields.get("condition")
        if found is None:
            return ALWAYS
        if isinstance(found, Table):
            return self._table(found) or ALWAYS
        return self._read(found, fields.place("condition")) or ALWAYS

    def _read(self, value: Json, place: Place) -> Condition | None:
        """The condition; None when it is wrong, which is reported."""
        if isinstance(value, Table):
            return self._table(value)
        if isinstance(value, str) and value:
            table = Table(place.file, (place.line - 1, place.column - 1, place.end_line - 1, place.end_column - 1))
            table.put("name", value, (*table.span, *table.span))
            return self._predicate(Fields(table, {"name": value}, {}))
        self._add("F404", f"a condition must be a table, not {words_for(value)}", place)
        return None

    def _table(self, value: Table) -> Condition | None:
        operator = next((key for key in _OPERATORS if key in value), None)
        if operator is None:
            self._report_shapeless(value)
            return None
        if operator == "name":
            return self._predicate(read_fields(LEAF, value, self._scope.report))
        self._warn_of_ignored(value, operator)
        return self._operation(operator, value)

    def _operation(self, operator: str, table: Table) -> Condition | None:
        if operator == "expr":
            return self._expression(table)
        inner, place = table[operator], table.place_at(operator)
        if operator == "not":
            part = self._read(inner, place)
            return None if part is None else Not(part)
        if not isinstance(inner, Series) or not inner:
            self._add("F404", f"`{operator}` takes a list of conditions, not {words_for(inner)}", place)
            return None
        parts = [self._read(each, inner.place_at(index)) for index, each in enumerate(inner)]
        read = tuple(part for part in parts if part is not None)
        if len(read) < len(parts):
            return None
        return And(read) if operator == "and" else Or(read)

    def _expression(self, table: Table) -> Condition | None:
        source, place = table["expr"], table.place_at("expr")
        if not isinstance(source, str) or not source.strip():
            self._add("F404", f"`expr` takes a CEL expression, not {words_for(source)}", place)
            return None
        readable = tuple(name for name in self._sources if name not in self._scope.flows)
        expression = read_expression(source, place, self._scope.report, readable=readable)
        if expression is not None and expression.nodes:
            self.asked.append(Asked(expression, table, "expr"))
        return expression

    def _predicate(self, fields: Fields) -> Condition | None:
        name = fields.get("name")
        if name is None:
            return None
        place, builtins = fields.place("name"), self._scope.builtins
        built_in = builtins.pure.get(name) or builtins.outside.get(name)
        module = self._scope.predicates_module
        if built_in is None or name in self._scope.redefined:
            if module is None:
                self._report_unknown(name, place)
                return None
            function = self._scope.function(module, name, place, "predicate")
            return self._custom(fields, function)
        taken = self._scope.taken(built_in)
        self._warn_of_changed(name, place)
        if not check_arguments(fields, taken, self._scope.report):
            return None
        pure = name in builtins.pure
        node, is_right = self._node(fields, needed=taken.reads_result)
        leaf = Predicate(
            name=name,
            node=node,
            task=fields.get("task"),
            instances=fields.get("instances", "all"),
            args=fields.get("args") or {},
            reads_result=taken.reads_result,
            reads_node_args=taken.reads_node_args,
            call=built_in if pure else None,
            function=None if pure else Function(module=built_in.__module__, name=built_in.__name__),
        )
        return self._noted(leaf, fields) if is_right else None

    def _custom(self, fields: Fields, function: Function) -> Condition | None:
        """A predicate of the user's: whether it reads results or node args is known only by importing it."""
        node, is_right = self._node(fields, needed=False)
        leaf = Predicate(
            name=function.name,
            node=node,
            task=fields.get("task"),
            instances=fields.get("instances", "all"),
            args=fields.get("args") or {},
            reads_result=True,
            reads_node_args=True,
            function=function,
        )
        return self._noted(leaf, fields) if is_right else None

    def _node(self, fields: Fields, *, needed: bool) -> tuple[NodeName | None, bool]:
        """The node that a predicate looks at, the only source where none is named; and whether that is right."""
        named: NodeName | None = fields.get("node")
        if named is not None and named not in self._sources:
            listed = ", ".join(self._sources) or "none"
            hint = did_you_mean(named, self._sources) or f"the sources are: {listed}"
            self._add("F405", f"`{named}` is no source of this edge", fields.place("node"), hint=hint)
            return None, False
        if "instances" in fields and "task" not in fields:
            self._add("F408", "`instances` needs a `task` in a sub-flow", fields.key_place("instances"))
        if named is None and len(self._sources) == 1:
            only = self._sources[0]
            # A function of the user's may not look at results at all, and a sub-flow has none.
            return (None, True) if not needed and "task" not in fields and only in self._scope.flows else (only, True)
        if named is None and needed:
            self._report_no_node(fields.get("name"), fields.place("name"))
        return named, named is not None or not needed

    def _noted(self, leaf: Predicate, fields: Fields) -> Predicate:
        if not leaf.reads_result:
            return replace(leaf, node=None, task=None) if leaf.node is not None else leaf
        if leaf.node is not None:
            key = "task" if leaf.task is not None else "node" if "node" in fields else "name"
            self.asked.append(Asked(leaf, fields.table, key))
        return leaf

    def _report_no_node(self, name: str, place: Place) -> None:
        if self._is_fallback:
            hint = "only node args can be looked at here: predicates whose names begin with `args`"
            self._add("F503", f"`{name}` reads a result, and a fallback has none to read", place, hint=hint)
        elif self._sources:
            hint = f"add `node:` with one of {', '.join(self._sources)}"
            self._add("F406", f"`{name}` reads a result, and the edge has several sources", place, hint=hint)
        else:
            hint = "take a predicate on the node args: their names begin with `args`"
            self._add("F406", f"`{name}` reads a result, but there is no source to read it from", place, hint=hint)

    def _report_unknown(self, name: str, place: Place) -> None:
        builtins = self._scope.builtins
        hint = did_you_mean(name, [*builtins.pure, *builtins.outside])
        hint = hint or "for one of your own, set `predicates_module` under `global`"
        self._add("F401", f"no predicate is named `{name}`", place, label="unknown predicate", hint=hint)

    def _report_shapeless(self, table: Table) -> None:
        hint = next((meant for key in table if (meant := did_you_mean(key, _OPERATORS))), "")
        hint = hint or "write `name: PREDICATE`, `and:`, `or:`, `not:` or `expr:`"
        self._add("F404", "a condition needs `name`, `and`, `or`, `not` or `expr`", table.place, hint=hint)

    def _warn_of_ignored(self, table: Table, operator: str) -> None:
        for key in table:
            if key != operator:
                message = f"`{key}` beside `{operator}` is ignored"
                self._add("F412", message, table.key_place(key), hint="remove it, or join both under `and`")

    def _warn_of_changed(self, name: str, place: Place) -> None:
        if name in _CHANGED and self._scope.compat_predicates is None:
            hint = "for the old meaning set `compat_predicates: selinon-1.4` under `global`"
            self._add("F413", f"`{name}` does what its name says, unlike in Selinon 1.4", place, hint=hint)

    def _add(self, code: str, message: str, place: Place, *, label: str = "", hint: str = "") -> None:
        self._scope.report.add(code, message, place, label=label, hint=hint)
