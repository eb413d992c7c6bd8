"""Writes docs/reference from the code: files, environment, commands, codes of `asyncflow check`, predicates, figures, APIs.

`python tools/reference.py` writes; with `--check` it only says what is out of date, and exits with 1.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import click

import asyncflow
from asyncflow.adapters import prometheus
from asyncflow.app.settings import VARIABLES, Settings
from asyncflow.cli import asyncflow as cli
from asyncflow.config import CODES
from asyncflow.config.flow_sections import SECTIONS
from asyncflow.predicates import BUILT_INS
from asyncflow.web.table import ENDPOINTS

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
WRITTEN = "<!-- Written by tools/reference.py from the code. -->"


def configuration() -> Iterator[str]:
    yield "# Keys of the YAML files"
    yield WRITTEN
    yield "`asyncflow schema` prints the same as a JSON Schema, for editors. Required keys are in bold."
    for section in SECTIONS:
        yield f"## {section.title}"
        rows = ["| key | what it says |", "|---|---|"]
        for key in section.keys:
            name = f"**`{key.name}`**" if key.required else f"`{key.name}`"
            also = f" Also spelt {', '.join(f'`{alias}`' for alias in key.aliases)}." if key.aliases else ""
            rows.append(f"| {name} | {_cell(key.summary)}{also} |")
        yield "\n".join(rows)


def codes() -> Iterator[str]:
    yield "# What `asyncflow check` reports"
    yield WRITTEN
    yield "`asyncflow explain CODE` prints the same in a terminal."
    for code in sorted(CODES):
        rule = CODES[code]
        yield f"## {code} {rule.name}"
        yield f"{rule.severity.value.capitalize()}: {rule.summary}"
        yield rule.explanation


def predicates() -> Iterator[str]:
    yield "# Built-in predicates"
    yield WRITTEN
    yield (
        "`message` is the result of the condition's `node`, and `node_args` are those of the flow; both are filled in. "
        "The other parameters are given in `args`. A path that leads nowhere, and a value of another type than the test "
        "needs, make a predicate false."
    )
    rows = ["| predicate | holds when |", "|---|---|"]
    known = {**BUILT_INS.pure, **BUILT_INS.outside}
    for name in sorted(known, key=str.lower):
        parameters = ", ".join(map(_parameter, inspect.signature(known[name]).parameters.values()))
        summary = (inspect.getdoc(known[name]) or "").split("\n")[0]
        rows.append(f"| `{name}({parameters})` | {_cell(summary)} |")
    yield "\n".join(rows)


def commands() -> Iterator[str]:
    yield "# Commands"
    yield WRITTEN
    yield str(inspect.getdoc(cli.callback)).split("\n\n", 1)[1]
    for name, command in _commands_of(cli, "asyncflow"):
        yield f"## {name}"
        usage = " ".join(command.collect_usage_pieces(click.Context(command, info_name=name)))
        yield f"    {name} {usage}"
        yield inspect.cleandoc(command.help or "").replace("\b\n", "")
        options = [one for one in command.params if isinstance(one, click.Option)]
        if options:
            yield "\n".join(["| option | what it does |", "|---|---|", *map(_option, options)])


def _commands_of(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands_of(command, f"{path} {name}")
        elif not command.hidden:
            yield f"{path} {name}", command


def _option(option: click.Option) -> str:
    spelt = ", ".join(f"`{one}`" for one in option.opts)
    if not option.is_flag and not option.count:
        spelt += f" {option.make_metavar(click.Context(cli))}".replace("|", "\\|")
    return f"| {spelt} | {_cell(option.help or '')} |"


def environment() -> Iterator[str]:
    yield "# Variables of the environment"
    yield WRITTEN
    yield (
        "What is typed on the command line, or given to `asyncflow.connect` and `run_flow`, wins over the environment. "
        "An empty variable is like one that is not set."
    )
    defaults = {one.name: one.default for one in fields(Settings)}
    rows = ["| variable | unless set | what it says |", "|---|---|---|"]
    for variable in VARIABLES:
        unset = variable.unset or f"`{defaults[variable.setting]}`"
        rows.append(f"| `{variable.name}` | {_cell(unset)} | {_cell(variable.meaning)} |")
    yield "\n".join(rows)
    yield (
        "`OTEL_*` variables turn OpenTelemetry on (`docs/tracing.md`), `NO_COLOR` turns colours off, and the YAML files "
        "of storages may name variables of your own (`docs/storages.md`)."
    )


def metrics() -> Iterator[str]:
    yield "# Figures for Prometheus"
    yield WRITTEN
    yield "`asyncflow serve --metrics-port PORT` serves them; `docs/tracing.md` tells how."
    rows = ["| figure | kind | labels | what it is |", "|---|---|---|---|"]
    kinds = (("counter", prometheus.COUNTERS), ("histogram", prometheus.HISTOGRAMS), ("gauge", prometheus.GAUGES))
    for kind, figures in kinds:
        for name, figure in figures.items():
            spelt = f"asyncflow_{name}{'_total' if kind == 'counter' else ''}"
            rows.append(f"| `{spelt}` | {kind} | {' '.join(f'`{one}`' for one in figure.labels)} | {figure.told} |")
    yield "\n".join(rows)


def http() -> Iterator[str]:
    yield "# HTTP API"
    yield WRITTEN
    yield "`GET /api/openapi.json` is the same for programs. Where tokens are demanded: `Authorization: Bearer TOKEN`."
    for endpoint in ENDPOINTS:
        yield f"## {endpoint.method} {endpoint.path.replace(':path', '')}"
        scope = "" if endpoint.scope is None else f" Scope: `{endpoint.scope.value}`."
        yield f"{endpoint.summary}{scope}"
        properties = endpoint.body.get("properties", {})
        rows = [f"| query | `{one.name}` | {_cell(one.summary)} |" for one in endpoint.parameters]
        rows += [f"| header | `{one.name}` | {_cell(one.summary)} |" for one in endpoint.headers]
        rows += [f"| body | `{name}` | {_cell(said.get('description', ''))} |" for name, said in properties.items()]
        if rows:
            yield "\n".join(["| where | name | what it says |", "|---|---|---|", *rows])


def python() -> Iterator[str]:
    yield "# Python API"
    yield WRITTEN
    yield "Everything here is imported from `asyncflow`. Importing it opens, reads and registers nothing."
    for name in ("connect", "run_flow"):
        yield f"## {name}{_signature(getattr(asyncflow, name))}"
        yield inspect.getdoc(getattr(asyncflow, name)) or ""
    for name in ("Client", "RunHandle", "Outcome", "Retry", "BlockingClient", "BlockingRun"):
        kind = getattr(asyncflow, name)
        yield f"## {name}"
        yield inspect.getdoc(kind) or ""
        for method, call in inspect.getmembers(kind, inspect.isfunction):
            if not method.startswith("_"):
                waits = "await " if inspect.iscoroutinefunction(call) else ""
                yield f"### {waits}{method}{_signature(call)}"
                yield inspect.getdoc(call) or ""


def _signature(call: Callable[..., object]) -> str:
    return str(inspect.signature(call)).replace("(self, ", "(").replace("(self)", "()").replace("'", "")


def _parameter(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return parameter.name
    return f"{parameter.name}={parameter.default!r}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


PAGES = {
    "configuration.md": configuration,
    "codes.md": codes,
    "predicates.md": predicates,
    "cli.md": commands,
    "environment.md": environment,
    "metrics.md": metrics,
    "http.md": http,
    "python.md": python,
}


def outdated() -> list[str]:
    """The pages that are not as the code has them."""
    return [name for name, page in PAGES.items() if not (FOLDER / name).exists() or _text(page()) != _read(name)]


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _text(blocks: Iterator[str]) -> str:
    return "\n\n".join(blocks) + "\n"


def main() -> int:
    if "--check" in sys.argv:
        print("\n".join(f"docs/reference/{name} is out of date: run python tools/reference.py" for name in outdated()))
        return bool(outdated())
    for name, page in PAGES.items():
        (FOLDER / name).write_text(_text(page()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
