"""What `--node-args` and `--result` say: JSON, written out, in a file, or on standard input."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from asyncflow.errors import InvalidNodeArgsError
from asyncflow.model.names import Json

_SHOWN = 60


def read_node_args(given: str | None) -> Json:
    """The value. Raises InvalidNodeArgsError with the place of the mistake."""
    return None if given is None else read_json(given, "--node-args")


def read_json(given: str, option: str) -> Json:
    """JSON, or @ and the file that holds it. Raises InvalidNodeArgsError with the place of the mistake."""
    if not given.startswith("@"):
        return parse_json(given, option)
    name = given[1:]
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return parse_json(raw.decode("utf-8-sig"), name)
    except OSError as exc:
        raise InvalidNodeArgsError(f"{option}: {name} cannot be read: {(exc.strerror or str(exc)).lower()}") from exc
    except UnicodeDecodeError as exc:
        raise InvalidNodeArgsError(f"{option}: {name} is not UTF-8 (byte {exc.start})") from exc


def parse_json(text: str, source: str) -> Json:
    """JSON written out. Raises InvalidNodeArgsError with the place of the mistake."""
    try:
        return json.loads(text, parse_constant=_refused)
    except json.JSONDecodeError as exc:
        raise InvalidNodeArgsError(
            f"{source} is not JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}\n{_excerpt(exc)}"
        ) from exc
    except (ValueError, RecursionError) as exc:
        raise InvalidNodeArgsError(f"{source} is not JSON: {exc}") from exc


def _refused(constant: str) -> Json:
    raise ValueError(f"JSON has no {constant}")


def _excerpt(exc: json.JSONDecodeError) -> str:
    """The line with a caret under the mistake; a long line is cut around it."""
    lines = exc.doc.splitlines() or [""]
    line = lines[min(exc.lineno, len(lines)) - 1]
    begin = max(0, exc.colno - 1 - _SHOWN // 2)
    shown = "".join(letter if letter.isprintable() else " " for letter in line[begin : begin + _SHOWN])
    return f"    {shown}\n    {' ' * (exc.colno - 1 - begin)}^"
