"""The reference pages say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from asyncflow.app.settings import VARIABLES

ROOT = Path(__file__).parents[1]


def test_the_reference_pages_are_as_the_code_has_them() -> None:
    told = subprocess.run(
        [sys.executable, "tools/reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_every_variable_that_the_code_names_is_in_the_table() -> None:
    sources = [path for folder in ("asyncflow", "compat") for path in (ROOT / folder).rglob("*.py")]
    named = {
        name for path in sources for name in re.findall(r"\bASYNCFLOW_[A-Z_]+\b", path.read_text(encoding="utf-8"))
    }
    assert named == {variable.name for variable in VARIABLES}
