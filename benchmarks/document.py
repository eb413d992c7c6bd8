"""docs/performance.md quotes the last results: the part between two marks is written from their file."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from benchmarks.measured import Figure, table
from benchmarks.parts import ROOT

RESULTS = ROOT / "benchmarks" / "results"
DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- quoted: begin -->\n", "<!-- quoted: end -->\n"


def latest() -> Path:
    """The newest file of results. Its name begins with its date."""
    return max(RESULTS.glob("*.json"))


def quoted(results: Path) -> str:
    """What the document says of a file of results."""
    told: dict[str, Any] = json.loads(results.read_text())
    machine, versions = told["machine"], told["versions"]
    names = {one.name for one in fields(Figure)}
    figures = [Figure(**{name: one[name] for name in one.keys() & names}) for one in told["figures"]]
    load = " and ".join(f"{one:.1f}" for one in machine["load"][:2])
    return (
        f"{told['date']}, {machine['cpus']} cores ({machine['model']}), {machine['system']}. When it ended, the load was\n"
        f"{load} over one and five minutes.\n"
        f"{', '.join(f'{name} {version}' for name, version in versions.items())}.\n"
        f"Raw figures: `{results.relative_to(ROOT)}`.\n\n"
        f"{table(figures)}\n"
    )


def rewritten(document: str, results: Path) -> str:
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{quoted(results)}{END}{after}"
