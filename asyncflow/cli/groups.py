"""Commands that stand in groups of their own: `config`, `db` and `token`. Their bodies are imported when they run."""

from __future__ import annotations

from pathlib import Path

import click

from asyncflow.cli.group import Commands, later, offers
from asyncflow.cli.options import (
    KEEP,
    log_options,
    output_options,
    print_options,
    store_options,
    where_options,
)

RUNS_OFFERED = offers("asyncflow.cli.completion:runs")


@click.group(cls=Commands)
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


@click.group(cls=Commands)
def config() -> None:
    """See the settings that hold here."""


@config.command("show")
@click.option("--sources", is_flag=True, help="Say of each where it comes from.")
@where_options
@print_options
@later("asyncflow.cli.config:show")
def show_config() -> None:
    """Show the settings that hold here, from options, the environment and defaults; passwords are masked."""


@click.group(cls=Commands)
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
