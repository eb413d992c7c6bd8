"""What a look through a store finds."""

from __future__ import annotations

from dataclasses import dataclass

from asyncflow.errors import Severity
from asyncflow.model.names import RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that should not be so. A warning may be on its way to be mended."""

    message: str
    severity: Severity = Severity.ERROR
    run_id: RunId | None = None
