"""Every command: its words and its options. Bodies stand elsewhere, and are imported when they run."""

from __future__ import annotations

from pathlib import Path

import click

from asyncflow.cli.group import Commands, later, offers
from asyncflow.cli.options import (
    BROKER,
    CONFIG,
    HTTP_HOST,
    KEEP,
    LOG_FORMAT,
    STORE,
    Sending,
    Site,
    Where,
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
    store_options,
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
@click.option("--wait", is_flag=True, help="Watch the run, and end with its outcome.")
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
@later("asyncflow.cli.show:status")
def status() -> None:
    """Show a run with its nodes.

    RUN is a run's id, or a beginning of it that fits no other. With --broker a dispatcher is asked; without, the store
    is read, also while another process uses it.
    """


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
@click.option("--from", "again", multiple=True, metavar="NODE", help="Run NODE again with all after it; repeatable.")
@click.option("--dry-run", is_flag=True, help="Say what would run again and what would be reused, and start nothing.")
@click.option("--run-id", metavar="ID", help="Give the new run its id; the same id again is the same run.")
@click.option("--wait", is_flag=True, help="Watch the new run, and end with its outcome.")
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
    """Serve everything from this process, with a page to see it: a dispatcher, a Celery worker, a store in a file."""


@asyncflow.group(cls=Commands)
def token() -> None:
    """Make and revoke tokens for the HTTP API; it demands them where it can be reached from elsewhere."""


@token.command()
@click.option(
    "--scope",
    type=click.Choice(["read", "run", "admin"]),
    default="read",
    show_default=True,
    help="read looks; run starts and stops runs too; admin sees and revokes tokens too.",
)
@click.option("--name", default="", metavar="TEXT", help="Whose it is, or what for.")
@store_options
@print_options
@later("asyncflow.cli.tokens:create")
def create() -> None:
    """Make a token and print it. It is not kept, and cannot be shown again."""


@token.command("list")
@store_options
@print_options
@later("asyncflow.cli.tokens:list_tokens")
def list_tokens() -> None:
    """List the tokens that are valid."""


@token.command()
@click.argument("id")
@store_options
@print_options
@later("asyncflow.cli.tokens:revoke")
def revoke() -> None:
    """Let the token with this ID be valid no longer; servers notice at once."""


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


@asyncflow.group(cls=Commands)
def db() -> None:
    """Look after a store: its schema, its soundness, its size."""


@db.command()
@store_options
@output_options
@later("asyncflow.cli.store:upgrade")
def upgrade() -> None:
    """Bring the schema up to date. SQLite does that by itself when a dispatcher starts; PostgreSQL does not."""


@db.command("check")
@store_options
@output_options
@later("asyncflow.cli.store:check")
def check_store() -> None:
    """Look through everything that is stored for what cannot be. Ends with 1 when there is such a thing."""


@db.command()
@click.argument("runs", nargs=-1, metavar="[RUN...]", shell_complete=RUNS_OFFERED)
@click.option("-o", "--output", "file", type=click.Path(path_type=Path), metavar="FILE", help="Else standard output.")
@store_options
@log_options
@later("asyncflow.cli.store:export")
def export() -> None:
    """Write runs with their journals, attempts and results as lines of JSON; all runs if none are named."""


@db.command()
@KEEP
@click.option("--dry-run", is_flag=True, help="Say how many runs would go, and remove none.")
@store_options
@output_options
@later("asyncflow.cli.store:clean")
def clean() -> None:
    """Remove runs that ended long ago, with their sub-flows; a run that anything may still happen to stays.

    A SQLite store in use by a dispatcher must be left by it first.
    """


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
