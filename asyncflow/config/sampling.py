"""Selinon's sampling strategies: their names and arguments."""

from __future__ import annotations

from collections.abc import Mapping

from asyncflow.config.fields import Fields, read_fields
from asyncflow.config.flow_sections import SAMPLING
from asyncflow.config.kinds import is_number
from asyncflow.config.report import did_you_mean, known_or_meant
from asyncflow.config.scope import Scope
from asyncflow.config.tree import Table
from asyncflow.model.names import Json

STRATEGIES: Mapping[str, tuple[str, ...]] = {
    "constant": ("retry",),
    "linear_increase": ("start_retry", "max_retry", "step"),
    "linear_adapt": ("start_retry", "max_retry", "step"),
    "biexponential_increase": ("start_retry", "max_retry"),
    "biexponential_decrease": ("start_retry", "stop_retry"),
    "biexponential_adapt": ("start_retry", "max_retry"),
    "random": ("start_retry", "max_retry"),
}


def read_sampling(fields: Fields, scope: Scope) -> tuple[str, Mapping[str, Json]] | None:
    found = fields.get("sampling")
    if not isinstance(found, Table):
        return None
    sampling = read_fields(SAMPLING, found, scope.report)
    name = sampling.get("name")
    if name is None:
        return None
    if sampling.get("import", "selinon.strategies") == "selinon.strategies":
        if name not in STRATEGIES:
            hint = known_or_meant(name, STRATEGIES)
            scope.report.add("F315", f"no strategy is named `{name}`", sampling.place("name"), hint=hint)
            return None
        _check_arguments(name, sampling, scope)
    return name, sampling.get("args", {})


def _check_arguments(name: str, sampling: Fields, scope: Scope) -> None:
    takes, args = STRATEGIES[name], sampling.get("args", {})
    usage = f"{name}({', '.join(takes)})"
    for argument in takes:
        if argument not in args:
            message = f"`{name}` needs the argument `{argument}`"
            place = sampling.key_place("args") if "args" in sampling else sampling.place("name")
            scope.report.add("F315", message, place, hint=f"it is {usage}")
    for argument, value in args.items():
        if argument not in takes:
            hint = did_you_mean(argument, takes) or f"it is {usage}"
            scope.report.add("F315", f"`{name}` takes no argument `{argument}`", args.key_place(argument), hint=hint)
        elif not is_number(value) or value < 0:
            scope.report.add("F315", f"`{argument}` must be a number, 0 or more", args.place_at(argument))
