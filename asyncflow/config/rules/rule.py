"""What a code stands for."""

from __future__ import annotations

from dataclasses import dataclass

from asyncflow.errors import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that can be wrong. `explanation` shows it wrong and right."""

    code: str
    name: str
    severity: Severity
    summary: str
    explanation: str
