"""Tasks, as the nodes file declares them."""

from __future__ import annotations

from asyncflow.config.fields import Fields, read_fields
from asyncflow.config.report import known_or_meant
from asyncflow.config.retries import read_retries, read_throttling
from asyncflow.config.schemas import find_schema, read_schema
from asyncflow.config.scope import Scope
from asyncflow.config.sections import FUNCTION, TASK
from asyncflow.config.templates import TemplateReader
from asyncflow.config.tree import Series, Table
from asyncflow.model.condition import Function
from asyncflow.model.durations import seconds_of
from asyncflow.model.flow import OnLost, Task, TaskKind, Template
from asyncflow.model.names import Json, NodeName

_OF_CLASSES = ("import", "classname", "selective_run_function")
_OF_CALLS = ("args", "kwargs")


def read_task(table: Table, scope: Scope) -> None:
    """Adds the task to the scope, together with what its templates read."""
    fields = read_fields(TASK, table, scope.report)
    name: NodeName | None = fields.get("name")
    if name is None or scope.tasks.get(name) != fields.place("name"):
        return  # without a name, or a second task of that name: reported already
    kind = _kind_of(fields, scope)
    reader = TemplateReader(scope.report)
    _check_limits(fields, scope)
    scope.made_tasks[name] = Task(
        name=name,
        kind=kind,
        queue=scope.expanded(fields, "queue", scope.default_task_queue),
        celery_task=fields.get("celery_task", ""),
        args=_args(fields, reader),
        kwargs=_kwargs(fields, reader),
        module=fields.get("import", ""),
        classname="" if kind is TaskKind.CELERY else fields.get("classname", name),
        storage=_storage(fields, scope),
        storage_task_name=fields.get("storage_task_name", name if "storage" in fields else ""),
        storage_readonly=fields.get("storage_readonly", False),
        selective_run_function=_selective_run_function(fields, scope),
        output_schema=fields.get("output_schema"),
        schema=_schema(fields, kind, scope),
        retries=read_retries(fields, scope.report),
        throttling=read_throttling(fields, scope.report),
        time_limit=seconds_of(fields.get("time_limit")),
        soft_time_limit=seconds_of(fields.get("soft_time_limit")),
        timeout=seconds_of(fields.get("timeout")),
        on_lost=OnLost(fields.get("on_lost", "retry")),
        priority=fields.get("priority"),
        exchange=fields.get("exchange", ""),
        routing_key=fields.get("routing_key", ""),
    )
    if reader.reads:
        scope.task_reads[name] = tuple(reader.reads)
    if kind is TaskKind.FLOW and "import" in fields:
        scope.function(fields.get("import"), fields.get("classname", name), fields.place("import"), f"task `{name}`")


def _kind_of(fields: Fields, scope: Scope) -> TaskKind:
    table, title = fields.table, f"task `{fields.get('name')}`"
    if "celery_task" not in table:
        for key in _OF_CALLS:
            if key in table:
                hint = "add `celery_task`, or let `run(self, node_args)` pick what it needs"
                scope.report.add("F210", f"`{key}` is for plain Celery tasks", fields.key_place(key), hint=hint)
        if "import" not in table and not fields.meant & {"import", "celery_task"}:
            hint = "`celery_task: proj.tasks.add` for a registered task, `import: proj.tasks` for a class"
            scope.report.add("F209", f"{title} needs `celery_task` or `import`", fields.place("name"), hint=hint)
        selinon = fields.get("envelope", scope.default_envelope) == "selinon"
        return TaskKind.SELINON if selinon else TaskKind.FLOW
    for key in _OF_CLASSES:
        if key in table:
            hint = "a plain Celery task is known by its registered name; remove one of the two"
            scope.report.add("F209", f"{title} has both `celery_task` and `{key}`", fields.key_place(key), hint=hint)
    if fields.get("envelope") == "selinon":
        hint = "Selinon's envelope runs classes, found by `import`"
        scope.report.add("F210", f"{title} is a plain Celery task", fields.place("envelope"), hint=hint)
    return TaskKind.CELERY


def _args(fields: Fields, reader: TemplateReader) -> tuple[Template, ...] | None:
    found = fields.get("args")
    if not isinstance(found, Series):
        return None
    read = [reader.read(value, found.place_at(index)) for index, value in enumerate(found)]
    return tuple(template for template in read if template is not None)


def _kwargs(fields: Fields, reader: TemplateReader) -> dict[str, Template] | None:
    found = fields.get("kwargs")
    if not isinstance(found, Table):
        return None
    read = {name: reader.read(value, found.place_at(name)) for name, value in found.items()}
    return {name: template for name, template in read.items() if template is not None}


def _storage(fields: Fields, scope: Scope) -> str | None:
    name: str | None = fields.get("storage")
    if name is None:
        for key in ("storage_task_name", "storage_readonly"):
            if fields.get(key) and "storage" not in fields.table:
                message = f"`{key}` needs a `storage`"
                scope.report.add("F220", message, fields.key_place(key), hint="name one, or remove the key")
        return None
    scope.used_storages.add(name)
    if name not in scope.storages:
        hint = known_or_meant(name, scope.storages) or "declare it under `storages`"
        message = f"no storage is named `{name}`"
        scope.report.add("F206", message, fields.place("storage"), label="unknown storage", hint=hint)
    return name


def _selective_run_function(fields: Fields, scope: Scope) -> Function | None:
    found = fields.get("selective_run_function")
    if not isinstance(found, Table):
        return None
    function = read_fields(FUNCTION, found, scope.report)
    name, module = function.get("name"), function.get("import", "selinon.routines")
    if name is None or (module, name) == ("selinon.routines", "always_run"):
        return None
    return scope.function(module, name, function.place("name"), "selective run function")


def _schema(fields: Fields, kind: TaskKind, scope: Scope) -> Json:
    path = fields.get("output_schema")
    if path is None:
        return None
    place = fields.place("output_schema")
    if kind is TaskKind.CELERY:
        return read_schema(path, place, scope.report)
    if find_schema(path, place.file) is None:
        hint = "the worker looks for it in its own working directory"
        scope.report.add("F214", f"there is no file `{path}` here", place, hint=hint)
    return None


def _check_limits(fields: Fields, scope: Scope) -> None:
    soft, hard = seconds_of(fields.get("soft_time_limit")), seconds_of(fields.get("time_limit"))
    if soft is not None and hard is not None and soft >= hard:
        message = f"`soft_time_limit` ({soft:g} s) is not before `time_limit` ({hard:g} s)"
        hint = "the worker kills the task before it can notice the soft limit"
        scope.report.add("F221", message, fields.place("soft_time_limit"), hint=hint)
