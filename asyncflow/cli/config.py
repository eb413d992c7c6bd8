"""`config show`: the settings that hold here, and where each of them comes from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import click

from asyncflow.app.configuration import load_configuration
from asyncflow.app.settings import VARIABLES, Settings, Variable
from asyncflow.cli.console import print_json
from asyncflow.cli.environment import settings_of
from asyncflow.cli.exits import Exit
from asyncflow.cli.options import Output, Where
from asyncflow.errors import ConfigurationError
from asyncflow.model.names import Json

_PASSWORD = re.compile(r"(?<=://)([^:/@\s]*):[^/@\s]*@")
_PARAMETER = re.compile(r"(?i)\b(password|passwd|token|secret)=[^&\s]*")


def show(sources: bool, where: Where, output: Output) -> int:
    """The body of `asyncflow config show`."""
    settings = settings_of(where)
    typed = {"config": bool(where.config), "broker_url": bool(where.broker), "store_url": bool(where.store)}
    told = [
        (one, masked(getattr(settings, one.setting)), source_of(one, settings, typed, os.environ))
        for one in VARIABLES
        if one.setting
    ]
    if settings.config and not settings.celery_app:
        written = _written_app(settings)
        told = [(one, *written) if one.setting == "celery_app" else (one, value, source) for one, value, source in told]
    if output.json:
        settings_told = {one.setting: {"value": value, "source": source} for one, value, source in told}
        print_json({"settings": settings_told})
        return Exit.OK
    width = max(len(one.setting) for one, _, _ in told)
    for one, value, source in told:
        line = f"{one.setting:{width}}  {_shown(value)}"
        click.echo(f"{line}  ({source})" if sources else line)
    return Exit.OK


def source_of(one: Variable, settings: Settings, typed: Mapping[str, bool], environ: Mapping[str, str]) -> str:
    """What was typed wins over the environment, and that over what lies in the working directory and the defaults."""
    if typed.get(one.setting):
        return "flag"
    if environ.get(one.name):
        return f"environment {one.name}"
    return "working directory" if one.setting == "config" and settings.config else "default"


def _written_app(settings: Settings) -> tuple[str, str]:
    """The Celery app that the configuration names, and that it does."""
    try:
        app = load_configuration(settings).configuration.celery_app
    except ConfigurationError:
        return "", "unknown: the configuration has problems, which `asyncflow check` tells"
    return (app, "configuration, `celery_app` under `global`") if app else ("", "default")


def masked(value: object) -> Json:
    """As JSON, without the passwords that URLs have in them."""
    if isinstance(value, tuple):
        return [str(each) if isinstance(each, Path) else each for each in value]
    if not isinstance(value, str):
        return value
    return _PARAMETER.sub(r"\1=***", _PASSWORD.sub(r"\1:***@", value))


def _shown(value: Json) -> str:
    if isinstance(value, list):
        return os.pathsep.join(value) or "-"
    return "-" if value in ("", None) else str(value)
