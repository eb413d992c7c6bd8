"""The import contracts of pyproject.toml bite: each is shown a project with one wrong import."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

ROOTS = ["asyncflow", "asyncflow_celery", "asyncflow_selinon"]
LAYERS = [
    "adapters",
    "app",
    "cli",
    "client",
    "config",
    "dispatcher",
    "engine",
    "errors",
    "model",
    "ports",
    "predicates",
    "storages",
    "testing",
    "web",
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with every layer, all of them empty, under our own contracts."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in [*ROOTS, *(f"asyncflow/{layer}" for layer in LAYERS)]:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    return tmp_path


def lint_imports(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def plant(project: Path, module: str, statement: str) -> None:
    """Write an import inside a function, where it is easily overlooked."""
    (project / module).write_text(f"def f():\n    {statement}\n")


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("asyncflow/model/flow.py", "import asyncflow.ports", "Imports only point down"),
        ("asyncflow/engine/decide.py", "from asyncflow import config", "Imports only point down"),
        ("asyncflow/dispatcher/intake.py", "from asyncflow.adapters import amqp", "Imports only point down"),
        ("asyncflow/client/client.py", "import asyncflow.web", "Imports only point down"),
        ("asyncflow/surprise.py", "pass", "Imports only point down"),
        ("asyncflow/engine/edges.py", "import asyncio", "The core touches nothing outside"),
        ("asyncflow/model/run.py", "from os import path", "The core touches nothing outside"),
        ("asyncflow/web/routes.py", "import asyncflow_celery", "Only the composition root imports compat"),
        ("asyncflow/cli/worker.py", "import asyncflow_selinon", "Only the composition root imports compat"),
        ("asyncflow_celery/worker.py", "import asyncflow.app", "What runs on workers does not import"),
    ],
)
def test_a_wrong_import_breaks_its_contract(project: Path, module: str, statement: str, contract: str) -> None:
    plant(project, module, statement)

    outcome = lint_imports(project)

    assert outcome.returncode == 1, outcome.stdout
    broken = [line for line in outcome.stdout.splitlines() if line.endswith("BROKEN")]
    assert len(broken) == 1, outcome.stdout
    assert broken[0].startswith(contract)


def test_a_cycle_inside_a_package_breaks_its_contract(project: Path) -> None:
    plant(project, "asyncflow/engine/edges.py", "import asyncflow.engine.retries")
    plant(project, "asyncflow/engine/retries.py", "import asyncflow.engine.edges")

    outcome = lint_imports(project)

    assert outcome.returncode == 1
    assert "No cycle, inside a package either BROKEN" in outcome.stdout


def test_right_imports_keep_every_contract(project: Path) -> None:
    plant(project, "asyncflow/app/parts.py", "import asyncflow.adapters")
    plant(project, "asyncflow/app/__init__.py", "import asyncflow_celery.worker, asyncflow_selinon")
    plant(project, "asyncflow/cli/run.py", "import asyncflow.app")
    plant(project, "asyncflow/dispatcher/intake.py", "import asyncflow.engine, asyncio, os")
    plant(project, "asyncflow_celery/worker.py", "import asyncflow.config, celery")

    outcome = lint_imports(project)

    assert outcome.returncode == 0, outcome.stdout


def test_layers_that_do_not_exist_yet_break_nothing(project: Path) -> None:
    for layer in ["app", "cli", "client", "testing", "web"]:
        shutil.rmtree(project / "asyncflow" / layer)

    outcome = lint_imports(project)

    assert outcome.returncode == 0, outcome.stdout
