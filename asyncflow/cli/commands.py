"""Every command: its words and its options. Bodies stand elsewhere, and are imported when they run."""

from __future__ import annotations

from pathlib import Path

import click

from asyncflow.cli.group import Commands, later, offers
from asyncflow.cli.groups import config, db, token
from asyncflow.cli.options import (
    BROKER,
    CONFIG,
    HTTP_HOST,
    LOG_FORMAT,
    STORE,
    Manner,
    Sending,
    Site,
    Where,
    again_options,
    config_options,
    dice_options,
    embedded_options,
    gathered,
    line_options,
    log_options,
    look_options,
    output_options,
    print_options,
    read_options,
    site_options,
    where_options,
    which_options,
    wish_options,
)
from asyncflow.cli.reporting import reporting_options

FLOWS_OFFERED = offers("asyncflow.cli.completion:flows")
RUNS_OFFERED = offers("asyncflow.cli.completion:runs")
FLOW = click.argument("flow", shell_complete=FLOWS_OFFERED)
RUN = click.argument("run", shell_complete=RUNS_OFFERED)
RUNS = click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=RUNS_OFFERED)

FORMATS = ("full", "concise", "json", "github", "sarif")


@click.command("asyncflow", cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="asyncflow-dispatcher", message="asyncflow %(version)s")
def asyncflow() -> None:
    """Run flows of Celery tasks, written in YAML.

    Exit codes: 0 ok, 1 the flow failed or was cancelled, 2 wrong use or configuration, 3 not found, 4 conflict,
    5 the broker, the store or a dispatcher cannot be reached.
    """


@asyncflow.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path), default=Path(), metavar="[FOLDER]")
@click.option(
    "--celery-app", default="", metavar="APP", help="Write down the tasks of this app, such as proj.celery:app."
)
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
@print_options
@later("asyncflow.cli.init:init")
def init() -> None:
    """Write the files of a new project: a demonstration that runs at once, or the tasks of your Celery app.

    The app is imported, with the modules that it includes; its tasks are called by their names, and stay as they are.
    """


@asyncflow.command()
@FLOW
@where_options
@wish_options
@embedded_options
@output_options
@later("asyncflow.cli.run:run")
def run() -> None:
    """Start FLOW, watch it, and end with its outcome.

    Without --broker everything runs in this process: a dispatcher, a stock Celery worker, and a store in a file.
    With it, a dispatcher that serves there does the work.
    """


@asyncflow.command()
@FLOW
@line_options
@wish_options
@gathered(
    Manner,
    "manner",
    click.option("--wait", is_flag=True, help="Watch the run, and end with its outcome."),
    click.option(
        "--each",
        metavar="FILE|-",
        help="Start a run for each line, which is the JSON of its node args; --run-id begins their ids.",
    ),
)
@output_options
@later("asyncflow.cli.run:start")
def start() -> None:
    """Ask a dispatcher to start FLOW; print the id of the run once its start is durable."""


@asyncflow.command()
@RUN
@line_options
@output_options
@later("asyncflow.cli.run:watch_run")
def watch() -> None:
    """Watch RUN until it is over, and end with its outcome."""


@asyncflow.command()
@RUN
@read_options
@output_options
@later("asyncflow.cli.show:show")
def show() -> None:
    """Show a run: its nodes, what was not taken and why; with -v also arguments, attempts, results, tracebacks.

    RUN is a run's id, or a beginning of it that fits no other. With --broker a dispatcher is asked; without, the store
    is read, also while another process uses it.
    """


# What `show` was called before; scripts may use it.
asyncflow.add_command(click.Command("status", params=show.params, callback=show.callback, help=show.help, hidden=True))


@asyncflow.command()
@RUN
@click.option("-f", "--follow", is_flag=True, help="Go on until the run is over; asks a dispatcher.")
@read_options
@output_options
@later("asyncflow.cli.journal:logs")
def logs() -> None:
    """Tell what was decided about a run, line by line; with --json one object a line, as it is stored."""


@asyncflow.command("list")
@which_options
@read_options
@output_options
@later("asyncflow.cli.show:list_runs")
def list_runs() -> None:
    """List runs, newest first: those to which all that is asked for applies."""


@asyncflow.command()
@RUNS
@click.option("--reason", default="", metavar="TEXT", help="Why; kept with the run.")
@line_options
@output_options
@later("asyncflow.cli.control:cancel")
def cancel() -> None:
    """Cancel runs with their sub-flows: what is not started stays so, and late results are ignored."""


@asyncflow.command()
@RUNS
@line_options
@output_options
@later("asyncflow.cli.control:pause")
def pause() -> None:
    """Pause runs with their sub-flows: what is under way goes on, nothing new starts."""


@asyncflow.command()
@RUNS
@line_options
@output_options
@later("asyncflow.cli.control:resume")
def resume() -> None:
    """Go on with paused runs, and start what they have held."""


@asyncflow.command()
@where_options
@output_options
@later("asyncflow.cli.schedules:list_schedules")
def schedules() -> None:
    """List the schedules with their next ticks: those of a dispatcher, or without --broker of the configuration."""


@asyncflow.command()
@RUN
@click.argument("event")
@gathered(
    Sending,
    "sending",
    click.option("--payload", metavar="JSON|@FILE", help="What the node gets as its result; @- reads standard input."),
    click.option("--id", default="", metavar="KEY", help="The same id again for the same event counts once."),
    click.option("--node", metavar="ID", help="The id of the one node that it is for."),
)
@line_options
@output_options
@later("asyncflow.cli.signal:signal")
def signal() -> None:
    """Tell RUN of an external EVENT: it releases the oldest node that waits for it, in RUN or in its sub-flows."""


@asyncflow.command()
@RUN
@again_options
@where_options
@embedded_options
@output_options
@later("asyncflow.cli.retry:retry")
def retry() -> None:
    """Run what has not succeeded in RUN again, in a new run that reuses the rest; RUN must be over.

    Without --broker everything runs in this process, as with `asyncflow run`, and the new run is watched to its end.
    """


@asyncflow.command()
@where_options
@site_options
@reporting_options
@LOG_FORMAT
@log_options
@later("asyncflow.cli.serve:serve")
def serve() -> None:
    """Dispatch the flows of a configuration until SIGTERM or Ctrl-C."""


@asyncflow.command()
@gathered(Where, "where", CONFIG, STORE)
@embedded_options
@gathered(
    Site,
    "site",
    click.option("--http", default="127.0.0.1:8321", show_default=True, metavar="HOST:PORT", help="Where the page is."),
    HTTP_HOST,
)
@log_options
@later("asyncflow.cli.serve:dev")
def dev() -> None:
    """Serve everything from this process, with a page to see it: a dispatcher, a Celery worker, a store in a file.

    Where no configuration is named, and none is here, it serves a demonstration.
    """


asyncflow.add_command(token)


@asyncflow.command()
@where_options
@output_options
@later("asyncflow.cli.doctor:doctor")
def doctor() -> None:
    """Look at the broker, queues, workers and the store, and say what would improve them.

    Then it says which guarantees hold here. Nothing is changed. Ends with 5 if something essential cannot be reached.
    """


@asyncflow.command()
@gathered(Where, "where", CONFIG, BROKER)
@click.option("-A", "--app", default="", metavar="APP", help="Your Celery app, such as proj.celery:app.")
@click.option("-Q", "--queues", default="", metavar="QUEUE,...", help="Queues; all that the configuration names.")
@LOG_FORMAT
@click.argument("celery_args", nargs=-1, type=click.UNPROCESSED, metavar="[-- CELERY OPTIONS]")
@later("asyncflow.cli.worker:worker")
def worker() -> None:
    """Become a stock `celery worker` for the tasks of a configuration.

    What stands after -- goes to Celery: asyncflow worker -c flows -- --pool threads -c 8. Celery's own default app
    is used where no other is named, which does for flow tasks: classes with run(self, node_args).
    """


@asyncflow.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH...]")
@click.option(
    "--format", "style", type=click.Choice(FORMATS), default="full", show_default=True, help="How to tell problems."
)
@click.option("--strict", is_flag=True, help="Take warnings for errors.")
@click.option("--import", "imports", is_flag=True, help="Import the functions that the files name, and try them.")
@later("asyncflow.cli.check:check")
def check() -> None:
    """Check YAML files, and folders of them, those of ASYNCFLOW_CONFIG if none are given. Ends with 2 for errors.

    Your code is not imported unless --import is given.
    """


@asyncflow.command("import-selinon")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True), metavar="[PATH...]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@later("asyncflow.cli.import_selinon:import_selinon")
def import_selinon() -> None:
    """Read a project written for Selinon, and tell what behaves differently, what must change, and what to run.

    PATH is a folder with YAML and Python files, or such a file; the working directory if none is given. Nothing is
    imported, run or written. Ends with 2 where the YAML files have errors.
    """


@asyncflow.command()
@click.argument("code", required=False)
@later("asyncflow.cli.check:explain")
def explain() -> None:
    """Explain CODE, such as F204, with an example; without CODE, list them all."""


@asyncflow.command()
@later("asyncflow.cli.check:schema")
def schema() -> None:
    """Print the JSON Schema of the YAML files, for editors."""


@asyncflow.command()
@click.argument("flows", nargs=-1, metavar="[FLOW...]", shell_complete=FLOWS_OFFERED)
@config_options
@look_options
@print_options
@later("asyncflow.cli.plot:plot")
def plot() -> None:
    """Draw flows, all of them if none are named, and print the names of the files.

    PNG needs: pip install 'asyncflow-dispatcher[png]'; other formats need nothing.
    """


@asyncflow.command()
@FLOW
@config_options
@click.option("--node-args", metavar="JSON|@FILE", help="The flow's arguments; @- reads standard input.")
@dice_options
@output_options
@later("asyncflow.cli.simulate:simulate")
def simulate() -> None:
    """Play FLOW by the dispatcher's rules: no broker, no worker, no waiting, and no task is called.

    Ends as the run does: 0 when it has succeeded, 1 when not. With --runs, prints how often each outcome came, each
    node ran and each edge fired, and ends with 0. Predicates and foreach functions are yours, and are called.
    """


asyncflow.add_command(config)
asyncflow.add_command(db)


@asyncflow.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@later("asyncflow.cli.completion:completion")
def completion() -> None:
    """Print a script that lets SHELL complete commands, options, flows and runs.

    \b
    bash, in ~/.bashrc:                eval "$(asyncflow completion bash)"
    zsh, in ~/.zshrc, after compinit:  eval "$(asyncflow completion zsh)"
    fish:  asyncflow completion fish > ~/.config/fish/completions/asyncflow.fish
    """  # noqa: D301  (the character tells click to keep the lines)
