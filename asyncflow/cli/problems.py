"""Problems of a configuration, on a terminal and for programs."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click

from asyncflow import config
from asyncflow.cli.group import say
from asyncflow.errors import ConfigurationError, Problem, Severity
from asyncflow.model.phrases import counted

_HEAD = re.compile(r"^(error|warning)(\[\w+\])(.*)$")
_SIDE = re.compile(r"^( *\d* *\|| *-->| *:::| *=)(.*)$")
_MARKS = re.compile(r"^ *(\^+|-+)( |$)")
_COLOURS = {"error": "red", "warning": "yellow"}


def tell(error: ConfigurationError) -> None:
    """Show every problem on standard error."""
    say(coloured(config.render(error.problems, error.sources, "full")).rstrip("\n") + "\n")
    say(f"{click.style('error:', fg='red', bold=True)} the configuration has {tally(error.problems)}")


def tally(problems: Sequence[Problem]) -> str:
    """2 errors and 1 warning."""
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    warnings = len(problems) - errors
    told = [counted(number, thing) for number, thing in ((errors, "error"), (warnings, "warning")) if number]
    return " and ".join(told) or "no problems"


def coloured(text: str) -> str:
    """The full format with colours, which are left away off a terminal."""
    colour = "red"
    lines: list[str] = []
    for line in text.split("\n"):
        if head := _HEAD.match(line):
            colour = _COLOURS[head[1]]
            lines.append(click.style(head[1] + head[2], fg=colour, bold=True) + click.style(head[3], bold=True))
        elif side := _SIDE.match(line):
            marks = _MARKS.match(side[2])
            rest = side[2] if marks is None else click.style(side[2], fg=colour if "^" in marks[1] else "blue")
            lines.append(click.style(side[1], fg="blue") + rest)
        else:
            lines.append(line)
    return "\n".join(lines)
