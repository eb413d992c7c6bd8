"""What a command or a program wants of the parts, read once from the environment and from what was typed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from asyncflow.dispatcher.watchdog import WatchdogSettings
from asyncflow.errors import RequestError

WORKER_PLUGIN = "asyncflow_celery.worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """An empty broker URL means embedded."""

    config: tuple[Path, ...] = ()
    broker_url: str = ""
    store_url: str = "sqlite:///asyncflow.db"
    namespace: str = "asyncflow"
    celery_app: str = ""
    concurrency: int = 4
    unroutable_after: float = 300.0
    partitions: int | None = None
    """How many dispatchers can share the work, at most; None for what the store says, or what is usual for it."""
    lease: float = 10.0
    """Seconds after which others take over what a dispatcher had that was killed."""
    keep: float | None = None
    """Seconds after its end at which a run is removed; None for never."""
    completion: str = "auto"
    """How workers report: "rpc", "callbacks", "both", or "auto", which asks them what they can."""
    result_backend: str = ""
    """Where workers leave results, if the dispatcher can read it there: a redis:// URL."""
    worker_events: str = "auto"
    """Whether workers whose result backend tells no reasons of failures are asked for events: "auto" or "off"."""
    metrics_port: int | None = None
    """Where Prometheus finds figures, on the loopback interface; 0 stands for any free port, None for nowhere."""
    watchdog: WatchdogSettings = field(default_factory=WatchdogSettings)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)


_PROJECT = ("nodes.yaml", "flows.yaml")
"""The configuration where none is named, if both are in the working directory."""


def _paths(_: str, text: str) -> tuple[Path, ...]:
    return tuple(Path(part) for part in text.split(os.pathsep) if part)


def _text(_: str, text: str) -> str:
    return text


def _number(variable: str, text: str, kind: type[int | float]) -> float:
    try:
        number = kind(text)
    except ValueError as exc:
        raise RequestError(f"{variable} must be a number, not {text!r}") from exc
    if not number > 0:
        raise RequestError(f"{variable} must be more than 0, not {text!r}")
    return number


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the environment. Where it is empty or not set, the default of its setting holds."""

    name: str
    setting: str
    """The field of Settings; empty for what commands see to themselves."""
    meaning: str
    unset: str = ""
    """What holds where it is not set, if the setting's own default does not say it."""
    read: Callable[[str, str], object] = _text


VARIABLES = (
    Variable(
        "ASYNCFLOW_CONFIG",
        "config",
        f"YAML files and folders of them, separated by `{os.pathsep}`; workers read it too, for flow tasks.",
        "`nodes.yaml` and `flows.yaml` of the working directory, where both are there",
        _paths,
    ),
    Variable(
        "ASYNCFLOW_BROKER_URL",
        "broker_url",
        "The AMQP broker: of `asyncflow serve` and its workers, and of the commands and clients that reach them over it.",
        "none: `asyncflow run` and `asyncflow dev` bring a broker of their own",
    ),
    Variable("ASYNCFLOW_STORE_URL", "store_url", "Where runs are kept: `sqlite:///PATH` or `postgresql://...`."),
    Variable(
        "ASYNCFLOW_NAMESPACE",
        "namespace",
        "What the names of our queues and exchanges begin with. Dispatchers that share a broker and not a store need "
        "different ones, and clients that of their dispatcher.",
    ),
    Variable(
        "ASYNCFLOW_CELERY_APP",
        "celery_app",
        "Your Celery app, such as `proj.celery:app`, for `asyncflow worker` and the embedded worker.",
        "`celery_app` under `global` in the YAML files",
    ),
    Variable(
        "ASYNCFLOW_COMPLETION",
        "completion",
        "How workers report: `rpc`, `callbacks`, `both`, or `auto`, which asks them what they can.",
    ),
    Variable(
        "ASYNCFLOW_RESULT_BACKEND",
        "result_backend",
        "The workers' result backend, if it is Redis: its `redis://` URL.",
        "results are not read from a backend",
    ),
    Variable(
        "ASYNCFLOW_WORKER_EVENTS",
        "worker_events",
        "`auto` asks workers whose result backend tells no reasons of failures for events; `off` asks none.",
    ),
    Variable(
        "ASYNCFLOW_PARTITIONS",
        "partitions",
        "How many dispatchers can share the work, at most; a store keeps the number with which it began.",
        "what the store says; of a new one 8 with PostgreSQL, 1 with SQLite",
        partial(_number, kind=int),
    ),
    Variable(
        "ASYNCFLOW_LEASE",
        "lease",
        "Seconds after which other dispatchers take over what a killed one had.",
        read=partial(_number, kind=float),
    ),
    Variable(
        "ASYNCFLOW_LOG_FORMAT",
        "",
        "Lines of logs of `asyncflow serve` and `asyncflow worker`: `plain`, for people, or `json`.",
        "`plain`",
    ),
)
"""All of them: what is read here, what `client` and the commands read by themselves, and the reference page."""


def settings_from(environ: Mapping[str, str], **given: object) -> Settings:
    """Settings from the environment; what is given by name, and is neither None nor empty, wins."""
    found: dict[str, object] = {"environ": dict(environ)}
    if all(Path(name).is_file() for name in _PROJECT):
        found["config"] = tuple(map(Path, _PROJECT))
    for variable in VARIABLES:
        if variable.setting and environ.get(variable.name):
            found[variable.setting] = variable.read(variable.name, environ[variable.name])
    found.update({name: value for name, value in given.items() if value not in (None, "", ())})
    return Settings(**found)  # type: ignore[arg-type]  # names are checked by the dataclass, types by the callers
