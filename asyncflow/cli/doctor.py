"""`doctor`: what works in a deployment, what would make it better, and which guarantees hold."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from asyncflow.app.diagnosis import Check, Diagnosis, Guarantee, State, as_json
from asyncflow.app.doctor import examine
from asyncflow.cli.console import data_console, print_json, talk_console
from asyncflow.cli.environment import in_loop, settings_of
from asyncflow.cli.exits import Exit
from asyncflow.cli.logs import logs_on
from asyncflow.cli.options import Output, Where
from asyncflow.cli.words import one_line

_SIGNS = {
    State.OK: ("ok", "green"),
    State.WEAK: ("weak", "yellow"),
    State.BAD: ("bad", "red"),
    State.DOWN: ("down", "red"),
    State.UNKNOWN: ("?", "cyan"),
}
_HOLDS = {True: ("holds", "green"), False: ("not all", "yellow"), None: ("?", "cyan")}


def doctor(where: Where, output: Output) -> int:
    """The body of `asyncflow doctor`."""
    settings = settings_of(where)
    with logs_on(talk_console(), output):
        diagnosis = in_loop(lambda: examine(settings))
    if output.json:
        print_json(as_json(diagnosis))
    else:
        _tell(data_console(), diagnosis)
    return Exit.OK if diagnosis.is_reachable else Exit.UNREACHABLE


def _tell(console: Console, diagnosis: Diagnosis) -> None:
    _tell_checks(console, diagnosis.checks)
    console.print()
    for guarantee in diagnosis.guarantees:
        _tell_guarantee(console, guarantee)


def _tell_checks(console: Console, checks: Sequence[Check]) -> None:
    width = max(len(check.name) for check in checks)
    for check in checks:
        sign, colour = _SIGNS[check.state]
        line = Text(f"{check.name:<{width}}  ")
        line.append(f"{sign:<4}", style=colour)
        line.append(f"  {one_line(check.told)}")
        console.print(line, soft_wrap=True)
        if check.advice:
            console.print(Text(f"{'':<{width}}        {one_line(check.advice)}", style="bold"), soft_wrap=True)


def _tell_guarantee(console: Console, guarantee: Guarantee) -> None:
    sign, colour = _HOLDS[guarantee.holds]
    line = Text(f"{guarantee.name}  ")
    line.append(f"{sign:<7}", style=colour)
    line.append(f"  {guarantee.promise}")
    console.print(line, soft_wrap=True)
    if guarantee.why:
        console.print(Text(f"{'':<13}{one_line(guarantee.why)}"), soft_wrap=True)
