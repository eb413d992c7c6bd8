"""The problems found so far, and names that were probably meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from asyncflow.config.rules import CODES
from asyncflow.errors import Place, Problem, Severity

_MISREAD = frozenset({"F107", "F109"})


@dataclass(slots=True)
class Report:
    """Collects problems, so that one pass finds them all."""

    problems: list[Problem] = field(default_factory=list)

    def add(self, code: str, message: str, place: Place | None, *, label: str = "", hint: str = "") -> None:
        """`label` stands under the line that is shown, `hint` below it all."""
        severity = CODES[code].severity
        self.problems.append(
            Problem(code=code, message=message, place=place, severity=severity, label=label, hint=hint)
        )

    def contrast(
        self, code: str, message: str, place: Place, *, related: tuple[Place | None, str], hint: str = ""
    ) -> None:
        """As `add`, for a problem that only a second place makes one."""
        self.add(code, message, place, hint=hint)
        other, words = related
        if other is not None:
            self.problems[-1] = replace(self.problems[-1], related=((other, words),))

    @property
    def has_errors(self) -> bool:
        return any(problem.severity is Severity.ERROR for problem in self.problems)

    def has_errors_since(self, count: int) -> bool:
        """Whether any of the problems after the first `count` is an error."""
        return any(problem.severity is Severity.ERROR for problem in self.problems[count:])

    def sorted(self, without: Collection[str] = ()) -> tuple[Problem, ...]:
        """By file and line, each once: an anchor that is used twice has its mistakes once.

        A value that YAML itself gets wrong is not also reported for what it then is.
        """
        misread = {problem.place for problem in self.problems if problem.code in _MISREAD}
        kept = (
            problem
            for problem in self.problems
            if problem.code not in without and (problem.code in _MISREAD or problem.place not in misread)
        )
        return tuple(dict.fromkeys(sorted(kept, key=_rank)))


def _rank(problem: Problem) -> tuple[str, int, int, str, str]:
    place = problem.place
    if place is None:
        return ("", 0, 0, problem.code, problem.message)
    return (place.file, place.line, place.column, problem.code, problem.message)


def meant_by(wrong: str, known: Iterable[str]) -> str | None:
    """The name that was probably meant; None when nothing is close."""
    lowered = {name.lower(): name for name in sorted(set(known), reverse=True)}
    close = get_close_matches(wrong.lower(), lowered, n=1, cutoff=0.7)
    return lowered[close[0]] if close else None


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A hint that names what was probably meant; empty when nothing is close."""
    meant = meant_by(wrong, known)
    return f"did you mean `{meant}`?" if meant is not None else ""


def known_or_meant(wrong: str, known: Iterable[str]) -> str:
    """The same, or else the list of what there is, where that is short."""
    names = sorted(set(known))
    meant = did_you_mean(wrong, names)
    if meant or not names or len(names) > 12:
        return meant
    return f"known: {', '.join(names)}"
