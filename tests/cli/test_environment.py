"""What the variables of the environment say, and what of them is refused."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from asyncflow.app.settings import VARIABLES, Settings, settings_from
from asyncflow.cli import asyncflow
from asyncflow.errors import RequestError

SET = {
    "ASYNCFLOW_CONFIG": (os.pathsep.join(["a.yaml", "", "b"]), (Path("a.yaml"), Path("b"))),
    "ASYNCFLOW_BROKER_URL": ("amqp://there//", "amqp://there//"),
    "ASYNCFLOW_STORE_URL": ("memory:", "memory:"),
    "ASYNCFLOW_NAMESPACE": ("kitchen", "kitchen"),
    "ASYNCFLOW_CELERY_APP": ("shop:app", "shop:app"),
    "ASYNCFLOW_COMPLETION": ("rpc", "rpc"),
    "ASYNCFLOW_RESULT_BACKEND": ("redis://there", "redis://there"),
    "ASYNCFLOW_WORKER_EVENTS": ("off", "off"),
    "ASYNCFLOW_PARTITIONS": ("4", 4),
    "ASYNCFLOW_LEASE": ("2.5", 2.5),
}


def test_each_variable_gives_its_setting() -> None:
    settings = settings_from({name: text for name, (text, _) in SET.items()})
    found = {one.name: getattr(settings, one.setting) for one in VARIABLES if one.setting}
    assert found == {name: value for name, (_, value) in SET.items()}


def test_an_empty_variable_is_like_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = dict.fromkeys(SET, "")
    assert settings_from(environ) == Settings(environ=environ)


def test_what_is_given_wins() -> None:
    assert settings_from({"ASYNCFLOW_STORE_URL": "memory:"}, store_url="sqlite:///a.db").store_url == "sqlite:///a.db"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("ASYNCFLOW_PARTITIONS", "many", "ASYNCFLOW_PARTITIONS must be a number, not 'many'"),
        ("ASYNCFLOW_PARTITIONS", "2.5", "ASYNCFLOW_PARTITIONS must be a number, not '2.5'"),
        ("ASYNCFLOW_LEASE", "0", "ASYNCFLOW_LEASE must be more than 0, not '0'"),
    ],
)
def test_what_is_no_number_is_refused_by_the_name_of_its_variable(name: str, text: str, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        settings_from({name: text})


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_the_format_of_logs_may_stand_in_the_environment(command: str) -> None:
    done = CliRunner(env={"ASYNCFLOW_LOG_FORMAT": "xml"}).invoke(asyncflow, [command])
    assert done.exit_code == 2
    assert "'--log-format' (env var: 'ASYNCFLOW_LOG_FORMAT'): 'xml' is not one of 'plain', 'json'" in done.output
