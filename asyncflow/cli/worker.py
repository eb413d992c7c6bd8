"""`worker`: this process becomes a stock Celery worker for a configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from asyncflow.app import WORKER_PLUGIN, Settings, load_configuration, task_queues
from asyncflow.cli.environment import settings_of
from asyncflow.cli.log_lines import STYLE
from asyncflow.cli.options import Embedded, Where
from asyncflow.errors import RequestError
from asyncflow.model.flow import Configuration

WORKER_LOG = "asyncflow.cli.worker_log"
"""Only named here: importing it brings Celery."""


def worker(where: Where, app: str, queues: str, log_format: str, celery_args: tuple[str, ...]) -> NoReturn:
    """The body of `asyncflow worker`."""
    settings = settings_of(where, Embedded(app=app))
    configuration = load_configuration(settings).configuration
    command = [sys.executable, "-m", "celery", *_arguments(settings, configuration, queues, log_format), *celery_args]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, command, _environ(settings, log_format))  # noqa: S606  (no shell is wanted)


def _arguments(settings: Settings, configuration: Configuration, queues: str, log_format: str) -> list[str]:
    """Raises RequestError where there is neither an app nor a broker."""
    app = settings.celery_app or configuration.celery_app
    if not app and not settings.broker_url:
        raise RequestError(
            "worker needs a broker: give --broker URL, set ASYNCFLOW_BROKER_URL, or name a Celery app that has one "
            "with -A or `celery_app` under `global`"
        )
    arguments = ["-A", app] if app else ["--result-backend", "rpc://"]
    if settings.broker_url:
        arguments += ["-b", settings.broker_url]
    if log_format == "json":
        arguments.append("-q")  # no banner among the lines
    named = queues or ",".join(task_queues(configuration))
    return [*arguments, "worker", "-I", f"{WORKER_PLUGIN},{WORKER_LOG}", "-Q", named, "-l", "INFO"]


def _environ(settings: Settings, log_format: str) -> Mapping[str, str]:
    """The plugin finds the configuration by the environment; modules are found beside it, as everywhere."""
    folders = [path if path.is_dir() else path.parent for path in settings.config]
    python_path = [os.environ.get("PYTHONPATH", ""), str(Path.cwd()), *(str(folder.resolve()) for folder in folders)]
    return {
        **os.environ,
        "ASYNCFLOW_CONFIG": os.pathsep.join(str(path.resolve()) for path in settings.config),
        STYLE: log_format,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(part for part in python_path if part)),
    }
