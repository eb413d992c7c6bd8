"""What `import asyncflow` costs and gives."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import asyncflow

SOURCE = Path(asyncflow.__file__).read_text("utf-8")


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_import_takes_less_than_100_ms() -> None:
    code = "import time; t = time.perf_counter(); import asyncflow; print(time.perf_counter() - t)"

    # The best of several, for other programs run on this machine too.
    assert min(float(python(code)) for _ in range(5)) < 0.1


def test_import_brings_in_nothing_heavy() -> None:
    loaded = set(python("import sys, asyncflow; print(*sys.modules)").split())

    assert "asyncflow" in loaded
    assert loaded.isdisjoint({"aio_pika", "asyncio", "celery", "click", "kombu", "logging", "sqlite3", "yaml"})


def test_import_opens_and_starts_nothing() -> None:
    code = "import sys; done = []; sys.addaudithook(lambda event, told: done.append(event)); import asyncflow; print(*done)"
    done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=True).stdout

    # What importing itself does, in Python of any version: it lists folders, and reads and runs what it finds.
    importing = {"import", "open", "os.listdir", "marshal.loads", "compile", "exec"}
    assert {event for event in done.split() if not event.startswith(("object.", "sys."))} <= importing


def test_type_checkers_see_the_names_that_exist_at_run_time() -> None:
    promised = {
        (alias.asname, statement.module)
        for statement in ast.walk(ast.parse(SOURCE))
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("asyncflow.")
        for alias in statement.names
    }

    assert promised == set(asyncflow._HOMES.items())


@pytest.mark.parametrize("name", sorted(asyncflow._HOMES))
def test_public_name_resolves_and_is_listed(name: str) -> None:
    assert getattr(asyncflow, name).__name__ == name
    assert name in dir(asyncflow)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'asyncflow' has no attribute 'no_such_name'"):
        asyncflow.no_such_name  # noqa: B018  (the access is what is tested)


def test_version_is_that_of_the_distribution() -> None:
    assert asyncflow.__version__[0].isdigit()
