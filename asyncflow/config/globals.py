"""What `global` says: default queues, predicates of the user's, tracing."""

from __future__ import annotations

from asyncflow.config.fields import Fields, read_fields, tables_in
from asyncflow.config.report import known_or_meant
from asyncflow.config.scope import Scope
from asyncflow.config.sections import GLOBAL, SENTRY, TRACE, TRACE_FUNCTION, TRACE_STORAGE
from asyncflow.config.tree import Series, Table
from asyncflow.model.flow import Trace


def read_global(table: Table, scope: Scope) -> Fields:
    """The fields of `global`; what other readers need of them is noted in the scope."""
    fields = read_fields(GLOBAL, table, scope.report)
    module = fields.get("predicates_module")
    # Selinon's own module, named outright, says nothing more than the built-in predicates do.
    scope.predicates_module = None if module == "selinon.predicates" else module
    scope.compat_predicates = fields.get("compat_predicates")
    if scope.compat_predicates is not None and scope.selinon_builtins is not None:
        scope.builtins = scope.selinon_builtins
    scope.default_task_queue = scope.expanded(fields, "default_task_queue", "celery")
    scope.default_flow_queue = scope.expanded(fields, "default_dispatcher_queue", "celery")
    scope.default_envelope = fields.get("envelope", "asyncflow")
    return fields


def read_traces(fields: Fields, scope: Scope) -> tuple[Trace, ...]:
    found = fields.get("trace")
    if found is True:
        return (Trace(kind="logging"),)
    if isinstance(found, Table):
        return tuple(_traces_of(found, scope))
    if isinstance(found, Series):
        return tuple(trace for table in tables_in(TRACE, found, scope.report) for trace in _traces_of(table, scope))
    return ()


def _traces_of(table: Table, scope: Scope) -> list[Trace]:
    fields = read_fields(TRACE, table, scope.report)
    made = [Trace(kind=kind) for kind in ("logging", "json") if fields.get(kind)]
    if "sentry" in fields:
        sentry = read_fields(SENTRY, fields.get("sentry"), scope.report)
        made.append(Trace(kind="sentry", options={"dsn": scope.expanded(sentry, "dsn")}))
    if "function" in fields:
        function = read_fields(TRACE_FUNCTION, fields.get("function"), scope.report)
        module, name = function.get("import", ""), function.get("name", "")
        if module and name:
            scope.function(module, name, function.place("name"), "trace function")
        made.append(Trace(kind="function", options={"import": module, "name": name}))
    if "storage" in fields:
        made.append(_storage_trace(read_fields(TRACE_STORAGE, fields.get("storage"), scope.report), scope))
    return made


def _storage_trace(fields: Fields, scope: Scope) -> Trace:
    name = fields.get("name")
    if name is not None:
        scope.used_storages.add(name)
        if name not in scope.storages:
            hint = known_or_meant(name, scope.storages) or "declare it under `storages`"
            message = f"no storage is named `{name}`"
            scope.report.add("F206", message, fields.place("name"), label="unknown storage", hint=hint)
    return Trace(kind="storage", options={"name": name, "method": fields.get("method", "trace")})
