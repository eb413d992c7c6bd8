"""`import-selinon`: what a project written for Selinon will find different, what it must change, and what to type."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from asyncflow import config
from asyncflow.app.selinon_project import SelinonProject, read_selinon_project
from asyncflow.cli.exits import Exit
from asyncflow.config.selinon import Difference, differences
from asyncflow.errors import Problem, RequestError, Severity
from asyncflow.model.phrases import counted
from asyncflow.predicates import BUILT_INS, SELINON_1_4

_EVERYWHERE = (
    "a run has one dispatcher, and the first end of an attempt counts: nothing starts twice, no success turns into failure",
    "a revoked task has failed; a flow waits for ever for nothing: give nodes and flows a `timeout`",
    "what needs a storage that is away is asked again until it is there, with longer and longer waits",
)


def import_selinon(paths: tuple[Path, ...], as_json: bool) -> int:
    """The body of `asyncflow import-selinon`."""
    project = read_selinon_project(paths or (Path(),))
    if not project.yaml:
        where = ", ".join(map(str, paths)) or "this folder"
        raise RequestError(f"there are no YAML files of Selinon in {where}; give the project's folders, or its files")
    checked = config.check(
        [Path(file) for file in project.yaml], builtins=BUILT_INS, selinon_builtins=SELINON_1_4, environ=_Anything()
    )
    errors = [problem for problem in checked.problems if problem.severity is Severity.ERROR]
    found = differences(project.yaml)
    flows = () if checked.loaded is None else tuple(checked.loaded.configuration.flows)
    queues = () if checked.loaded is None else _queues(checked.loaded)
    commands = _commands(project, flows, queues)
    if as_json:
        click.echo(_as_json(project, errors, found, commands))
    else:
        _print(project, errors, found, commands)
    return Exit.WRONG if errors else Exit.OK


class _Anything(dict[str, str]):
    """The environment of wherever it will run: variables that are not set here keep their names."""

    def __init__(self) -> None:
        super().__init__(os.environ)

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"

    def __contains__(self, name: object) -> bool:
        return True


def _queues(loaded: config.Loaded) -> tuple[str, ...]:
    return tuple(sorted({task.queue for task in loaded.configuration.tasks.values()}))


def _commands(project: SelinonProject, flows: Sequence[str], queues: Sequence[str]) -> list[tuple[str, str]]:
    """What for, and what to type."""
    files = shlex.quote(os.pathsep.join(project.yaml))
    flow = shlex.quote(flows[0]) if flows else "FLOW"
    app = project.apps[0] if project.apps else "APP"
    served = shlex.quote(",".join(queues)) if queues else "QUEUES"
    return [
        (
            "in every terminal",
            f"export ASYNCFLOW_CONFIG={files} ASYNCFLOW_BROKER_URL=amqp://guest:guest@127.0.0.1:5672//",
        ),
        ("look", "asyncflow check"),
        ("try it, all in one process", f"env -u ASYNCFLOW_BROKER_URL asyncflow run {flow} --node-args '{{}}'"),
        ("what only the dispatcher reads", "echo 'global: {envelope: selinon}' > selinon-workers.yaml"),
        (
            "the dispatcher, for the workers that you have",
            f'ASYNCFLOW_CONFIG="$ASYNCFLOW_CONFIG{os.pathsep}selinon-workers.yaml" asyncflow serve',
        ),
        ("those workers, unchanged", f"celery -A {app} worker -Q {served}"),
        ("start a flow", f"asyncflow run {flow} --node-args '{{}}'"),
        ("later, when no worker has the real Selinon", "asyncflow serve"),
    ]


# --- For eyes, and for programs ---------------------------------------------------------------------------------------


def _print(
    project: SelinonProject, errors: Sequence[Problem], found: Sequence[Difference], commands: Iterable[tuple[str, str]]
) -> None:
    files, modules = counted(len(project.yaml), "YAML file"), counted(len(project.modules), "Python file")
    click.echo(f"Read {files}, and {modules} with Selinon in them.")
    _head("Behaves differently")
    _list(found)
    for told in _EVERYWHERE:
        click.echo(f"  everywhere: {told}")
    _head("Must change, before anything runs")
    for problem in errors:
        click.echo(f"  {_where(problem)}{problem.message} [{problem.code}]")
    if not errors:
        click.echo("  nothing in the YAML files")
    _head("Must change, before workers and programs move to asyncflow's `selinon`")
    _list(project.to_change)
    if not project.to_change:
        click.echo("  nothing")
    click.echo("  in the module of the Celery app, first of all: import asyncflow_selinon.as_selinon")
    if project.starts:
        _head("Start flows; until they move, one worker passes their messages on (docs/from-selinon.md, step 2)")
        _list(project.starts)
    _head("To run, in this order (docs/from-selinon.md has each step)")
    for what, command in commands:
        click.echo(f"  # {what}\n  {command}")


def _head(text: str) -> None:
    click.echo("\n" + click.style(text, bold=True))


def _list(found: Iterable[Difference]) -> None:
    """What is told of several places is told once."""
    places: dict[str, list[str]] = {}
    for one in found:
        places.setdefault(one.told, []).append(f"{one.place.file}:{one.place.line}:{one.place.column}")
    for told, where in places.items():
        click.echo(f"  {told}")
        for place in where:
            click.echo(f"    {place}")


def _where(problem: Problem) -> str:
    place = problem.place
    return "" if place is None else f"{place.file}:{place.line}:{place.column}: "


def _as_json(
    project: SelinonProject, errors: Sequence[Problem], found: Sequence[Difference], commands: Iterable[tuple[str, str]]
) -> str:
    told = {
        "files": [*project.yaml, *project.modules],
        "differences": [_one(each) for each in found],
        "errors": [{"code": one.code, "message": one.message, "where": _where(one).rstrip(": ")} for one in errors],
        "to_change": [_one(each) for each in project.to_change],
        "starts": [_one(each) for each in project.starts],
        "commands": [command for _, command in commands],
    }
    return json.dumps(told, indent=2)


def _one(each: Difference) -> dict[str, object]:
    return {"file": each.place.file, "line": each.place.line, "column": each.place.column, "told": each.told}
