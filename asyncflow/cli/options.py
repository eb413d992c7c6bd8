"""Options that several commands share, gathered into one value for each concern."""

from __future__ import annotations

import functools
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import click

from asyncflow.cli.group import found, offers

STATES = ("running", "paused", "succeeded", "failed", "cancelled")

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
    priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How to start."""

    wait: bool = False
    each: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What of a run to run again, and how."""

    nodes: tuple[str, ...] = ()
    dry_run: bool = False
    run_id: str | None = None
    wait: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which runs to list."""

    flow: str | None = None
    state: tuple[str, ...] = ()
    label: Mapping[str, str] = field(default_factory=dict)
    since: float | None = None
    until: float | None = None
    search: str = ""
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """How the worker in this process is to be."""

    app: str = ""
    concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What is served over HTTP, and where; an empty address serves no page, no port no figures by themselves.

    `keep`: seconds after which ended runs go; None for never.
    """

    http: str = ""
    http_host: tuple[str, ...] = ()
    metrics_port: int | None = None
    keep: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How flows are drawn, and where to."""

    folder: Path = Path()
    format: str = "svg"
    style: Path | None = None
    expand: str = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dice:
    """What happens in a simulation, and how often it is played."""

    seed: int = 1
    fail: Mapping[str, float] | float = 0.0
    result: Mapping[str, str] = field(default_factory=dict)
    opaque: tuple[str, ...] = ()
    runs: int | None = None
    most: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What a signal brings."""

    payload: str | None = None
    id: str = ""
    node: str | None = None


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


def _pairs(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    for one in given:
        if not one.partition("=")[0] or "=" not in one:
            raise click.BadParameter(f"{one!r} is not {param.make_metavar(ctx)}", ctx=ctx, param=param)
    return dict(one.split("=", 1) for one in given)


def _chances(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, float] | float:
    """One chance for all, or chances by name."""
    if len(given) == 1 and "=" not in given[0]:
        return _chance(given[0], ctx, param)
    return {name: _chance(value, ctx, param) for name, value in _pairs(ctx, param, given).items()}


def _chance(text: str, ctx: click.Context, param: click.Parameter) -> float:
    try:
        chance = float(text)
    except ValueError:
        chance = -1.0
    if not 0.0 <= chance <= 1.0:
        raise click.BadParameter(f"{text!r} is no chance: a number from 0 to 1", ctx=ctx, param=param)
    return chance


def _seconds(ctx: click.Context, param: click.Parameter, given: str | None) -> float | None:
    if given is None:
        return None
    seconds = found("asyncflow.model.durations:seconds_of")(given)
    if seconds is None:
        raise click.BadParameter(f"{given!r} is no duration: write 30d, 12h or 1d12h", ctx=ctx, param=param)
    return float(seconds)


def _moment(ctx: click.Context, param: click.Parameter, given: str | None) -> float | None:
    if given is None:
        return None
    moment: float | None = found("asyncflow.model.durations:moment_of")(given, time.time())
    if moment is None:
        raise click.BadParameter(
            f"{given!r} is no time: write how long ago, such as 2h or 7d, or 2030-01-31T18:00", ctx=ctx, param=param
        )
    return moment


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
    help="Where runs are kept: sqlite:///PATH or postgresql://...; sqlite:///asyncflow.db if not said.  "
    "[env: ASYNCFLOW_STORE_URL]",
)
JSON = click.option("--json", is_flag=True, help="Write JSON on standard output, and nothing else there.")
VERBOSE = click.option("-v", "--verbose", count=True, help="Tell more; -vv even more.")
QUIET = click.option("-q", "--quiet", is_flag=True, help="Tell errors only.")

LOG_FORMAT = click.option(
    "--log-format",
    type=click.Choice(["plain", "json"]),
    default="plain",
    envvar="ASYNCFLOW_LOG_FORMAT",
    show_envvar=True,  # errors name it too
    show_default=True,
    help="Lines for people, or JSON.",
)

wish_options = gathered(
    Wish,
    "wish",
    click.option("--node-args", metavar="JSON|@FILE", help="The flow's arguments; @- reads standard input."),
    click.option(
        "--only",
        multiple=True,
        metavar="TASK",
        shell_complete=offers("asyncflow.cli.completion:tasks"),
        help="Run what leads to this task, no more; repeatable.",
    ),
    click.option("--follow-subflows", is_flag=True, help="With --only: look for the tasks in sub-flows too."),
    click.option("--run-subsequent", is_flag=True, help="With --only: run what follows the tasks too."),
    click.option("--label", multiple=True, metavar="NAME=VALUE", callback=_pairs, help="Mark the run; repeatable."),
    click.option("--run-id", metavar="ID", help="Give the run its id; the same id again is the same run."),
    click.option("--priority", type=click.IntRange(0, 255), metavar="N", help="Of its task messages, 0 to 255."),
)
again_options = gathered(
    Again,
    "again",
    click.option(
        "--from", "nodes", multiple=True, metavar="NODE", help="Run NODE again with all after it; repeatable."
    ),
    click.option("--dry-run", is_flag=True, help="Say what would run again and what would be reused; start nothing."),
    click.option("--run-id", metavar="ID", help="Give the new run its id; the same id again is the same run."),
    click.option("--wait", is_flag=True, help="Watch the new run, and end with its outcome."),
)
which_options = gathered(
    Which,
    "which",
    click.option(
        "--flow",
        metavar="FLOW",
        shell_complete=offers("asyncflow.cli.completion:flows"),
        help="Only runs of this flow.",
    ),
    click.option("--state", multiple=True, type=click.Choice(STATES), help="Only runs in this state; repeatable."),
    click.option(
        "--label", multiple=True, metavar="NAME=VALUE", callback=_pairs, help="Only runs with this mark; repeatable."
    ),
    click.option(
        "--since", metavar="TIME", callback=_moment, help="Started since then: 2h, 7d, 2030-01-31, 2030-01-31T18:00."
    ),
    click.option("--until", metavar="TIME", callback=_moment, help="Started before then."),
    click.option(
        "--search", default="", metavar="TEXT", help="With this in the id, the flow, the error or a label's value."
    ),
    click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many runs."),
)
embedded_options = gathered(
    Embedded,
    "embedded",
    click.option("-A", "--app", default="", metavar="APP", help="Embedded: your Celery app, such as proj.celery:app."),
    click.option("--concurrency", type=click.IntRange(min=1), metavar="N", help="Embedded: tasks at a time; 4."),
)
look_options = gathered(
    Look,
    "look",
    click.option(
        "-o",
        "--output",
        "folder",
        type=click.Path(path_type=Path),
        default=Path(),
        metavar="FOLDER",
        help="Where to: a file for each flow; - writes one flow to standard output.  [default: .]",
    ),
    click.option(
        "--format", type=click.Choice(["svg", "dot", "mermaid", "json", "png"]), default="svg", show_default=True
    ),
    click.option(
        "--style",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="YAML with graphviz attributes, such as `task: {fillcolor: white}`.",
    ),
    click.option(
        "--expand",
        default="0",
        metavar="N|FLOW,...",
        help="Unfold sub-flows N deep, or those of these names.  [default: 0]",
    ),
)
dice_options = gathered(
    Dice,
    "dice",
    click.option("--seed", type=int, default=1, show_default=True, help="The same seed is the same run."),
    click.option(
        "--fail",
        multiple=True,
        callback=_chances,
        metavar="[TASK=]CHANCE",
        help="How likely a task fails, from 0 to 1; without a name, every one; repeatable.",
    ),
    click.option(
        "--result",
        multiple=True,
        callback=_pairs,
        metavar="TASK=JSON|@FILE",
        help="What a task returns, null if not said; repeatable.",
    ),
    click.option("--opaque", multiple=True, metavar="FLOW", help="Take this sub-flow for one node; repeatable."),
    click.option("--runs", type=click.IntRange(min=1), metavar="N", help="Play so many seeds, and count."),
    click.option(
        "--most", type=click.IntRange(min=1), default=10_000, show_default=True, help="Give up after so many nodes."
    ),
)
KEEP = click.option(
    "--keep",
    required=True,
    callback=_seconds,
    metavar="DURATION",
    help="How long ended runs are kept: 30d, 12h ...",
)
HTTP = click.option(
    "--http",
    is_flag=False,
    flag_value="127.0.0.1:8321",
    default="",
    metavar="HOST:PORT",
    help="Serve the page and the HTTP API too; off loopback tokens are demanded.  [127.0.0.1:8321 if not said where]",
)
HTTP_HOST = click.option(
    "--http-host", multiple=True, metavar="NAME", help="Answer to this host name too, such as a proxy's; repeatable."
)
METRICS_PORT = click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve figures for Prometheus on this port of 127.0.0.1.",
)
KEEP_WHILE_SERVING = click.option(
    "--keep",
    callback=_seconds,
    metavar="DURATION",
    help="Remove runs, with all that is stored of them, so long after their end: 30d, 12h ...  [never]",
)
site_options = gathered(Site, "site", HTTP, HTTP_HOST, METRICS_PORT, KEEP_WHILE_SERVING)
where_options = gathered(Where, "where", CONFIG, BROKER, STORE)
config_options = gathered(Where, "where", CONFIG)
store_options = gathered(Where, "where", STORE)
line_options = gathered(Where, "where", BROKER)
read_options = gathered(Where, "where", BROKER, STORE)
output_options = gathered(Output, "output", JSON, VERBOSE, QUIET)
print_options = gathered(Output, "output", JSON, QUIET)
log_options = gathered(Output, "output", VERBOSE, QUIET)
