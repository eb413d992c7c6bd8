"""`init`: the files of a new project."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from asyncflow.app import scaffold
from asyncflow.cli.console import print_json
from asyncflow.cli.exits import Exit
from asyncflow.cli.group import say
from asyncflow.cli.options import Output
from asyncflow.model.phrases import counted


def init(folder: Path, celery_app: str, force: bool, output: Output) -> int:
    """The body of `asyncflow init`."""
    project = scaffold.project_of(celery_app) if celery_app else scaffold.demonstration()
    written = scaffold.write(project, folder, force=force)
    if output.json:
        print_json({"files": [str(path) for path in written], "flow": project.flow})
        return Exit.OK
    for path in written:
        click.echo(path)
    if not output.quiet:
        _say_next(project, folder)
    return Exit.OK


def _say_next(project: scaffold.Project, folder: Path) -> None:
    if project.tasks:
        say(f"{counted(project.tasks, 'task')} of your app stand in nodes.yaml")
    enter = "" if folder == Path() else f"cd {shlex.quote(str(folder))} && "
    config = "" if folder == Path() or not project.tasks else f" -c {shlex.quote(str(folder))}"
    if project.tasks:  # the app is found from here
        enter = ""
    say(f"next: {enter}asyncflow run {project.flow}{config} --node-args {shlex.quote(project.node_args)}")
    say(f"or, with a page to see it: {enter}asyncflow dev{config}")
