"""A project for each test that runs commands."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.cli.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """For commands that run nothing."""
    for name in ("ASYNCFLOW_CONFIG", "ASYNCFLOW_BROKER_URL", "ASYNCFLOW_STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    return CliRunner()
