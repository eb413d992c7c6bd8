"""The command `asyncflow` itself: its commands, bodies that are imported when they run, and one end for every error."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from asyncflow.cli.exits import Exit, exit_of, expected, hint_of
from asyncflow.errors import AsyncflowError, ConfigurationError

Body = Callable[..., int | None]


class Commands(click.Group):
    """Lists commands as they were added, and ends with an exit code for every error that is raised on purpose."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        for stream in (sys.stdout, sys.stderr):
            _write_anything(stream)
        extra.setdefault("color", colour_wish())
        sys.exit(self._code(lambda: super(Commands, self).main(args, prog_name, complete_var, False, **extra)))

    def _code(self, run: Callable[[], Any]) -> int:
        """Run, tell what went wrong, and give the exit code; a bug keeps its traceback."""
        try:
            code = run()
        except click.ClickException as exc:
            exc.show()
            return exc.exit_code
        except (click.Abort, KeyboardInterrupt):
            click.echo("interrupted", err=True)
            return Exit.INTERRUPTED
        except (AsyncflowError, BaseExceptionGroup) as exc:
            error = expected(exc)
            if error is None:
                raise
            tell(error)
            return exit_of(error)
        return code if isinstance(code, int) else Exit.OK


def tell(error: AsyncflowError) -> None:
    """Say on standard error what went wrong and how to go on."""
    if isinstance(error, ConfigurationError):
        found("asyncflow.cli.problems:tell")(error)
        return
    say(f"{click.style('error:', fg='red', bold=True)} {error}")
    if hint := hint_of(error):
        say(f"{click.style('hint:', fg='cyan')} {hint}")


def say(text: str) -> None:
    """Write to standard error, in colours where they are wanted."""
    click.echo(text, err=True, color=colour_wish())


def colour_wish() -> bool | None:
    """False for NO_COLOR (no-color.org); else None: colours on a terminal only."""
    return False if os.environ.get("NO_COLOR") else None


def later(target: str) -> Callable[[Callable[..., None]], Body]:
    """Give a command its body, "module:function", which is imported when the command runs.

    So `--help`, completion and wrong options cost neither Celery nor rich. What the decorated function has is its name
    and its docstring, the command's help.
    """

    def decorate(words: Callable[..., None]) -> Body:
        @functools.wraps(words)
        def body(*args: Any, **given: Any) -> int | None:
            code: int | None = found(target)(*args, **given)
            return code

        return body

    return decorate


def offers(target: str) -> Callable[[click.Context, click.Parameter, str], Any]:
    """What a shell completes a parameter with: "module:function" is asked when it does."""
    return lambda ctx, param, incomplete: found(target)(ctx, incomplete)


def found(target: str) -> Any:
    """What "module:name" names, imported now."""
    module, name = target.split(":")
    return getattr(importlib.import_module(module), name)


def _write_anything(stream: Any) -> None:
    """Names and errors come from anywhere: what a terminal cannot show is no reason to stop."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
