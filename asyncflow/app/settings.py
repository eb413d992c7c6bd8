"""What a command or a program wants of the parts, read once from the environment and from what was typed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
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

_NUMBERS: tuple[tuple[str, str, type[int | float]], ...] = (
    ("ASYNCFLOW_PARTITIONS", "partitions", int),
    ("ASYNCFLOW_LEASE", "lease", float),
)


def settings_from(environ: Mapping[str, str], **given: object) -> Settings:
    """Settings from the environment; what is given by name, and is neither None nor empty, wins."""
    found: dict[str, object] = {"environ": dict(environ)}
    if all(Path(name).is_file() for name in _PROJECT):
        found["config"] = tuple(map(Path, _PROJECT))
    if environ.get("ASYNCFLOW_CONFIG"):
        found["config"] = tuple(Path(part) for part in environ["ASYNCFLOW_CONFIG"].split(os.pathsep) if part)
    for name in ("broker_url", "store_url", "namespace", "celery_app", "result_backend", "completion", "worker_events"):
        if environ.get(f"ASYNCFLOW_{name.upper()}"):
            found[name] = environ[f"ASYNCFLOW_{name.upper()}"]
    for variable, name, kind in _NUMBERS:
        if environ.get(variable):
            found[name] = _number(variable, environ[variable], kind)
    found.update({name: value for name, value in given.items() if value not in (None, "", ())})
    return Settings(**found)  # type: ignore[arg-type]  # names are checked by the dataclass, types by the callers


def _number(variable: str, text: str, kind: type[int | float]) -> float:
    try:
        number = kind(text)
    except ValueError as exc:
        raise RequestError(f"{variable} must be a number, not {text!r}") from exc
    if not number > 0:
        raise RequestError(f"{variable} must be more than 0, not {text!r}")
    return number
