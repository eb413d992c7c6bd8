"""Storages in processes that were forked from one that uses them."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

from asyncflow.model.flow import Storage


def test_each_forked_process_has_a_connection_of_its_own(declared: Storage):
    argument = json.dumps(dataclasses.asdict(declared))
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("forking.py")), argument],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert done.returncode == 0, done.stderr
