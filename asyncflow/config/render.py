"""Problems as text: for people in full or one line each, for programs as JSON, GitHub commands or SARIF.

`json`, `github` and `sarif` are stable and meant for programs; `full` and `concise` may change with any version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import quote

import orjson

from asyncflow.config.excerpt import excerpt
from asyncflow.config.rules import CODES
from asyncflow.errors import Place, Problem, Severity
from asyncflow.model.names import Json

Format: TypeAlias = Literal["full", "concise", "json", "github", "sarif"]
Sources: TypeAlias = Mapping[str, str]


def render(problems: Sequence[Problem], sources: Sources, format: Format = "full") -> str:
    """The problems as text, without colours. Raises ValueError for a format that there is not."""
    if format not in _FORMATS:
        raise ValueError(f"no format is named {format!r}; there are {', '.join(_FORMATS)}")
    return _FORMATS[format](problems, sources)


def _full(problems: Sequence[Problem], sources: Sources) -> str:
    return "\n\n".join("\n".join(_drawn(problem, sources)) for problem in problems)


def _drawn(problem: Problem, sources: Sources) -> list[str]:
    places = [place for place in (problem.place, *(place for place, _ in problem.related)) if place is not None]
    gutter = len(str(max((place.line for place in places), default=1)))
    pad = " " * gutter
    lines = [f"{problem.severity.value}[{problem.code}]: {problem.message}"]
    if problem.place is not None:
        lines.append(f"{pad}--> {_where(problem.place)}")
        text = sources.get(problem.place.file, "")
        lines += excerpt(text, problem.place, problem.label, mark="^", gutter=gutter)
    for place, words in problem.related:
        lines.append(f"{pad}::: {_where(place)}")
        lines += excerpt(sources.get(place.file, ""), place, words, mark="-", gutter=gutter)
    if places:
        lines.append(f"{pad} |")
    if problem.hint:
        lines.append(f"{pad} = hint: {problem.hint}")
    lines.append(f"{pad} = explain: asyncflow explain {problem.code}")
    return lines


def _concise(problems: Sequence[Problem], sources: Sources) -> str:
    return "\n".join(" ".join(str(problem).split()) for problem in problems)


def _json(problems: Sequence[Problem], sources: Sources) -> str:
    counts = {severity: sum(problem.severity is severity for problem in problems) for severity in Severity}
    document = {
        "version": 1,
        "errors": counts[Severity.ERROR],
        "warnings": counts[Severity.WARNING],
        "problems": [_as_json(problem) for problem in problems],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def _as_json(problem: Problem) -> dict[str, Json]:
    return {
        "code": problem.code,
        "name": CODES[problem.code].name,
        "severity": problem.severity.value,
        "message": problem.message,
        "place": None if problem.place is None else _place_as_json(problem.place),
        "label": problem.label,
        "hint": problem.hint,
        "related": [{"place": _place_as_json(place), "message": words} for place, words in problem.related],
    }


def _place_as_json(place: Place) -> dict[str, Json]:
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
    }


def _github(problems: Sequence[Problem], sources: Sources) -> str:
    return "\n".join(map(_command, problems))


def _command(problem: Problem) -> str:
    """A workflow command: GitHub shows it beside the line."""
    properties: dict[str, object] = {}
    if problem.place is not None:
        place = problem.place
        properties = {"file": place.file, "line": place.line, "endLine": place.end_line, "col": place.column}
        if place.end_line == place.line:
            properties["endColumn"] = place.end_column
    properties["title"] = f"{problem.code} {CODES[problem.code].name}"
    written = ",".join(f"{key}={_escaped(str(value), also=':,')}" for key, value in properties.items())
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"::{problem.severity.value} {written}::{_escaped(problem.message + hint)}"


def _escaped(text: str, also: str = "") -> str:
    return "".join(f"%{ord(each):02X}" if each in "%\r\n" + also else each for each in text)


def _sarif(problems: Sequence[Problem], sources: Sources) -> str:
    codes = sorted({problem.code for problem in problems})
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "asyncflow", "rules": [_rule_as_sarif(code) for code in codes]}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(problem, codes.index(problem.code)) for problem in problems],
            }
        ],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def _rule_as_sarif(code: str) -> dict[str, Json]:
    rule = CODES[code]
    return {
        "id": code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.explanation},
        "defaultConfiguration": {"level": rule.severity.value},
    }


def _result(problem: Problem, rule: int) -> dict[str, Json]:
    hint = f" Hint: {problem.hint}" if problem.hint else ""
    made: dict[str, Json] = {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": problem.severity.value,
        "message": {"text": problem.message + hint},
    }
    if problem.place is not None:
        made["locations"] = [_location(problem.place)]
    if problem.related:
        made["relatedLocations"] = [
            {"id": number, "message": {"text": words}, **_location(place)}
            for number, (place, words) in enumerate(problem.related)
        ]
    return made


def _location(place: Place) -> dict[str, Json]:
    region = {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(place.file)}, "region": region}}


def _uri(file: str) -> str:
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _where(place: Place) -> str:
    return f"{place.file}:{place.line}:{place.column}"


_FORMATS: Mapping[str, Callable[[Sequence[Problem], Sources], str]] = {
    "full": _full,
    "concise": _concise,
    "json": _json,
    "github": _github,
    "sarif": _sarif,
}
