"""Standard output for data, standard error for everything else."""

from __future__ import annotations

import json
import sys
from typing import Literal

import click
from rich.console import Console

from asyncflow.cli.group import colour_wish
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
    colours: Literal["auto"] | None = "auto" if colour_wish() is None else None
    console = Console(stderr=error, markup=False, emoji=False, highlight=False, color_system=colours)
    if not console.is_terminal:  # rich would cut lines at 80 columns where nobody looks at columns
        console.width = 10_000
    return console
