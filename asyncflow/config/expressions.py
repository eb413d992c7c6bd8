"""CEL expressions as conditions, compiled when the configuration is read.

The compiler is `cel`, the Python binding of cel-rust: it follows the specification where numbers of
different types are compared, takes microseconds, and says in which column an expression is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from asyncflow.config.report import Report, did_you_mean
from asyncflow.config.tree import place_in
from asyncflow.errors import Place
from asyncflow.model.condition import Expression
from asyncflow.model.names import Json, NodeName

_ROOTS = frozenset({"results", "node_args"})
_MACROS = frozenset({"all", "exists", "exists_one", "existsOne", "filter", "map", "transformList", "transformMap"})
_TOKEN = re.compile(
    r"""(?P<text>[rRbB]{0,2}(?:'''(?:[^\\]|\\.)*?'''|\"\"\"(?:[^\\]|\\.)*?\"\"\"|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))"""
    r"""|(?P<name>[_a-zA-Z][_a-zA-Z0-9]*)|(?P<comment>//[^\n]*)|(?P<sign>[^\s\w])|(?P<number>[0-9]\w*)""",
    re.DOTALL,
)
_WHERE = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?(.*)")


def read_expression(
    source: str, place: Place, report: Report, *, readable: tuple[NodeName, ...] = ()
) -> Expression | None:
    """The compiled expression; None when it is wrong, which is reported.

    `readable` are the sources with results: an expression that looks at `results` as a whole reads them all.
    """
    try:
        program = _compiled(source)
    except Exception as error:  # noqa: BLE001  (the binding raises ValueError, TypeError, RuntimeError ...)
        line, column, words = _where(str(error))
        at = place_in(source, place, column - 1) if line == 1 else place
        hint = f"line {line}, column {column} of the expression" if at == place else ""
        report.add("F410", f"`{source}` is not a CEL expression: {words}", at, hint=hint)
        return None
    tokens = _tokens(source)
    unknown = sorted(set(program.variables()) - _ROOTS - _bound_in(tokens))
    for name in unknown:
        message = f"the expression reads `{name}`, but there are only `results` and `node_args`"
        hint = did_you_mean(name, _ROOTS) or f"write results.TASK.{name} or node_args.{name}"
        report.add("F411", message, place_in(source, place, source.find(name), len(name)), hint=hint)
    if unknown:
        return None
    named = _results_in(tokens)
    nodes = readable if named is None else tuple(map(NodeName, named))
    return Expression(source=source, nodes=nodes, call=_call_of(program.execute))


def results_in(source: str) -> list[str] | None:
    """The names that follow `results.` or stand in `results[...]`, each once; None when it reads them all."""
    return _results_in(_tokens(source))


def _compiled(source: str) -> Any:
    """The library brings a command line of its own and takes a third of a second: only expressions pay for it."""
    return import_module("cel").compile(source)


def _tokens(source: str) -> list[re.Match[str]]:
    return [match for match in _TOKEN.finditer(source) if match.lastgroup != "comment"]


def _bound_in(tokens: list[re.Match[str]]) -> set[str]:
    """The variables that macros such as `list.exists(each, ...)` bring along; the library counts them as read."""
    bound = set()
    words = [token.group() for token in tokens]
    for index, word in enumerate(words):
        if word in _MACROS and words[index - 1 : index] == ["."] and words[index + 1 : index + 2] == ["("]:
            bound.update(words[index + 2 : index + 3])
            if words[index + 3 : index + 6 : 2] == [",", ","]:  # two variables: the index or key, and the value
                bound.update(words[index + 4 : index + 5])
    return bound


def _results_in(tokens: list[re.Match[str]]) -> list[str] | None:
    names: dict[str, None] = {}
    words = [token.group() for token in tokens]
    for index, word in enumerate(words):
        if word != "results" or words[index - 1 : index] == ["."]:
            continue
        sign, then = words[index + 1 : index + 2], tokens[index + 2 : index + 3]
        if sign == ["."] and then and then[0].lastgroup == "name":
            names[then[0].group()] = None
        elif sign == ["["] and then and then[0].lastgroup == "text":
            names[then[0].group().strip("\"'")] = None
        else:
            return None
    return list(names)


def _call_of(execute: Callable[..., Json]) -> Callable[[Mapping[str, Json]], bool]:
    def call(document: Mapping[str, Json]) -> bool:
        # As with predicates: what leads nowhere or does not fit is false, never an error.
        try:
            return execute(document) is True
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
            return False

    return call


def _where(words: str) -> tuple[int, int, str]:
    found = _WHERE.search(words)
    if found is None:
        return 1, 1, words.splitlines()[0]
    said = re.sub(r" expecting \{.*", "", found[3].strip())
    return int(found[1]), int(found[2]), said.replace("mismatched input '<EOF>'", "it ends too early")
