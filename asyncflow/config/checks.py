"""Checks on what was read as a whole."""

from __future__ import annotations

from collections.abc import Mapping

from asyncflow.config.flows import ReadFlow
from asyncflow.config.functions import Importer
from asyncflow.config.gathering import Parts
from asyncflow.config.scope import Scope
from asyncflow.model.names import FlowName


def check_configuration(
    flows: Mapping[FlowName, ReadFlow], parts: Parts, scope: Scope, importer: Importer | None
) -> None:
    """Everything that needs more than one part to be seen."""
