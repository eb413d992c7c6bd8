"""`check`, `explain` and `schema`: about configurations, without running anything."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import get_args

import click

from asyncflow import config
from asyncflow.cli.exits import Exit
from asyncflow.cli.problems import coloured, tally
from asyncflow.config.render import Format
from asyncflow.errors import Problem, Severity
from asyncflow.model.phrases import counted
from asyncflow.predicates import BUILT_INS, SELINON_1_4


def check(paths: tuple[Path, ...], style: str, strict: bool, imports: bool) -> int:
    """The body of `asyncflow check`."""
    paths = paths or tuple(Path(part) for part in os.environ.get("ASYNCFLOW_CONFIG", "").split(os.pathsep) if part)
    if not paths:
        raise click.UsageError("what is to be checked? give files or folders, or set ASYNCFLOW_CONFIG")
    if imports:
        _make_importable(paths)
    begun = time.perf_counter()
    checked = config.check(
        paths,
        builtins=BUILT_INS,
        selinon_builtins=SELINON_1_4,
        environ=os.environ,
        importer=importlib.import_module if imports else None,
    )
    took = time.perf_counter() - begun
    problems = _strictly(checked.problems) if strict else checked.problems
    _print_problems(problems, checked, style)
    looked_at = counted(len(checked.sources), "file")
    if checked.loaded is not None:
        looked_at = f"{counted(len(checked.loaded.configuration.flows), 'flow')} in {looked_at}"
    click.echo(f"Checked {looked_at} in {took * 1000:.0f} ms: {tally(problems)}", err=True)
    return Exit.WRONG if any(problem.severity is Severity.ERROR for problem in problems) else Exit.OK


def explain(code: str | None) -> int:
    """The body of `asyncflow explain`."""
    if code is None:
        for rule in config.CODES.values():
            click.echo(f"{rule.code}  {rule.severity.value:<7}  {rule.name:<24}  {rule.summary}")
        return Exit.OK
    wanted = code.upper()
    found = config.CODES.get(wanted) or next((rule for rule in config.CODES.values() if rule.name == code), None)
    if found is None:
        close = get_close_matches(wanted, config.CODES, n=1)
        meant = f"did you mean {close[0]}?" if close else "`asyncflow explain` lists them all"
        raise click.UsageError(f"no problem has the code {code!r}; {meant}")
    click.echo(click.style(f"{found.severity.value}[{found.code}] {found.name}", bold=True) + "\n")
    click.echo(found.explanation.rstrip())
    return Exit.OK


def schema() -> int:
    """The body of `asyncflow schema`."""
    click.echo(json.dumps(config.schema(), indent=2))
    return Exit.OK


def _print_problems(problems: Sequence[Problem], checked: config.Checked, style: str) -> None:
    formats: dict[str, Format] = {one: one for one in get_args(Format)}
    text = config.render(problems, checked.sources, formats[style]).rstrip("\n")
    if style == "full" and text:
        text = coloured(text) + "\n"
    if text:
        click.echo(text)


def _strictly(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(replace(problem, severity=Severity.ERROR) for problem in problems)


def _make_importable(paths: Sequence[Path]) -> None:
    """Where running looks for users' modules: in the working directory, and beside the configuration."""
    for folder in (Path.cwd(), *(path if path.is_dir() else path.parent for path in paths)):
        if str(folder.resolve()) not in sys.path:
            sys.path.append(str(folder.resolve()))
