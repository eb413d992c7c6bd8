"""Failures: which nodes to start when others have failed."""

from __future__ import annotations

from dataclasses import dataclass

from asyncflow.config.conditions import ConditionReader
from asyncflow.config.fields import Fields, read_fields, tables_in
from asyncflow.config.flow_sections import FAILURE
from asyncflow.config.scope import Scope
from asyncflow.config.tree import Table
from asyncflow.model.flow import Fallback
from asyncflow.model.names import NodeName


@dataclass(frozen=True, slots=True)
class ReadFallback:
    """A fallback, with what later checks need to point at."""

    fallback: Fallback
    fields: Fields


def read_failures(fields: Fields, scope: Scope) -> list[ReadFallback]:
    """The entries that are right; the documentation of Selinon writes a single one without a list."""
    found = fields.get("failures")
    tables = [found] if isinstance(found, Table) else tables_in(FAILURE, found, scope.report)
    read = (_read_fallback(index, table, scope) for index, table in enumerate(tables))
    return [each for each in read if each is not None]


def _read_fallback(index: int, table: Table, scope: Scope) -> ReadFallback | None:
    before = len(scope.report.problems)
    fields = read_fields(FAILURE, table, scope.report)
    nodes, targets = fields.names("nodes"), fields.names("fallback")
    for name, place in (*fields.named("nodes"), *fields.named("fallback")):
        scope.check_node(name, place, "F501")
    scope.used_tasks.update(targets)
    conditions = ConditionReader(scope, (), is_fallback=True)
    condition = conditions.of(fields)
    for asked in conditions.asked:
        message = "the condition of a fallback cannot read results"
        hint = "only `node_args` can be looked at here"
        scope.report.add("F503", message, asked.place, hint=hint)
    propagates = fields.get("propagate_failure", False)
    if propagates and fields.get("fallback") is True:
        message = "`propagate_failure` contradicts `fallback: true`"
        hint = "true handles the failure; to let the flow fail, remove the entry"
        scope.report.add("F505", message, fields.key_place("propagate_failure"), hint=hint)
    if len(targets) == 1 and set(nodes) == set(targets):
        message = f"the fallback of `{targets[0]}` is itself"
        hint = "it is started again as often as it fails; `max_retry` bounds that"
        scope.report.add("F504", message, fields.place("fallback"), hint=hint)
    if scope.report.has_errors_since(before):
        return None
    fallback = Fallback(
        index=index,
        nodes=frozenset(map(NodeName, nodes)),
        targets=tuple(map(NodeName, targets)),
        condition=condition,
        propagate_failure=propagates,
    )
    return ReadFallback(fallback, fields)
