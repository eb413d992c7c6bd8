"""`plot`: pictures of flows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import yaml

from asyncflow import drawing
from asyncflow.app.reading import read_configuration
from asyncflow.cli.console import print_json
from asyncflow.cli.environment import settings_of
from asyncflow.cli.exits import Exit
from asyncflow.cli.options import Look, Output, Where
from asyncflow.errors import RequestError, UnknownFlowError
from asyncflow.model.flow import Configuration

_SUFFIXES = {"mermaid": "mmd"}


def plot(flows: tuple[str, ...], look: Look, where: Where, output: Output) -> int:
    """The body of `asyncflow plot`."""
    style = _style(look.style)
    configuration = read_configuration(settings_of(where))
    names = _names(flows, configuration)
    expand = _expand(look.expand, configuration)
    drawn = {name: drawing.draw(configuration, name, format=look.format, style=style, expand=expand) for name in names}
    if look.folder == Path("-"):
        _print(list(drawn.values()))
        return Exit.OK
    written = [_write(look.folder / _file_name(name, look.format), one) for name, one in drawn.items()]
    if output.json:
        print_json({"files": [str(path) for path in written]})
    elif not output.quiet:
        for path in written:
            click.echo(path)
    return Exit.OK


def _names(flows: tuple[str, ...], configuration: Configuration) -> Sequence[str]:
    """Those asked for, else all. Raises UnknownFlowError."""
    for flow in flows:
        if flow not in configuration.flows:
            raise UnknownFlowError(flow, tuple(configuration.flows))
    return flows or tuple(configuration.flows)


def _expand(given: str, configuration: Configuration) -> int | frozenset[str]:
    """How deep, or the names of flows. Raises UnknownFlowError."""
    if given.isdecimal():
        return int(given)
    return frozenset(_names(tuple(name.strip() for name in given.split(",")), configuration))


def _style(file: Path | None) -> drawing.Style:
    """Raises RequestError where the file is no style."""
    if file is None:
        return drawing.Style()
    try:
        return drawing.Style.read(yaml.load(file.read_bytes(), yaml.CSafeLoader))
    except OSError as exc:
        raise RequestError(f"the style {file} cannot be read: {(exc.strerror or str(exc)).lower()}") from exc
    except yaml.YAMLError as exc:
        raise RequestError(f"the style {file} is not YAML: {' '.join(str(exc).split())}") from exc


def _print(drawn: Sequence[str | bytes]) -> None:
    if len(drawn) != 1:
        raise click.UsageError(f"-o - takes one flow, and these are {len(drawn)}; give a folder")
    [one] = drawn
    sys.stdout.buffer.write(one if isinstance(one, bytes) else one.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


def _file_name(flow: str, format: str) -> str:
    """Names of flows may hold anything; one must not lead out of the folder."""
    return f"{flow.replace('/', '_')}.{_SUFFIXES.get(format, format)}"


def _write(path: Path, drawn: str | bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(drawn if isinstance(drawn, bytes) else drawn.encode("utf-8", "replace"))
    except OSError as exc:
        raise RequestError(f"{path} cannot be written: {(exc.strerror or str(exc)).lower()}") from exc
    return path
