"""The configuration that settings name, only read: none of the users' modules is imported, and none can be needed."""

from __future__ import annotations

from asyncflow import config
from asyncflow.app.settings import Settings
from asyncflow.errors import RequestError
from asyncflow.model.flow import Configuration
from asyncflow.predicates import BUILT_INS, SELINON_1_4


def read_configuration(settings: Settings) -> Configuration:
    """For looking at flows, not for running them. Raises ConfigurationError with every problem."""
    refuse_none(settings)
    return config.load(
        settings.config, builtins=BUILT_INS, selinon_builtins=SELINON_1_4, environ=settings.environ
    ).configuration


def refuse_none(settings: Settings) -> None:
    """Raises RequestError where no configuration is named."""
    if not settings.config:
        raise RequestError("no configuration: give -c PATH, or set ASYNCFLOW_CONFIG; `asyncflow init` writes one")
