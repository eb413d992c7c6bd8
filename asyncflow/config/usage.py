"""What is declared and never used, and what is declared twice in different ways."""

from __future__ import annotations

from asyncflow.config.scope import Scope
from asyncflow.model.flow import Task, TaskKind
from asyncflow.model.names import NodeName


def check_usage(scope: Scope) -> None:
    for name, place in scope.tasks.items():
        if name not in scope.used_tasks:
            made = scope.made_waits.get(NodeName(name))
            word = "task" if made is None else type(made).__name__.lower()
            scope.report.add("F217", f"no flow uses the {word} `{name}`", place, label="unused")
    for name, place in scope.storages.items():
        if name not in scope.used_storages:
            scope.report.add("F218", f"no task uses the storage `{name}`", place, label="unused")
    _check_classes(scope)


def _check_classes(scope: Scope) -> None:
    first: dict[tuple[str, str], Task] = {}
    for task in scope.made_tasks.values():
        if task.kind is TaskKind.CELERY:
            continue
        other = first.setdefault((task.module, task.classname), task)
        for key, differs in (
            ("output_schema", task.output_schema != other.output_schema),
            ("max_retry", task.retries.most != other.retries.most),
        ):
            if differs:
                message = f"`{task.name}` and `{other.name}` are the same class with different `{key}`"
                related = (scope.tasks[other.name], "the other task")
                place = scope.tasks[task.name]
                scope.report.contrast("F219", message, place, hint="check that this is meant", related=related)
