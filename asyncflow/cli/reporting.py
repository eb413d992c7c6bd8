"""Options that say how workers report to a dispatcher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from asyncflow.cli.options import gathered


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """What is not given comes from the environment."""

    completion: str | None = None
    result_backend: str | None = None
    worker_events: str | None = None

    @property
    def given(self) -> Mapping[str, Any]:
        """The settings that were typed."""
        named = {
            "completion": self.completion,
            "result_backend": self.result_backend,
            "worker_events": self.worker_events,
        }
        return {name: value for name, value in named.items() if value}


reporting_options = gathered(
    Reporting,
    "reporting",
    click.option(
        "--completion",
        type=click.Choice(["auto", "rpc", "callbacks", "both"]),
        help="How workers report; auto asks them what they can.  [env: ASYNCFLOW_COMPLETION]",
    ),
    click.option(
        "--result-backend",
        metavar="URL",
        help="The workers' result backend, if it is Redis.  [env: ASYNCFLOW_RESULT_BACKEND]",
    ),
    click.option(
        "--worker-events",
        type=click.Choice(["auto", "off"]),
        help="Ask workers whose result backend is neither for events, which tell why tasks fail; auto does.  "
        "[env: ASYNCFLOW_WORKER_EVENTS]",
    ),
)
