"""Standard output for data, standard error for everything else."""

from __future__ import annotations

import json
import sys

import click
from rich.console import Console

from asyncflow.model import jsontext
from asyncflow.model.names import Json


def print_json(value: Json) -> None:
    """Write JSON: laid out for eyes on a terminal, one line elsewhere."""
    if sys.stdout.isatty():
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        click.echo(jsontext.dumps(value).strip())


def data_console() -> Console:
    return _console(error=False)


def talk_console() -> Console:
    return _console(error=True)


def _console(*, error: bool) -> Console:
    console = Console(stderr=error, markup=False, emoji=False, highlight=False, soft_wrap=False)
    if not console.is_terminal:  # rich would cut lines at 80 columns where nobody looks at columns
        console.width = 10_000
    return console
