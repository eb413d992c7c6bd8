"""Writes docs/reference from the code: every key of the YAML files, every code of `asyncflow check`, every predicate.

`python tools/reference.py` writes; with `--check` it only says what is out of date, and exits with 1.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from asyncflow.config import CODES
from asyncflow.config.flow_sections import SECTIONS
from asyncflow.predicates import BUILT_INS

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
WRITTEN = "<!-- Written by tools/reference.py from the code. -->"


def configuration() -> Iterator[str]:
    yield "# Keys of the YAML files"
    yield WRITTEN
    yield "`asyncflow schema` prints the same as a JSON Schema, for editors. Required keys are in bold."
    for section in SECTIONS:
        yield f"## {section.title}"
        rows = ["| key | what it says |", "|---|---|"]
        for key in section.keys:
            name = f"**`{key.name}`**" if key.required else f"`{key.name}`"
            also = f" Also spelt {', '.join(f'`{alias}`' for alias in key.aliases)}." if key.aliases else ""
            rows.append(f"| {name} | {_cell(key.summary)}{also} |")
        yield "\n".join(rows)


def codes() -> Iterator[str]:
    yield "# What `asyncflow check` reports"
    yield WRITTEN
    yield "`asyncflow explain CODE` prints the same in a terminal."
    for code in sorted(CODES):
        rule = CODES[code]
        yield f"## {code} {rule.name}"
        yield f"{rule.severity.value.capitalize()}: {rule.summary}"
        yield rule.explanation


def predicates() -> Iterator[str]:
    yield "# Built-in predicates"
    yield WRITTEN
    yield (
        "`message` is the result of the condition's `node`, and `node_args` are those of the flow; both are filled in. "
        "The other parameters are given in `args`. A path that leads nowhere, and a value of another type than the test "
        "needs, make a predicate false."
    )
    rows = ["| predicate | holds when |", "|---|---|"]
    known = {**BUILT_INS.pure, **BUILT_INS.outside}
    for name in sorted(known, key=str.lower):
        parameters = ", ".join(map(_parameter, inspect.signature(known[name]).parameters.values()))
        summary = (inspect.getdoc(known[name]) or "").split("\n")[0]
        rows.append(f"| `{name}({parameters})` | {_cell(summary)} |")
    yield "\n".join(rows)


def _parameter(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return parameter.name
    return f"{parameter.name}={parameter.default!r}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


PAGES = {"configuration.md": configuration, "codes.md": codes, "predicates.md": predicates}


def outdated() -> list[str]:
    """The pages that are not as the code has them."""
    return [name for name, page in PAGES.items() if not (FOLDER / name).exists() or _text(page()) != _read(name)]


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _text(blocks: Iterator[str]) -> str:
    return "\n\n".join(blocks) + "\n"


def main() -> int:
    if "--check" in sys.argv:
        print("\n".join(f"docs/reference/{name} is out of date: run python tools/reference.py" for name in outdated()))
        return bool(outdated())
    for name, page in PAGES.items():
        (FOLDER / name).write_text(_text(page()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
