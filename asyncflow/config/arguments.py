"""What a predicate takes, by its signature, and whether a condition gives just that."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from asyncflow.config.fields import Fields
from asyncflow.config.report import Report, did_you_mean
from asyncflow.config.tree import Table

_FILLED = ("message", "node_args")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The parameters of a predicate."""

    reads_result: bool
    reads_node_args: bool
    needed: tuple[str, ...]
    possible: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(name if name in self.needed else f"[{name}]" for name in self.possible)


def taken_by(predicate: Callable[..., object]) -> Taken:
    parameters = inspect.signature(predicate).parameters
    own = [parameter for name, parameter in parameters.items() if name not in _FILLED]
    return Taken(
        reads_result="message" in parameters,
        reads_node_args="node_args" in parameters,
        needed=tuple(parameter.name for parameter in own if parameter.default is parameter.empty),
        possible=tuple(parameter.name for parameter in own),
    )


def check_arguments(fields: Fields, taken: Taken, report: Report) -> bool:
    """Whether the condition gives every argument that is needed and none that is not; else it is reported."""
    name, args = fields.get("name"), fields.get("args")
    given = args if isinstance(args, Table) else {}
    missing = [argument for argument in taken.needed if argument not in given]
    unknown = [argument for argument in given if argument not in taken.possible]
    if not missing and not unknown:
        return True
    usage = f"{name}({taken})"
    for argument in missing:
        place = fields.key_place("args") if "args" in fields else fields.place("name")
        message = f"`{name}` needs the argument `{argument}`"
        report.add("F402", message, place, label=f"missing argument `{argument}`", hint=f"it is {usage}")
    for argument in unknown:
        assert isinstance(args, Table)
        message = f"`{name}` takes no argument `{argument}`"
        hint = did_you_mean(argument, taken.possible) or f"it is {usage}"
        report.add("F403", message, args.key_place(argument), label="unknown argument", hint=hint)
    return False
