"""Everything that needs more than one part of a configuration to be seen."""

from __future__ import annotations

from collections.abc import Mapping

from asyncflow.config.flow_rules import FlowRules
from asyncflow.config.flows import ReadFlow
from asyncflow.config.functions import Importer, check_functions
from asyncflow.config.known import KnownFlows
from asyncflow.config.reachability import ReachabilityCheck, check_recursion
from asyncflow.config.results import check_results
from asyncflow.config.scope import Scope
from asyncflow.config.usage import check_usage
from asyncflow.model.names import FlowName


def check_configuration(flows: Mapping[FlowName, ReadFlow], scope: Scope, importer: Importer | None) -> None:
    """A flow that could not be read has its problems already, and is left out of these checks."""
    known = KnownFlows(flows, scope)
    for read in flows.values():
        before = len(scope.report.problems)
        FlowRules(read, known, scope).run()
        if not scope.report.has_errors_since(before):
            ReachabilityCheck(read, scope.report).run()
    check_results(flows, known, scope)
    if not scope.report.has_errors:  # what seems unused is often only misspelt
        check_usage(scope)
    if len(flows) == len(scope.flows):
        check_recursion(flows, scope.report)
    if importer is not None:
        check_functions(scope, importer)
