"""`config show`: what holds here, where it comes from, and no password."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from asyncflow.cli.commands import asyncflow
from asyncflow.cli.config import masked


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("amqp://guest:s3cret@host:5672//", "amqp://guest:***@host:5672//"),
        ("redis://:s3cret@host/0", "redis://:***@host/0"),
        (
            "postgresql://ada@host/db?password=s3cret&sslmode=require",
            "postgresql://ada@host/db?password=***&sslmode=require",
        ),
        ("sqlite:///runs.db", "sqlite:///runs.db"),
    ],
)
def test_passwords_are_masked(url: str, told: str) -> None:
    assert masked(url) == told


def test_each_setting_says_where_it_comes_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"ASYNCFLOW_BROKER_URL": "amqp://guest:s3cret@host//", "ASYNCFLOW_LEASE": "5", "ASYNCFLOW_CONFIG": ""}
    arguments = ["config", "show", "--store", "sqlite:///typed.db"]
    told = CliRunner().invoke(asyncflow, [*arguments, "--json"], env=environ)
    settings = json.loads(told.stdout)["settings"]
    assert settings["broker_url"] == {
        "value": "amqp://guest:***@host//",
        "source": "environment ASYNCFLOW_BROKER_URL",
    }
    assert settings["store_url"] == {"value": "sqlite:///typed.db", "source": "flag"}
    assert settings["lease"]["value"] == 5
    assert settings["namespace"] == {"value": "asyncflow", "source": "default"}
    lines = CliRunner().invoke(asyncflow, [*arguments, "--sources"], env=environ).stdout
    assert "sqlite:///typed.db  (flag)" in lines
    assert "s3cret" not in lines


def test_the_celery_app_of_the_configuration_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    written = tmp_path / "flows.yaml"
    flow = "tasks: [{name: A, celery_task: a}]\nflow-definitions: [{name: f, edges: [{from: [], to: A}]}]\n"
    written.write_text(f"global: {{celery_app: 'proj:app'}}\n{flow}")
    show = ["config", "show", "--sources", "-c", str(written)]
    assert "proj:app  (configuration, `celery_app` under `global`)" in CliRunner().invoke(asyncflow, show).stdout
    named = CliRunner().invoke(asyncflow, show, env={"ASYNCFLOW_CELERY_APP": "other:app"}).stdout
    assert "other:app  (environment ASYNCFLOW_CELERY_APP)" in named
    written.write_text("flows: [none]\n")
    assert "`asyncflow check` tells" in CliRunner().invoke(asyncflow, show).stdout
