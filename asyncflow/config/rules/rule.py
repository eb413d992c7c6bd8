"""What a code stands for."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent, indent

from asyncflow.errors import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that can be wrong. `explanation` says why it matters, and shows it wrong and right."""

    code: str
    name: str
    severity: Severity
    summary: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Examples:
    """How it is written wrong, and how right."""

    wrong: str
    right: str


def error(code: str, name: str, summary: str, why: str, examples: Examples) -> Rule:
    return _rule(Severity.ERROR, (code, name, summary), why, examples)


def warning(code: str, name: str, summary: str, why: str, examples: Examples) -> Rule:
    return _rule(Severity.WARNING, (code, name, summary), why, examples)


def _rule(severity: Severity, known_as: tuple[str, str, str], why: str, examples: Examples) -> Rule:
    code, name, summary = known_as
    shown = [f"{title}:\n\n{_shown(text)}" for title, text in (("Wrong", examples.wrong), ("Right", examples.right))]
    explanation = "\n\n".join([f"{summary} {why}".strip(), *shown]) + "\n"
    return Rule(code=code, name=name, severity=severity, summary=summary, explanation=explanation)


def _shown(text: str) -> str:
    return indent(dedent(text).strip("\n"), "    ")
