"""A project for each test that runs commands."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.cli.project import Project

_NAMES = ("ASYNCFLOW_CONFIG", "ASYNCFLOW_BROKER_URL", "ASYNCFLOW_STORE_URL")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Also the working directory, so that both ways to run a command see the same store."""
    monkeypatch.chdir(tmp_path)
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
    return Project(tmp_path)


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """For commands that run nothing."""
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
    return CliRunner()
