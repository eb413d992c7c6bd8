"""The command line: words for people.

Importing this is quick: a command's parts are imported when it runs.
"""

from __future__ import annotations

from asyncflow.cli.commands import asyncflow


def main() -> None:
    """Run `asyncflow` with the arguments of this process, and exit."""
    asyncflow.main(prog_name="asyncflow")
