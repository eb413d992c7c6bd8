"""Options that several commands share, gathered into one value for each concern."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which configuration, broker and store. What is empty comes from the environment."""

    config: tuple[Path, ...] = ()
    broker: str = ""
    store: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to start, as it was typed."""

    node_args: str | None = None
    only: tuple[str, ...] = ()
    follow_subflows: bool = False
    run_subsequent: bool = False
    label: Mapping[str, str] = field(default_factory=dict)
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """How the worker in this process is to be."""

    app: str = ""
    concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How to tell it."""

    json: bool = False
    verbose: int = 0
    quiet: bool = False


def gathered(kind: type, name: str, *options: Decorator) -> Decorator:
    """Give a command these options, and its body their values as one argument: `kind` has a field for each."""
    names = [one.name for one in fields(kind)]

    def decorate(body: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(body)
        def call(**given: Any) -> Any:
            values = {one: given.pop(one) for one in names if one in given}
            return body(**{name: kind(**values)}, **given)

        # Decorators apply from the last to the first; the help shall show them as they are listed.
        made: Callable[..., Any] = call
        for option in reversed(options):
            made = option(made)
        return made

    return decorate


def retyped(where: Where, *names: str) -> str:
    """Options as they were typed, for a command to type next. What the environment says need not be said again.

    A URL with a password is not repeated: logs keep what is printed.
    """
    typed: list[tuple[str, object]] = []
    for name in names:
        value = getattr(where, name)
        typed += [(name, one) for one in (value if isinstance(value, tuple) else [value]) if one]
    return "".join(f" --{name} {_without_password(str(value))}" for name, value in typed)


def _without_password(value: str) -> str:
    return "URL" if "@" in value and "://" in value else shlex.quote(value)


def _labels(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    for one in given:
        if not one.partition("=")[0] or "=" not in one:
            raise click.BadParameter(f"{one!r} is not NAME=VALUE", ctx=ctx, param=param)
    return dict(one.split("=", 1) for one in given)


CONFIG = click.option(
    "-c",
    "--config",
    multiple=True,
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="YAML file, or folder of them; repeatable.  [env: ASYNCFLOW_CONFIG]",
)
BROKER = click.option(
    "--broker",
    default="",
    metavar="URL",
    help="The AMQP broker of a dispatcher that serves.  [env: ASYNCFLOW_BROKER_URL]",
)
STORE = click.option(
    "--store",
    default="",
    metavar="URL",
    help="Where runs are kept; sqlite:///asyncflow.db if not said.  [env: ASYNCFLOW_STORE_URL]",
)
JSON = click.option("--json", is_flag=True, help="Write JSON on standard output, and nothing else there.")
VERBOSE = click.option("-v", "--verbose", count=True, help="Tell more; -vv even more.")
QUIET = click.option("-q", "--quiet", is_flag=True, help="Tell errors only.")

wish_options = gathered(
    Wish,
    "wish",
    click.option("--node-args", metavar="JSON|@FILE", help="The flow's arguments; @- reads standard input."),
    click.option("--only", multiple=True, metavar="TASK", help="Run what leads to this task, no more; repeatable."),
    click.option("--follow-subflows", is_flag=True, help="With --only: look for the tasks in sub-flows too."),
    click.option("--run-subsequent", is_flag=True, help="With --only: run what follows the tasks too."),
    click.option("--label", multiple=True, metavar="NAME=VALUE", callback=_labels, help="Mark the run; repeatable."),
    click.option("--run-id", metavar="ID", help="Give the run its id; the same id again is the same run."),
)
embedded_options = gathered(
    Embedded,
    "embedded",
    click.option("-A", "--app", default="", metavar="APP", help="Embedded: your Celery app, such as proj.celery:app."),
    click.option("--concurrency", type=click.IntRange(min=1), metavar="N", help="Embedded: tasks at a time; 4."),
)
where_options = gathered(Where, "where", CONFIG, BROKER, STORE)
line_options = gathered(Where, "where", BROKER)
read_options = gathered(Where, "where", BROKER, STORE)
output_options = gathered(Output, "output", JSON, VERBOSE, QUIET)
log_options = gathered(Output, "output", VERBOSE, QUIET)
